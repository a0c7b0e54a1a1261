"""The user's ROMs are recognised, imported and built; none is written incompletely.

The tests create a small data folder for stable-retro: its contest games need free bytes instead
of the commercial ROMs, and their patches are made by the real xdelta3.
"""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
import stable_retro.data

from agent.errors import UserError
from arena.environment import roms
from arena.environment.levels import built_from, joined_from
from arena.environment.roms import RomError, import_folder, status

SONIC, SONIC2, SONIC3K = (
    "SonicTheHedgehog-Genesis-v0",
    "SonicTheHedgehog2-Genesis-v0",
    "SonicAndKnuckles3-Genesis-v0",
)
KNUCKLES, SONIC3 = joined_from()[SONIC3K]
KEVIN, CATHY = "SonicTheHedgehogCustomKevin-Genesis", "SonicTheHedgehogCustomCathy-Genesis"
AIRSTRIKER = "Airstriker-Genesis-v0"
REAL_DATA = Path(stable_retro.data.path())


def sha1(data: bytes) -> str:
    return hashlib.sha1(data).hexdigest()


def noise(seed: int, length: int) -> bytes:
    return random.Random(seed).randbytes(length)


@pytest.fixture(scope="session")
def originals() -> dict[str, bytes]:
    """The user's ROMs: a free ROM instead of Sonic 1, and random bytes instead of the others."""
    owned = {
        SONIC: (REAL_DATA / "stable" / AIRSTRIKER / "rom.md").read_bytes(),
        SONIC2: noise(2, 64 << 10),
        KNUCKLES: noise(3, 32 << 10),
        SONIC3: noise(4, 32 << 10),
    }
    return owned | {SONIC3K: owned[KNUCKLES] + owned[SONIC3]}


@pytest.fixture(scope="session")
def custom(originals: dict[str, bytes]) -> dict[str, bytes]:
    """The targets of the patches: a third of the base is moved, and some bytes are new."""
    built = {}
    for number, (game, base) in enumerate(built_from().items()):
        rom = originals[base]
        third = len(rom) // 3
        built[game] = rom[third:] + noise(number, 900) + rom[:third]
    return built


@pytest.fixture(scope="session")
def pristine(
    tmp_path_factory: pytest.TempPathFactory, originals: dict[str, bytes], custom: dict[str, bytes]
) -> Path:
    data = tmp_path_factory.mktemp("pristine") / "data"
    for game, rom in (originals | {AIRSTRIKER: noise(5, 2000)}).items():
        (data / "stable" / game).mkdir(parents=True)
        (data / "stable" / game / "rom.sha").write_text(sha1(rom) + "\n")
    (data / "stable" / AIRSTRIKER / "rom.md").write_bytes(noise(5, 2000))
    other = data / "experimental" / "Other-Genesis-v0"
    other.mkdir(parents=True)
    (other / "rom.sha").write_text(sha1(noise(6, 3000)))
    for game, base in built_from().items():
        folder = data / "contrib" / game
        folder.mkdir(parents=True)
        (folder / "rom.sha").write_text(sha1(custom[game]) + "\n")
        (folder / "base").write_bytes(originals[base])
        (folder / "target").write_bytes(custom[game])
        command = "xdelta3 -e -q -S none -A= -W 16384 -s base target rom.delta".split()
        subprocess.run(command, cwd=folder, check=True, timeout=60)
        (folder / "base").unlink()
        (folder / "target").unlink()
    return data


