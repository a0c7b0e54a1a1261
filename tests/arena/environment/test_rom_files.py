"""Every possible ROM of a folder is found, in each format; no file stops the search."""

from __future__ import annotations

import io
import os
import random
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from arena.environment.rom_files import rom_candidates, rom_forms, title

ROM = random.Random(1).randbytes(32 << 10)


def found(folder: Path) -> tuple[dict[str, bytes], list[str]]:
    lines: list[str] = []
    return dict(rom_candidates(folder, lines.append)), lines


def interleaved(rom: bytes) -> bytes:
    """A Super Magic Drive dump: a header, then blocks of 16 KiB, odd bytes before even ones."""
    blocks = [rom[start : start + 16384] for start in range(0, len(rom), 16384)]
    return b"\x02\x03" + bytes(510) + b"".join(block[1::2] + block[::2] for block in blocks)


def test_the_rom_is_found_in_every_dump_format() -> None:
    assert ROM in rom_forms(ROM)
    assert ROM in rom_forms(bytes(512) + ROM)
    assert ROM in rom_forms(interleaved(ROM))
    assert ROM[:5000] in rom_forms(ROM[:5000])
    smd = interleaved(ROM)
    assert ROM in rom_forms(smd[512:])
    assert ROM in rom_forms(smd + b"trailing")
    swapped = bytes(ROM[at ^ 1] for at in range(len(ROM)))
    assert ROM in rom_forms(swapped)
    assert ROM in rom_forms(bytes(512) + swapped)
    sized = ROM[:0x1A4] + (len(ROM) - 1).to_bytes(4, "big") + ROM[0x1A8:]
    assert sized in rom_forms(sized + b"more")
    assert sized in rom_forms(interleaved(sized + bytes(16384)))
    assert list(rom_forms(b"")) == [b""]
    assert ROM not in rom_forms(ROM[1:])


def zip_bytes(**entries: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries.items():
            archive.writestr(name.replace("_", "."), data)
    return buffer.getvalue()


def test_finds_files_in_folders_and_zips(tmp_path: Path) -> None:
    (tmp_path / "deep/er").mkdir(parents=True)
    (tmp_path / "a.GEN").write_bytes(b"one")
    (tmp_path / "deep/er/b").write_bytes(b"two")
    (tmp_path / "c.zip").write_bytes(zip_bytes(d_bin=b"three", e_zip=zip_bytes(f_md=b"four")))
    files, lines = found(tmp_path)
    assert files == {"a.GEN": b"one", "c.zip:d.bin": b"three", "c.zip:e.zip:f.md": b"four"} | {
        "deep/er/b": b"two"
    }
    assert lines == []
    assert found(tmp_path / "a.GEN") == ({"a.GEN": b"one"}, [])


def test_unreadable_files_are_skipped_and_reported(tmp_path: Path) -> None:
    (tmp_path / "cut.zip").write_bytes(zip_bytes(a_md=ROM)[:-30])
    (tmp_path / "packed.7z").write_bytes(b"7z")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "gone").symlink_to(tmp_path / "nowhere")
    with (tmp_path / "huge.iso").open("wb") as file:
        file.truncate(33 << 20)
    large = zip_bytes(z_md=bytes(33 << 20))
    (tmp_path / "large.zip").write_bytes(large)
    three = zip_bytes(c_zip=zip_bytes(b_zip=zip_bytes(a_md=b"deep")))
    (tmp_path / "three.zip").write_bytes(three)
    files, lines = found(tmp_path)
    assert files == {}
    assert [line.split(":")[0] for line in lines] == ["not read  cut.zip", "not read  packed.7z"]


@settings(max_examples=200, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_damaged_zips_never_raise(tmp_path: Path, data: st.DataObject) -> None:
    altered = bytearray(zip_bytes(a_md=b"abc" * 99, b_zip=zip_bytes(c_md=b"x")))
    for _ in range(data.draw(st.integers(1, 5))):
        at = data.draw(st.integers(0, len(altered) - 1))
        altered[at : at + data.draw(st.integers(0, 2))] = data.draw(st.binary(max_size=4))
    (tmp_path / "a.zip").write_bytes(altered)
    files, lines = found(tmp_path)
    assert all("\n" not in line for line in lines)
    assert set(files.values()) <= {b"abc" * 99, b"x", b""} or files


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", ""),
        (bytes(600), ""),
        (bytes(256) + b"SEGA MEGA DRIVE ", "untitled"),
        ((bytes(256) + b"SEGA").ljust(0x150) + b"A  GAME".ljust(48) + b"more", "A GAME"),
        ((bytes(256) + b"SEGA").ljust(0x150) + b"\xff" * 99, "\ufffd" * 48),
    ],
)
def test_title_of_a_rom(data: bytes, expected: str) -> None:
    assert title(data) == expected
