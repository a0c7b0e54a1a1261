"""Patches made by the real xdelta3 decode to the bytes they were made from; others are refused."""

from __future__ import annotations

import hashlib
import random
import subprocess
import tempfile
import time
import tracemalloc
import zlib
from pathlib import Path

import pytest
import stable_retro.data
import vcdiff_decoder
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from vcdiff_decoder import InstructionType

from arena.environment import vcdiff
from arena.environment.levels import built_from
from arena.environment.vcdiff import MAGIC, PatchError, apply_patch

CONTEST = ["-S", "none", "-A=", "-W", "16384"]  # how the contest's own six patches were made
OPTIONS = {
    "contest": CONTEST,
    "application header": ["-S", "none"],
    "long application header": ["-S", "none", "-A=" + "name//" * 50],
    "no checksum": ["-S", "none", "-n"],
    "contest, no checksum": [*CONTEST, "-n"],
    "64 KB windows": ["-S", "none", "-W", "65536"],
    "one window": ["-S", "none", "-W", "16777216"],
    "small source window": [*CONTEST, "-B", "524288"],
    "copies of target off": ["-S", "none", "-N"],
    "fast": ["-S", "none", "-1"],
    "best": [*CONTEST, "-9"],
    "stored": ["-S", "none", "-0"],
    "short duplicates window": ["-S", "none", "-P", "16384"],
    "short instruction buffer": [*CONTEST, "-I", "64"],
}


@pytest.fixture(scope="session")
def free_rom() -> bytes:
    """The one real ROM that comes with stable-retro."""
    return Path(stable_retro.data.get_romfile_path("Airstriker-Genesis-v0")).read_bytes()


def encode(folder: Path, base: bytes | None, target: bytes, options: list[str]) -> bytes:
    """A patch by the real xdelta3."""
    (folder / "target").write_bytes(target)
    source = []
    if base is not None:
        (folder / "base").write_bytes(base)
        source = ["-s", str(folder / "base")]
    files = [str(folder / "target"), str(folder / "delta")]
    command = ["xdelta3", "-e", "-f", "-q", *options, *source, *files]
    subprocess.run(command, check=True, timeout=60)
    return (folder / "delta").read_bytes()


def edited(base: bytes, length: int, seed: int) -> bytes:
    """A target that needs every kind of instruction: pieces of the base, moved, and new bytes."""
    generator = random.Random(seed)
    target = bytearray()
    while len(target) < length:
        kind = generator.random()
        at, size = generator.randrange(len(base)), generator.choice([4, 5, 6, 9, 18, 40, 300, 5000])
        if kind < 0.45:
            target += base[at : at + size]
        elif kind < 0.6 and target:
            at = max(0, len(target) - generator.choice([size, 1000, 9000]))
            target += target[at : at + size]
        elif kind < 0.65 and target:
            target += target[-3:] * (size // 3)  # a copy that overlaps its own output
        elif kind < 0.7:
            target += bytes([generator.randrange(256)]) * size
        elif kind < 0.8 and len(base) > 8:  # many short copies near each other: the near cache
            for step in range(6):
                target += base[at + 40 * step : at + 40 * step + 20] + b"~"
        else:
            target += generator.randbytes(generator.choice([1, 2, 3, 4, 17, 18, 70]))
    return bytes(target[:length])


def sha1(data: bytes) -> str:
    return hashlib.sha1(data).hexdigest()


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS.keys())
def test_decodes_what_xdelta3_made_from_a_free_rom(
    tmp_path: Path, free_rom: bytes, options: list[str]
) -> None:
    target = edited(free_rom, 150_000, seed=1)
    delta = encode(tmp_path, free_rom, target, options)
    assert sha1(apply_patch(free_rom, delta)) == sha1(target)


@pytest.mark.parametrize("length", [0, 1, 3, 4, 255, 16383, 16384, 16385, 32768, 32769])
def test_every_length_around_a_window(tmp_path: Path, free_rom: bytes, length: int) -> None:
    target = edited(free_rom, length, seed=length)
    for base, options in ((free_rom, CONTEST), (None, CONTEST), (b"", ["-S", "none"])):
        delta = encode(tmp_path, base, target, options)
        assert sha1(apply_patch(base or b"", delta)) == sha1(target)


