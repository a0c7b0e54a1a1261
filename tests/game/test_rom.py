"""The ROM: compression, tiles, autotiling, limits, and the numbers of the engine."""

from __future__ import annotations

import re
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from game import format as fmt
from game.art.autotile import autotile
from game.art.tiles import ArtError, TileSet, palette_words
from game.cartridge import maps, rom
from game.cartridge.compression import compress, decompress
from game.cartridge.rom import CartridgeError, check_rom
from game.format import Cell, Kind, LevelData, Obj
from game.levels.limits import LevelLimitError, check_limits
from game.ram import RAM
from tests.helpers import plain_art
from tests.helpers.game_world import FLOOR, flat, level

ENGINE = Path(rom.__file__).parents[1] / "engine"


def made(levels: int = 1) -> bytes:
    return rom.pack([level()] * levels, [plain_art.zone()], plain_art.shared())


@given(st.binary(max_size=600), st.integers(1, 40))
@settings(max_examples=60)
def test_decompression_undoes_compression(data: bytes, stride: int) -> None:
    assert decompress(compress(data, stride)) == data


def test_compression_makes_levels_small() -> None:
    cells = flat(1000, 48)
    packed = compress(cells.tobytes(), 1000)
    assert decompress(packed) == cells.tobytes()
    assert len(packed) < 1500


def test_the_rom_is_complete_and_deterministic() -> None:
    data = made()
    assert data == made()
    assert len(data) & (len(data) - 1) == 0 and len(data) <= fmt.MAX_ROM_BYTES
    assert data[0x100:0x104] == b"SEGA" and data[0x1F0:0x1F3] == b"JUE"
    assert check_rom(data, "rom.md") == check_rom(made(), "rom.md") != 0
    assert check_rom(made(2), "rom.md") != check_rom(data, "rom.md")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda d: d[:-100], "truncated"),
        (lambda d: d[:5000] + b"\x55" + d[5001:], "damaged"),
        (lambda d: d[:0x200] + bytes(64) + d[0x240:], "not a ROM of Pangolin Dash"),
        (lambda d: d[:0x204] + b"\x00\x63" + d[0x206:], "format 99"),
    ],
)
def test_the_error_names_a_faulty_rom(change: object, words: str) -> None:
    assert callable(change)
    with pytest.raises(CartridgeError, match=words):
        check_rom(change(made()), "rom.md")


def test_the_error_names_a_missing_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rom, "ENGINE", tmp_path / "engine.bin")
    with pytest.raises(CartridgeError, match="restore it"):
        rom.read_engine()
    (tmp_path / "engine.bin").write_bytes(bytes(1000))
    with pytest.raises(CartridgeError, match="is not an engine"):
        rom.read_engine()


def crowd(count: int, step: int) -> tuple[Obj, ...]:
    return tuple(Obj(Kind.FLYER, 300 + step * i, 300) for i in range(count))


@pytest.mark.parametrize(
    ("faulty", "words"),
    [
        (level(flat(19)), "19 columns"),
        (level(flat(2000, 64)), "128000 cells"),
        (level(objects=crowd(13, 20)), "13 objects within 640"),
        (level(objects=crowd(251, 10)), "251 objects"),
        (level(rings=tuple((100 + i, 400) for i in range(25))), "25 rings within 400"),
        (level(objects=(Obj(Kind.LOOP, 1001, FLOOR),)), "multiples of 16"),
        (level(objects=(Obj(Kind.FLYER, 9000, 10),)), "outside of the level"),
        (level(objects=(Obj(Kind.FLYER, 900, 10, 256),)), "arguments must be 0-255"),
        (LevelData(0, flat(), (100, FLOOR), 3199, FLOOR), "end_x 3199"),
        (LevelData(9, flat(), (100, FLOOR), 3000, FLOOR), "zone 9"),
        (level(np.full((40, 200), 130, np.uint8)), "are reserved"),
    ],
)
def test_a_level_beyond_the_limits_of_the_engine_is_refused(faulty: LevelData, words: str) -> None:
    with pytest.raises(LevelLimitError, match=words):
        check_limits(faulty)


def test_autotiling_draws_edges_and_keeps_the_collision() -> None:
    cells = flat(60)
    cells[20:24, 10:20] = Cell.SOLID
    cells[25, 30:34] = Cell.ONEWAY
    plain = level(cells, (Obj(Kind.LOOP, 640, FLOOR),), water_y=160)
    out = autotile(plain, plain_art.zone(), seed=3)
    assert out[20, 10] == Cell.TOP_LEFT and out[20, 19] == Cell.TOP_RIGHT
    assert out[23, 10] == Cell.UNDERSIDE_LEFT and out[23, 15] == Cell.UNDERSIDE
    assert out[25, 30] == Cell.ONEWAY_L and out[25, 33] == Cell.ONEWAY_R
    assert (out[10] == Cell.WATER_TOP).all()
    loop = out[21:30, 35:45]
    assert 20 < (loop >= fmt.FIRST_LOOP_CELL).sum() <= 64
    solid = np.isin(out, range(1, 16))
    assert (solid == (cells == Cell.SOLID)).all()
    assert (out == autotile(plain, plain_art.zone(), seed=3)).all()