@pytest.fixture
def data(tmp_path: Path, pristine: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    copy = tmp_path / "data"
    shutil.copytree(pristine, copy)
    monkeypatch.setattr(stable_retro.data, "path", lambda hint=None: str(copy))
    return copy


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    folder = tmp_path / "mine"
    folder.mkdir()
    return folder


def installed(data: Path) -> dict[str, bytes]:
    return {path.parent.name: path.read_bytes() for path in data.glob("*/*/rom.md")}


def snapshot(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def run_import(folder: Path) -> tuple[int, list[str]]:
    lines: list[str] = []
    return import_folder(folder, lines.append), lines


def test_the_whole_import(
    data: Path, mine: Path, originals: dict[str, bytes], custom: dict[str, bytes]
) -> None:
    """Dumps in four formats (plain, copier's header, interleaved, zip), other files and copies."""
    (mine / "sonic.bin").write_bytes(originals[SONIC])
    (mine / "copy of sonic.md").write_bytes(originals[SONIC])
    (mine / "sub").mkdir()
    (mine / "sub/s2.gen").write_bytes(bytes(512) + originals[SONIC2])
    halves = (originals[KNUCKLES][start : start + 16384] for start in (0, 16384))
    smd = bytes(512) + b"".join(half[1::2] + half[::2] for half in halves)
    (mine / "sk.smd").write_bytes(smd)
    with zipfile.ZipFile(mine / "s3.zip", "w") as archive:
        archive.writestr("readme.txt", "hello")
        archive.writestr("folder/s3.md", originals[SONIC3])
    (mine / "holiday.jpg").write_bytes(noise(9, 5000))
    before = snapshot(mine)

    code, lines = run_import(mine)

    assert code == 0
    expected = originals | custom | {AIRSTRIKER: noise(5, 2000)}
    assert installed(data) == expected
    assert sum(line.startswith("imported") for line in lines) == 4
    assert sum(line.startswith("built") for line in lines) == 7
    assert not [path for path in data.rglob(".*") if path.is_file()]  # no temporary file is left
    assert snapshot(mine) == before

    after = snapshot(data)
    code, lines = run_import(mine)  # once more: nothing to do
    assert code == 0 and snapshot(data) == after
    assert {line.split()[0] for line in lines} == {"present"}


def test_a_dump_of_the_joined_cartridges_is_accepted(
    data: Path, mine: Path, originals: dict[str, bytes], custom: dict[str, bytes]
) -> None:
    (mine / "s3k.bin").write_bytes(originals[SONIC3K])
    code, lines = run_import(mine)
    assert code == 0
    game = "SonicAndKnuckles3CustomKevin-Genesis"
    assert installed(data)[game] == custom[game]
    assert sum(line.startswith("missing") for line in lines) == 5  # their base is missing


def test_a_custom_rom_that_is_already_patched_is_accepted(
    data: Path, mine: Path, custom: dict[str, bytes]
) -> None:
    (mine / "patched.md").write_bytes(custom[CATHY])
    assert run_import(mine)[0] == 0
    assert set(installed(data)) == {AIRSTRIKER, CATHY}


def test_a_game_outside_of_the_contest_is_imported_too(data: Path, mine: Path) -> None:
    (mine / "other").write_bytes(noise(6, 3000))
    (mine / "again").write_bytes(noise(6, 3000))
    code, lines = run_import(mine)
    assert code == 0 and lines[0] == "imported  Other-Genesis-v0, from again"
    assert set(installed(data)) == {AIRSTRIKER, "Other-Genesis-v0"}


@pytest.mark.parametrize("size", [0, 3, 4, 5, 20, 100, -1, -200])
def test_a_truncated_patch_builds_nothing_and_the_others_are_applied(
    data: Path, mine: Path, originals: dict[str, bytes], custom: dict[str, bytes], size: int
) -> None:
    delta = data / "contrib" / KEVIN / "rom.delta"
    delta.write_bytes(delta.read_bytes()[:size])
    (mine / "a").write_bytes(originals[SONIC])
    code, lines = run_import(mine)
    assert code == 1
    (failed,) = (line for line in lines if line.startswith("failed"))
    assert KEVIN in failed and "\n" not in failed
    assert KEVIN not in installed(data) and installed(data)[CATHY] == custom[CATHY]


def test_a_patch_for_another_base_or_of_another_checksum_builds_nothing(
    data: Path, mine: Path, originals: dict[str, bytes]
) -> None:
    swapped = data / "contrib" / "SonicTheHedgehog2CustomKevin-Genesis" / "rom.delta"
    swapped.write_bytes((data / "contrib" / KEVIN / "rom.delta").read_bytes())
    (data / "contrib" / CATHY / "rom.sha").write_text("0" * 40 + "\n")
    (data / "contrib" / KEVIN / "rom.delta").unlink()
    (mine / "a").write_bytes(originals[SONIC])
    (mine / "b").write_bytes(originals[SONIC2])
    code, lines = run_import(mine)
    assert code == 1
    failed = [line.split()[1].rstrip(":") for line in lines if line.startswith("failed")]
    assert failed == [KEVIN, CATHY, "SonicTheHedgehog2CustomKevin-Genesis"]
    assert not set(failed) & set(installed(data))


def test_a_damaged_rom_is_named_and_replaced(
    data: Path, mine: Path, originals: dict[str, bytes]
) -> None:
    (data / "stable" / SONIC2 / "rom.md").write_bytes(originals[SONIC2][:-1])
    assert "damaged  stable/" + SONIC2 in status()
    (mine / "s2").write_bytes(originals[SONIC2])
    run_import(mine)
    assert installed(data)[SONIC2] == originals[SONIC2]


def test_an_unwritable_data_folder_says_what_to_do(
    data: Path, mine: Path, originals: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    (mine / "s2").write_bytes(originals[SONIC2])

    def denied(*arguments: object, **keywords: object) -> None:
        raise PermissionError(13, "Permission denied")  # root, as in a container, is never denied

    monkeypatch.setattr("tempfile.mkstemp", denied)
    before = snapshot(data)
    with pytest.raises(RomError, match="Permission denied.*RETRO_DATA_PATH"):
        run_import(mine)
    assert snapshot(data) == before


def test_a_full_disk_leaves_no_partial_file(
    data: Path, mine: Path, originals: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    (mine / "s2").write_bytes(originals[SONIC2])

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    before = snapshot(data)
    with pytest.raises(RomError, match="No space left"):
        run_import(mine)
    assert snapshot(data) == before


def test_a_folder_without_a_known_rom_is_an_error(data: Path, mine: Path, tmp_path: Path) -> None:
    with pytest.raises(RomError, match="no folder"):
        run_import(tmp_path / "nowhere")
    with pytest.raises(RomError, match="none of 0 files"):
        run_import(mine)
    other = (bytes(256) + b"SEGA").ljust(0x150) + b"SONIC THE HEDGEHOG".ljust(48)
    (mine / "sonic rev00.md").write_bytes(other)
    (mine / "empty").write_bytes(b"")
    lines: list[str] = []
    with pytest.raises(RomError, match="none of 2 files"):
        import_folder(mine, lines.append)
    (line,) = lines
    assert "sonic rev00.md" in line and "SONIC THE HEDGEHOG" in line and sha1(other) in line
    assert set(installed(data)) == {AIRSTRIKER}


def test_an_incomplete_data_folder_is_an_error(data: Path, mine: Path) -> None:
    shutil.rmtree(data / "contrib" / KEVIN)
    (mine / "a").write_bytes(b"a")
    for _ in range(2):
        with pytest.raises(RomError, match="RETRO_DATA_PATH"):
            status()
        with pytest.raises(RomError, match="RETRO_DATA_PATH"):
            run_import(mine)
        shutil.rmtree(data, ignore_errors=True)


def test_status_names_every_game_its_checksum_and_its_place(data: Path) -> None:
    text = status()
    for game in roms.contest_games():
        (row,) = (line for line in text.splitlines() if f"/{game}/rom.md" in line)
        assert row.startswith("present" if game == AIRSTRIKER else "missing")
        assert (data.rglob(f"{game}/rom.sha").__next__()).read_text().strip() in row
    assert "13 of sonic-train, 4 of sonic-validation; by patches 5 of sonic-final" in text
    assert "roms import FOLDER" in text and str(data) in text


def test_command_line(
    data: Path, mine: Path, originals: dict[str, bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    assert roms.main([]) == 0
    assert "missing" in capsys.readouterr().out
    (mine / "a").write_bytes(originals[SONIC])
    assert roms.main(["import", str(mine)]) == 0
    assert f"imported  {SONIC}, from a" in capsys.readouterr().out
    for argv in (["import"], ["status", "x"], ["export", "x"], ["import", "x", "y"], ["--all"]):
        with pytest.raises(UserError):
            roms.main(argv)


def test_stable_retro_of_this_version_has_what_the_importer_needs() -> None:
    """Against the real data folder: nothing is written."""
    known = stable_retro.data.get_known_hashes()
    games = [*roms.contest_games(), KNUCKLES, SONIC3]
    for game in games:
        place = "stable" if game.endswith("-v0") else "contrib"
        for checksum in (REAL_DATA / place / game / "rom.sha").read_text().split():
            assert len(checksum) == 40 and known[checksum][:2] == (game, ".md")
    for game in built_from():
        delta = REAL_DATA / "contrib" / game / "rom.delta"
        assert delta.read_bytes()[:4] == b"\xd6\xc3\xc4\x00"
    assert len(built_from()) == 6 and set(built_from().values()) == {SONIC, SONIC2, SONIC3K}


def test_sonic_3_and_knuckles_is_the_two_cartridges_joined() -> None:
    """Computed from the published CRC-32s of the parts, so no ROM is needed."""
    knuckles, sonic3, joined = 0x0658F691, 0x9BC192CE, 0x63522553
    zeros = bytes(2 << 20)
    assert zlib.crc32(zeros, knuckles) ^ zlib.crc32(zeros) ^ sonic3 == joined


@pytest.fixture
def real_process(pristine: Path, tmp_path: Path) -> Iterator[Path]:
    copy = tmp_path / "data"
    shutil.copytree(pristine, copy)
    yield copy


def test_a_real_process_uses_retro_data_path(
    real_process: Path, mine: Path, originals: dict[str, bytes]
) -> None:
    (mine / "a").write_bytes(originals[SONIC])
    arguments = ["import", str(mine)]
    code = f"import sys, arena.environment.roms as r; sys.exit(r.main({arguments!r}))"
    environment = os.environ | {"RETRO_DATA_PATH": str(real_process)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert installed(real_process)[SONIC] == originals[SONIC]