@pytest.mark.parametrize("base", [b"", b"x", b"free " * 40_000], ids=["empty", "short", "longer"])
def test_bases_of_other_sizes(tmp_path: Path, base: bytes) -> None:
    target = edited(base or b"abcdefghij", 70_000, seed=5)
    assert apply_patch(base, encode(tmp_path, base, target, CONTEST)) == target


def test_all_instructions_and_address_modes_occur_in_these_tests(
    tmp_path: Path, free_rom: bytes
) -> None:
    modes, kinds, indicators = set(), set(), set()
    for options in (CONTEST, OPTIONS["one window"], OPTIONS["contest, no checksum"]):
        header = encode(tmp_path, free_rom, edited(free_rom, 150_000, seed=1), [*options, "-A="])
        parsed = vcdiff_decoder.parse_delta(header)
        modes |= {item.mode for item in parsed.instructions if item.type == InstructionType.COPY}
        kinds |= {item.type for item in parsed.instructions}
        indicators |= {window.win_indicator for window in parsed.windows}
    assert modes == set(range(9))  # here and self, four near, three same
    assert kinds >= {InstructionType.ADD, InstructionType.RUN, InstructionType.COPY}
    assert indicators >= {vcdiff.WINDOW_SOURCE, vcdiff.WINDOW_SOURCE | vcdiff.WINDOW_ADLER32}


@pytest.mark.parametrize("game", list(built_from()))
def test_the_contests_own_patches_decode_as_xdelta3_decodes_them(tmp_path: Path, game: str) -> None:
    """With random bytes instead of the commercial ROM, so checksums are not compared."""
    where = stable_retro.data.Integrations.CONTRIB
    path = Path(stable_retro.data.get_file_path(game, "rom.delta", where))
    delta = path.read_bytes()
    base = random.Random(game).randbytes(4 << 20)
    with pytest.raises(PatchError, match="checksum"):
        apply_patch(base, delta)
    (tmp_path / "base").write_bytes(base)
    files = ["-s", str(tmp_path / "base"), str(path), str(tmp_path / "target")]
    subprocess.run(["xdelta3", "-d", "-n", "-q", *files], check=True, timeout=60)
    expected = (tmp_path / "target").read_bytes()
    assert sha1(apply_patch(base, without_checksums(delta))) == sha1(expected)


def without_checksums(delta: bytes) -> bytes:
    result = bytearray(MAGIC + b"\0")
    for window, length, _ in vcdiff._windows(delta, 1 << 30):
        parsed = vcdiff_decoder.parse_delta(MAGIC + b"\0" + window).windows[0]
        sections = (parsed.data_section, parsed.instruction_section, parsed.address_section)
        body = integer(length) + b"\0" + b"".join(integer(len(section)) for section in sections)
        body += b"".join(sections)
        result.append(parsed.win_indicator & ~vcdiff.WINDOW_ADLER32)
        if parsed.win_indicator & vcdiff.WINDOW_SOURCE:
            result += integer(parsed.source_segment_size) + integer(parsed.source_segment_position)
        result += integer(len(body)) + body
    return bytes(result)


def integer(value: int) -> bytes:
    digits = [value & 0x7F]
    while value := value >> 7:
        digits.append(value & 0x7F | 0x80)
    return bytes(reversed(digits))


def window(
    instructions: bytes, data: bytes = b"", addresses: bytes = b"", length: int = 0, head: int = 0
) -> bytes:
    """One window without a checksum; with `head`, it has a source of 4 bytes at 0."""
    source = integer(4) + integer(0) if head else b""
    body = integer(length) + b"\0"
    body += integer(len(data)) + integer(len(instructions)) + integer(len(addresses))
    body += data + instructions + addresses
    return MAGIC + b"\0" + bytes([head]) + source + integer(len(body)) + body