def test_the_rom_has_a_picture_of_every_visible_cell() -> None:
    data = rom.pack([level()], [plain_art.zone()], plain_art.shared())
    zones_at = struct.unpack_from(">HHIHHI", data, fmt.PACK_TABLE + 4)[5]
    words_at = struct.unpack_from(maps.ZONE, data, zones_at)[7]
    words = struct.unpack_from(f">{256 * 4}H", data, words_at)
    drawn = {cell for cell in Cell if any(words[4 * cell : 4 * cell + 4])}
    assert drawn == set(Cell) - fmt.INVISIBLE


def test_tiles_are_stored_once_even_when_mirrored() -> None:
    tiles = TileSet(10, 1, "test")
    tile = np.arange(64, dtype=np.uint8).reshape(8, 8) % 15 + 17
    first = tiles.word(tile, "a")
    assert tiles.word(tile[:, ::-1], "b") == first | 0x0800
    assert tiles.word(tile[::-1], "c") == first | 0x1000
    assert len(tiles.tiles) == 1 and first >> 13 == 1


def test_the_error_names_art_beyond_the_limits() -> None:
    tiles = TileSet(1, 1, "zone X: foreground")
    with pytest.raises(ArtError, match="zone X: foreground, cell 5"):
        tiles.word(np.array([[1, 17] * 4] * 8, np.uint8), "cell 5")
    tiles.word(np.full((8, 8), 1, np.uint8), "a")
    with pytest.raises(ArtError, match="zone X: foreground: more than 1"):
        tiles.word(np.full((8, 8), 2, np.uint8), "b")


def test_colours_have_three_bits_per_channel() -> None:
    white = [np.full((16, 3), 255, np.uint8)] * 4
    assert palette_words(white)[:2] == b"\x0e\xee"


def test_the_header_of_the_engine_defines_the_same_numbers() -> None:
    header = (ENGINE / "format.h").read_text()
    for name, value in re.findall(r"CELL_(\w+) = (\d+)", header):
        assert Cell[name] == int(value)
    kinds = re.findall(r"KIND_(\w+)", header)
    assert [Kind[name].value for name in kinds] == list(range(1, len(Kind) + 1))
    state = (ENGINE / "state.h").read_text()
    block = re.search(r"struct block \{(.*?)\};", state, re.DOTALL)
    assert block
    offset = 0
    for size, names in re.findall(r"[us](8|16|32) ([^;]+);", block.group(1)):
        for name in names.split(", "):
            place, kind = RAM[name]
            assert place == offset and int(kind[-1]) * 8 == int(size), name
            offset += int(size) // 8
    assert offset == max(place for place, _ in RAM.values()) + 4
    for sizes in (fmt.ZONE_SPRITES, fmt.SHARED_SPRITES):
        tile = 0
        for name, (count, height, width) in sizes.items():
            assert re.search(rf"SPRITE_{name.upper()} \(TILE_\w+ \+ {tile}\)", header), name
            tile += count * height * width // 64
    frame = 0
    for name, count in fmt.PLAYER_FRAMES.items():
        assert re.search(rf"FRAME_{name.upper()} = {frame}\b", header), name
        frame += count


def test_the_scan_finds_what_a_68000_cannot_do(tmp_path: Path) -> None:
    bad = {
        "movew ff0003 <block+0x3>,%d0": "odd",
        "movel %a0@(7),%d0": "odd",
        "divsll %d0,%d1": "not a 68000",
    }
    for line, words in bad.items():
        path = tmp_path / "bad.lst"
        path.write_text(f"     250:\t3039 00ff 0003 \t{line}\n")
        done = subprocess.run(
            [sys.executable, ENGINE / "scan.py", path], capture_output=True, text=True, check=False
        )
        assert done.returncode == 1 and words in done.stderr
    path.write_text("     250:\t3039 00ff 0002 \tmovew #3,ff0002 <block+0x2>\n")
    assert not subprocess.run([sys.executable, ENGINE / "scan.py", path], check=False).returncode
    for argument, code in (("--help", 0), ("--nothing", 2), ("nowhere.lst", 2)):
        done = subprocess.run(
            [sys.executable, ENGINE / "scan.py", argument], capture_output=True, text=True
        )
        assert done.returncode == code and "Traceback" not in done.stderr


def test_the_build_of_the_engine_reports_a_missing_compiler() -> None:
    done = subprocess.run(
        ["sh", ENGINE / "build.sh", "--check"],
        env={"PATH": "/usr/bin:/bin", "M68K_PREFIX": "/nowhere"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2 and "run toolchain.sh" in done.stderr
