"""Packs the committed engine, the art of the zones and the levels into a Mega Drive ROM.

This needs no compiler: the engine is a binary with an empty table at a fixed address. The module
appends the data, then fills in the table, the checksum and the end of the ROM (FORMAT.md, 1).
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from pathlib import Path

from agent.errors import UserError
from game import format as fmt
from game.art.autotile import autotile, decor_cells, loop_cells
from game.art.tiles import ArtError, TileSet, palette_words, plain_tiles
from game.cartridge.compression import compress
from game.format import LevelData, SharedArt, ZoneArt
from game.levels.limits import check_limits

ENGINE = Path(__file__).parents[1] / "engine" / "engine.bin"
HEADER = 0x100
CHECKSUM_AT = 0x18E
ROM_END_AT = 0x1A4
NO_WATER = 0x7FFF
MAX_BANDS = 8
MAX_CYCLES = 8


class CartridgeError(UserError):
    """A ROM or the engine is missing, truncated, altered or too large."""


class _Blobs:
    """The growing ROM: each blob starts at an even address, equal blobs are stored once."""

    def __init__(self, engine: bytes) -> None:
        self.data = bytearray(engine)
        self.known: dict[bytes, int] = {}

    def add(self, blob: bytes) -> int:
        """Append a blob and return its address; 0 for an empty blob."""
        if not blob:
            return 0
        if blob not in self.known:
            self.data += bytes(-len(self.data) % 4)
            self.known[blob] = len(self.data)
            self.data += blob
        return self.known[blob]


def _pack_zone(blobs: _Blobs, zone: ZoneArt, shared: SharedArt) -> bytes:
    tiles = TileSet(fmt.MAX_FOREGROUND_TILES, 1, f"zone {zone.name}: foreground")
    words = bytearray(256 * 8)
    visible = [int(cell) for cell in fmt.Cell if cell not in fmt.INVISIBLE]
    pictures = {number: zone.cells.get(number, zone.cells[1]) for number in visible}
    pictures |= loop_cells(zone)
    pictures |= decor_cells(zone)
    for number, picture in sorted(pictures.items()):
        front = 0x8000 if number in zone.front else 0
        packed = [word | front for word in tiles.cell(picture, f"cell {number}")]
        words[number * 8 : number * 8 + 8] = struct.pack(">4H", *packed)
    background = TileSet(fmt.MAX_BACKGROUND_TILES, 640, f"zone {zone.name}: background")
    plane = background.plane(zone.background)
    sprites = plain_tiles(zone.sprites, fmt.ZONE_SPRITES, f"zone {zone.name}")
    palettes = palette_words([shared.palette, *zone.palettes])
    water = b"" if zone.water_palettes is None else palette_words(list(zone.water_palettes))
    bands = b"".join(struct.pack(">HHhH", row, speed, drift, 0) for row, speed, drift in zone.bands)
    cycles = b"".join(struct.pack(">4B", *cycle) for cycle in zone.cycles)
    if len(zone.bands) > MAX_BANDS or len(zone.cycles) > MAX_CYCLES:
        raise ArtError(
            f"zone {zone.name}: {len(zone.bands)} bands and {len(zone.cycles)} cycles;"
            f" at most {MAX_BANDS} and {MAX_CYCLES} are allowed"
        )
    return struct.pack(
        ">4H9I",
        len(tiles.tiles),
        len(background.tiles),
        len(zone.bands),
        len(zone.cycles),
        blobs.add(tiles.data()),
        blobs.add(background.data()),
        blobs.add(sprites),
        blobs.add(bytes(words)),
        blobs.add(plane),
        blobs.add(palettes),
        blobs.add(water),
        blobs.add(bands),
        blobs.add(cycles),
    )


def _pack_shared(blobs: _Blobs, shared: SharedArt) -> bytes:
    sprites = plain_tiles(shared.sprites, fmt.SHARED_SPRITES, "shared")
    font = plain_tiles({c: (shared.font[c],) for c in fmt.FONT}, dict.fromkeys(fmt.FONT, (1, 8, 8)))
    sizes = {name: (count, 40, 40) for name, count in fmt.PLAYER_FRAMES.items()}
    player = plain_tiles(shared.player, sizes, "player")
    frames = sum(fmt.PLAYER_FRAMES.values())
    return struct.pack(">3I2H", blobs.add(sprites), blobs.add(font), blobs.add(player), frames, 0)


def _pack_level(blobs: _Blobs, level: LevelData, zones: Sequence[ZoneArt], seed: int) -> bytes:
    rows, columns = level.cells.shape
    cells = autotile(level, zones[level.zone], seed).tobytes()
    objects = sorted(level.objects, key=lambda o: (o.x, o.y, o.kind))
    rings = sorted(level.rings)
    packed_objects = b"".join(
        struct.pack(">4B2h", o.kind, o.arg, o.arg2, 0, o.x, o.y) for o in objects
    )
    return struct.pack(
        ">2B2H4hh4H4I",
        level.zone,
        level.act,
        columns,
        rows,
        *level.start,
        level.end_x,
        level.end_y,
        NO_WATER if level.water_y is None else level.water_y,
        level.time_limit,
        len(objects),
        len(rings),
        0,
        blobs.add(compress(cells, columns)),
        blobs.add(packed_objects),
        blobs.add(b"".join(struct.pack(">2h", x, y) for x, y in rings)),
        0,
    )


def pack(
    levels: Sequence[LevelData],
    zones: Sequence[ZoneArt],
    shared: SharedArt,
    engine: bytes | None = None,
) -> bytes:
    """Make the ROM.

    Args:
        levels: the levels, in the order of their indices in the ROM.
        zones: the art of the zones, in the order of `format.ZONES`; zones that no level uses are
            left out, except zone 0, which the title screen shows.
        shared: player, objects and font.
        engine: binary of the engine; the committed one by default.

    Raises:
        LevelLimitError: a level exceeds a limit of the engine.
        ArtError: the pictures exceed a limit.
        CartridgeError: the engine is missing, or the ROM would exceed `MAX_ROM_BYTES`.
    """
    for level in levels:
        check_limits(level)
    blobs = _Blobs(read_engine() if engine is None else engine)
    shared_at = blobs.add(_pack_shared(blobs, shared))
    used = {0} | {level.zone for level in levels}
    packed_zones = [
        _pack_zone(blobs, zone, shared) if index in used else bytes(44)
        for index, zone in enumerate(zones)
    ]
    packed_levels = [_pack_level(blobs, level, zones, index) for index, level in enumerate(levels)]
    zones_at = blobs.add(b"".join(packed_zones))
    levels_at = blobs.add(b"".join(packed_levels))
    data = blobs.data
    data += bytes(-len(data) % 4)
    table = (fmt.FORMAT_VERSION, len(levels), levels_at, len(zones), 0, zones_at, shared_at)
    struct.pack_into(">4sHHIHHII", data, fmt.PACK_TABLE, fmt.PACK_MAGIC, *table)
    struct.pack_into(">I", data, fmt.PACK_TABLE + 24, zlib.crc32(data))
    return _finish(data)


def _finish(data: bytearray) -> bytes:
    size = 1 << max(17, (len(data) - 1).bit_length())
    if size > fmt.MAX_ROM_BYTES:
        raise CartridgeError(
            f"the ROM would have {len(data)} bytes; at most {fmt.MAX_ROM_BYTES} are allowed: "
            "pack fewer levels"
        )
    data += b"\xff" * (size - len(data))
    struct.pack_into(">I", data, ROM_END_AT, size - 1)
    struct.pack_into(">H", data, CHECKSUM_AT, _checksum(data))
    return bytes(data)


def _checksum(data: bytes | bytearray) -> int:
    words = struct.unpack(f">{(len(data) - 512) // 2}H", bytes(data[512:]))
    return int(sum(words)) & 0xFFFF


def read_engine() -> bytes:
    """Read the committed engine.

    Raises:
        CartridgeError: the file is missing or not an engine.
    """
    try:
        engine = ENGINE.read_bytes()
    except OSError as error:
        raise CartridgeError(
            f"{ENGINE}: {error.strerror}; restore it from the repository"
        ) from error
    if engine[HEADER : HEADER + 4] != b"SEGA" or len(engine) < 0x240:
        raise CartridgeError(f"{ENGINE} is not an engine: restore it, or run game/engine/build.sh")
    return engine


def check_rom(data: bytes, name: str) -> int:
    """Check that a ROM is complete and of this format.

    Args:
        data: the ROM.
        name: its name in error messages.

    Returns:
        The build id of the ROM.

    Raises:
        CartridgeError: the ROM is truncated, altered, of another format, or not of this game.
    """
    if len(data) < 0x240 or data[fmt.PACK_TABLE : fmt.PACK_TABLE + 4] != fmt.PACK_MAGIC:
        raise CartridgeError(
            f"{name} is not a ROM of Pangolin Dash: rebuild it with python -m game.build"
        )
    version = struct.unpack_from(">H", data, fmt.PACK_TABLE + 4)[0]
    if version != fmt.FORMAT_VERSION:
        raise CartridgeError(
            f"{name} has format {version}, expected {fmt.FORMAT_VERSION}: rebuild it"
        )
    end = struct.unpack_from(">I", data, ROM_END_AT)[0]
    if len(data) != end + 1:
        raise CartridgeError(
            f"{name} is truncated: {len(data)} of {end + 1} bytes; rebuild or restore it"
        )
    expected = struct.unpack_from(">H", data, CHECKSUM_AT)[0]
    if _checksum(data) != expected:
        raise CartridgeError(
            f"{name} is damaged: checksum {_checksum(data):#06x}, expected {expected:#06x}; "
            "rebuild or restore it"
        )
    return int(struct.unpack_from(">I", data, fmt.PACK_TABLE + 24)[0])