def test_a_large_rom_takes_seconds(tmp_path: Path) -> None:
    base = random.Random(2).randbytes(2 << 20)
    target = edited(base, 3_360_356, seed=3)  # the size of the contest's largest
    delta = encode(tmp_path, base, target, CONTEST)
    start = time.process_time()
    assert sha1(apply_patch(base, delta)) == sha1(target)
    assert time.process_time() - start < 10  # 1 s where this was written


def test_another_base_is_refused_or_gives_another_target(tmp_path: Path, free_rom: bytes) -> None:
    target = edited(free_rom, 60_000, seed=1)
    other = bytes(255 - byte for byte in free_rom)
    with pytest.raises(PatchError, match="checksum is wrong"):
        apply_patch(other, encode(tmp_path, free_rom, target, CONTEST))
    with pytest.raises(PatchError, match="longer base"):
        apply_patch(free_rom[:100], encode(tmp_path, free_rom, target, CONTEST))
    unchecked = encode(tmp_path, free_rom, target, [*CONTEST, "-n"])
    assert apply_patch(other, unchecked) != target  # which is why rom.sha is checked


def test_a_truncated_patch_is_refused_unless_it_ends_between_two_windows(
    tmp_path: Path, free_rom: bytes
) -> None:
    target = edited(free_rom, 40_000, seed=7)
    delta = encode(tmp_path, free_rom, target, CONTEST)
    whole = 0
    for end in [*range(60), *range(60, len(delta), 97)]:
        try:
            assert target.startswith(apply_patch(free_rom, delta[:end]))
            whole += 1
        except PatchError as error:
            assert "\n" not in str(error)
    assert whole <= 4


@pytest.mark.parametrize("compressor", ["djw", "fgk", "lzma"])
def test_compressed_sections_are_refused(tmp_path: Path, free_rom: bytes, compressor: str) -> None:
    delta = encode(tmp_path, free_rom, edited(free_rom, 150_000, seed=1), ["-S", compressor])
    with pytest.raises(PatchError, match="compressed sections"):
        apply_patch(free_rom, delta)


def test_a_named_but_unused_compressor_is_accepted(tmp_path: Path) -> None:
    delta = encode(tmp_path, b"abcd" * 9, b"abcd" * 9 + b"e", ["-S", "djw"])
    assert delta[4] & vcdiff.HEADER_SECONDARY
    assert apply_patch(b"abcd" * 9, delta) == b"abcd" * 9 + b"e"


REFUSED = {
    "empty": (b"", "cut off"),
    "another magic": (b"BSDIFF40" * 4, "not a VCDIFF"),
    "another version": (b"\xd6\xc3\xc4S\0", "not a VCDIFF"),
    "code table": (MAGIC + b"\x02\0\0", "code table"),
    "unknown header": (MAGIC + b"\x80", "header indicator"),
    "unknown window": (MAGIC + b"\0\x40", "window indicator"),
    "target window": (window(b"\x14", b"", b"\0", 4, head=2), "VCD_TARGET"),
    "source and target": (window(b"\x14", b"", b"\0", 4, head=3), "VCD_TARGET"),
    "makes more": (window(b"\0" + integer(9), b"a", length=8), "8 bytes has 9"),
    "makes less": (window(b"\0" + integer(7), b"a", length=8), "8 bytes has 7"),
    "data missing": (window(b"\x05", b"ab", length=4), "damaged"),
    "no address": (window(b"\x14", length=4, head=1), "damaged"),
    "copy of nothing": (window(b"\x14", addresses=b"\x0a", length=4, head=1), "damaged"),
    "4 GB run": (window(b"\0" + integer(2**32 - 1), b"a", length=8), "8 bytes has 4294967295"),
    "4 GB window": (window(b"\0" + integer(2**32), b"a", length=2**32), "larger than a ROM"),
    "long number": (MAGIC + b"\0\0" + b"\xff" * 9, "five digits"),
    "sections": (MAGIC + b"\0\0\x08\x04\0\x7f\x01\0abc", "do not add up"),
    "far source": (MAGIC + b"\0\x01\x04" + integer(2**34) + b"\0", "longer base"),
}


