"""Packs the committed engine, the zones' art and the levels into one Mega Drive ROM.

No compiler: the engine is a binary with an empty table at a fixed place; this module appends the
data and fills the table, the checksum and the ROM's end (README.md, 1).
"""

from __future__ import annotations

import functools
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path

from agent.errors import UserError
from game import format as fmt
from game.art.tiles import ArtError, TileSet, palette_words, plain_tiles
from game.format import Level, SharedArt, ZoneArt
from game.levels.dress import decor_cells, dress, loop_cells

ENGINE = Path(__file__).parents[1] / "engine" / "engine.bin"
HEADER = 0x100
CHECKSUM_AT = 0x18E
ROM_END_AT = 0x1A4
NO_WATER = 0x7FFF


class RomError(UserError):
    """A ROM or engine file that is cut, altered or too big."""


class _Blobs:
    """Grows the ROM: each blob at an even address, equal blobs once."""

    def __init__(self, engine: bytes) -> None:
        self.data = bytearray(engine)
        self.known: dict[bytes, int] = {}

    def add(self, blob: bytes) -> int:
        """Append `blob` and give its address (0 for an empty one)."""
        if not blob:
            return 0
        if blob not in self.known:
            self.data += bytes(-len(self.data) % 4)
            self.known[blob] = len(self.data)
            self.data += blob
        return self.known[blob]


@functools.lru_cache(maxsize=256)
def compress(data: bytes, stride: int) -> bytes:
    """LZ as boot.S unpacks it: 0 ends; 1-127 literals; 128-255 = length - 3 and a distance.

    Args:
        data: what to pack.
        stride: the row length of the picture, a likely distance.
    """
    out = bytearray()
    literals = bytearray()
    seen: dict[bytes, list[int]] = {}
    at = 0
    while at < len(data):
        places = seen.get(data[at : at + 3], [])
        start, length = _best_match(data, at, [*places[-4:], at - 1, at - stride, at - 8 * stride])
        if length < 4:
            literals.append(data[at])
            length = 1
            if len(literals) == 127:
                _flush(out, literals)
        else:
            _flush(out, literals)
            out += bytes([128 + length - 3]) + struct.pack(">H", at - start)
        for place in range(at, at + length, 1 if length < 16 else 4):
            seen.setdefault(data[place : place + 3], []).append(place)
        at += length
    _flush(out, literals)
    return bytes(out) + b"\0"


def _flush(out: bytearray, literals: bytearray) -> None:
    if literals:
        out.append(len(literals))
        out += literals
        literals.clear()


def _best_match(data: bytes, at: int, places: Sequence[int]) -> tuple[int, int]:
    best, length = 0, 0
    for place in places:
        longer = length + 1
        if not (0 <= place < at and at - place < 65536):
            continue
        if data[place : place + longer] == data[at : at + longer]:
            common = _common(data, place, at)
            if common > length:
                best, length = place, common
    return best, length


def _common(data: bytes, first: int, second: int) -> int:
    low, high = 0, min(130, len(data) - second)
    while low < high:
        middle = (low + high + 1) // 2
        if data[first : first + middle] == data[second : second + middle]:
            low = middle
        else:
            high = middle - 1
    return low


def unpack(packed: bytes) -> bytes:
    """The inverse of `compress`, as the engine does it."""
    out = bytearray()
    at = 0
    while packed[at]:
        token = packed[at]
        if token < 128:
            out += packed[at + 1 : at + 1 + token]
            at += 1 + token
            continue
        distance = int.from_bytes(packed[at + 1 : at + 3], "big")
        for _ in range(token - 125):
            out.append(out[-distance])
        at += 3
    return bytes(out)


def _pack_zone(blobs: _Blobs, zone: ZoneArt, shared: SharedArt) -> bytes:
    tiles = TileSet(fmt.MAX_FOREGROUND_TILES, 1, f"zone {zone.name}: foreground")
    words = bytearray(256 * 8)
    pictures = {int(i): zone.cells.get(i, zone.cells[1]) for i in range(1, 58)}
    for invisible in fmt.INVISIBLE:
        pictures.pop(int(invisible), None)
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
    if len(zone.bands) > 8 or len(zone.cycles) > 8:
        raise ArtError(f"zone {zone.name}: at most 8 bands and 8 cycles")
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


def _pack_level(blobs: _Blobs, level: Level, zones: Sequence[ZoneArt], seed: int) -> bytes:
    rows, columns = level.cells.shape
    cells = dress(level, zones[level.zone], seed).tobytes()
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
    levels: Sequence[Level],
    zones: Sequence[ZoneArt],
    shared: SharedArt,
    engine: bytes | None = None,
) -> bytes:
    """Make the ROM.

    Args:
        levels: in the order of their indices; checked first.
        zones: the art that `Level.zone` indexes; zones that no level uses are left out, except
            zone 0, which the title shows.
        shared: player, objects and font.
        engine: the engine's binary; the committed one by default.

    Raises:
        LevelError: a level that the engine cannot hold.
        ArtError: pictures that break the limits.
        RomError: no engine, or more than `MAX_ROM_BYTES`.
    """
    from game.levels.check import check

    for level in levels:
        check(level)
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
        raise RomError(
            f"the ROM would have {len(data)} bytes, at most {fmt.MAX_ROM_BYTES} fit: "
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
    """The committed engine.

    Raises:
        RomError: it is missing or no engine.
    """
    try:
        engine = ENGINE.read_bytes()
    except OSError as error:
        raise RomError(f"{ENGINE}: {error.strerror}; restore it from the repository") from error
    if engine[HEADER : HEADER + 4] != b"SEGA" or len(engine) < 0x240:
        raise RomError(f"{ENGINE} is no engine: restore it, or run game/engine/build.sh")
    return engine


def check_rom(data: bytes, name: str) -> int:
    """Prove that a ROM is whole and of this format; gives its build id.

    Raises:
        RomError: cut, altered, of another format, or no ROM of this game.
    """
    if len(data) < 0x240 or data[fmt.PACK_TABLE : fmt.PACK_TABLE + 4] != fmt.PACK_MAGIC:
        raise RomError(f"{name} is no ROM of Pangolin Dash: rebuild it with python -m game.build")
    version = struct.unpack_from(">H", data, fmt.PACK_TABLE + 4)[0]
    if version != fmt.FORMAT_VERSION:
        raise RomError(
            f"{name} has format {version}, this code reads {fmt.FORMAT_VERSION}: rebuild it"
        )
    end = struct.unpack_from(">I", data, ROM_END_AT)[0]
    if len(data) != end + 1:
        raise RomError(f"{name} is cut: {len(data)} bytes of {end + 1}; rebuild or restore it")
    expected = struct.unpack_from(">H", data, CHECKSUM_AT)[0]
    if _checksum(data) != expected:
        raise RomError(
            f"{name} is damaged: checksum {_checksum(data):#06x}, expected {expected:#06x}; "
            "rebuild or restore it"
        )
    return int(struct.unpack_from(">I", data, fmt.PACK_TABLE + 24)[0])