@pytest.mark.parametrize(("delta", "reason"), REFUSED.values(), ids=REFUSED.keys())
def test_unsupported_or_damaged_patches_are_refused_in_one_line(delta: bytes, reason: str) -> None:
    tracemalloc.start()
    with pytest.raises(PatchError, match=reason) as error:
        apply_patch(b"abcd", delta)
    assert tracemalloc.get_traced_memory()[1] < 5 << 20
    tracemalloc.stop()
    assert "\n" not in str(error.value)


def test_windows_by_hand() -> None:
    assert apply_patch(b"", MAGIC + b"\0") == b""
    assert apply_patch(b"", window(b"")) == b""
    assert apply_patch(b"", window(b"\0" + integer(300), b"a", length=300)) == b"a" * 300
    # An overlapping copy, as in the example of RFC 3284 section 3: abcd, then efgh four times.
    copies = window(b"\x14\x05\x1c", b"efgh", b"\0" + integer(8), length=20, head=1)
    assert apply_patch(b"abcd", copies) == b"abcdefghefghefghefgh"


def test_hostile_instructions_stay_small() -> None:
    bomb = window(b"\x01\0" * (400 << 10), length=0)  # 400 K empty additions
    with pytest.raises(PatchError, match="larger than a ROM"):
        apply_patch(b"", bomb)
    runs = window(b"\0" + integer(8 << 20), b"a", length=8 << 20)
    with pytest.raises(PatchError, match="larger than a ROM"):
        apply_patch(b"", runs + runs[5:])


@settings(max_examples=600, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_altered_patches_raise_a_patch_error_or_give_the_target(
    fuzz: tuple[bytes, bytes, bytes], data
) -> None:
    base, target, delta = fuzz
    altered = bytearray(delta)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(altered) - 1))
        altered[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=6))
    try:
        result = apply_patch(base, bytes(altered))
    except PatchError as error:
        assert str(error) and "\n" not in str(error)
    else:
        assert len(result) <= vcdiff.MAX_TARGET_BYTES
        # A change of the checksum itself can give another target, so rom.sha is checked too.
        assert result == target or delta_was_reforged(altered, result)


def delta_was_reforged(altered: bytearray, result: bytes) -> bool:
    windows = vcdiff_decoder.parse_delta(without_application_header(bytes(altered))).windows
    return any(not item.has_checksum for item in windows) or (
        len(windows) != 1 or windows[0].checksum == zlib.adler32(result)
    )


def without_application_header(delta: bytes) -> bytes:
    return MAGIC + b"\0" + b"".join(window for window, _, _ in vcdiff._windows(delta, 1 << 40))


@pytest.fixture(scope="module")
def fuzz(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, bytes, bytes]:
    base = random.Random(4).randbytes(600)
    target = edited(base, 900, seed=11)
    return base, target, encode(tmp_path_factory.mktemp("fuzz"), base, target, CONTEST)


@settings(max_examples=400)
@given(st.binary(max_size=80))
def test_garbage_raises_only_a_patch_error(tail: bytes) -> None:
    for head in (b"", MAGIC, MAGIC + b"\0", MAGIC + b"\0\x01\x04\0", MAGIC + b"\0\x05\x04\0"):
        try:
            apply_patch(b"abcd", head + tail)
        except PatchError as error:
            assert str(error)


@settings(max_examples=40)
@given(st.binary(max_size=3000), st.data())
def test_any_bytes_are_decoded_as_they_were_encoded(base: bytes, data: st.DataObject) -> None:
    """Compares the library's own parser and cache with xdelta3 on arbitrary patches."""
    pieces = st.one_of(
        st.binary(max_size=40),
        st.tuples(st.integers(0, 3000), st.integers(0, 400)).map(
            lambda s: base[s[0] : s[0] + s[1]]
        ),
    )
    target = b"".join(data.draw(st.lists(pieces, max_size=12)))
    with tempfile.TemporaryDirectory() as folder:
        delta = encode(Path(folder), base, target, data.draw(st.sampled_from([*OPTIONS.values()])))
    assert apply_patch(base, delta) == target
