"""Draws a small map of a whole level from the ROM, to show where something happened in the level.

The ROM holds a level as cells and a zone as tiles; each cell becomes 2 x 2 pixels of its mean
colours. This needs no emulator, and works for any ROM that `game.build` makes.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np

from game import format as fmt
from game.art.tiles import HFLIP, VFLIP
from game.cartridge.compression import decompress
from game.cartridge.rom import NO_WATER, check_rom
from game.format import Picture

LEVEL = ">2B2H4hh4H4I"
ZONE = ">4H9I"
ZONE_BYTES = struct.calcsize(ZONE)
LEVEL_BYTES = struct.calcsize(LEVEL)
PIXELS = 2  # side of a cell on the map: a level 14,000 pixels wide becomes 1,800 pixels wide
SKY = (204, 224, 240)
DEEP = (120, 165, 205)


@dataclass(frozen=True, eq=False)
class Map:
    """The map of a level.

    Attributes:
        picture: uint8 (2 * rows, 2 * columns, 3) RGB.
        width: width of the level, in pixels of the game.
        start_x: x of the start, in pixels of the game.
        end_x: x of the end post, in pixels of the game.
    """

    picture: Picture
    width: int
    start_x: int
    end_x: int


def draw(rom: Path, name: str) -> Map | None:
    """Draw the map of a level.

    Args:
        rom: the ROM file.
        name: name of the level's state, such as `MeadowZone.Act1`.

    Returns:
        The map, or None if the ROM does not contain the level.

    Raises:
        CartridgeError: the ROM is truncated, altered, or not of this game.
        OSError: the ROM can't be read.
    """
    data = _read(rom, rom.stat().st_mtime_ns)
    _, levels, levels_at, zones, _, zones_at = struct.unpack_from(
        ">HHIHHI", data, fmt.PACK_TABLE + 4
    )
    for number in range(levels):
        level = struct.unpack_from(LEVEL, data, levels_at + number * LEVEL_BYTES)
        zone, act, columns, rows, start_x, _, end_x = level[:7]
        if zone < min(zones, len(fmt.ZONES)) and f"{fmt.ZONES[zone]}Zone.Act{act}" == name:
            cells = np.frombuffer(decompress(data[level[13] :]), np.uint8)
            pictures = _cells(data, zones_at + zone * ZONE_BYTES)
            picture = _assemble(cells.reshape(rows, columns), pictures, level[8])
            return Map(picture, columns * fmt.CELL, start_x, end_x)
    return None


def webp(level_map: Map) -> bytes:
    """Encode the map as WebP, about 15 kB."""
    _, data = cv2.imencode(".webp", level_map.picture[:, :, ::-1], [cv2.IMWRITE_WEBP_QUALITY, 75])
    return data.tobytes()


@lru_cache(maxsize=2)
def _read(rom: Path, changed: int) -> bytes:
    data = rom.read_bytes()
    check_rom(data, str(rom))
    return data


@lru_cache(maxsize=8)
def _cells(data: bytes, zone_at: int) -> Picture:
    """Shrink all cells of a zone: uint8 (256, 2, 2, 4), RGB and opacity."""
    tiles, *_, tiles_at, _, _, words_at, _, palettes_at, _, _, _ = struct.unpack_from(
        ZONE, data, zone_at
    )
    packed = np.frombuffer(data, np.uint8, 32 * tiles, tiles_at).reshape(tiles, 8, 4)
    pixels = np.stack([packed >> 4, packed & 15], axis=-1).reshape(tiles, 8, 8)
    pixels = np.concatenate([np.zeros((1, 8, 8), np.uint8), pixels])  # tile 0 is empty
    words = np.frombuffer(data, ">u2", 256 * 4, words_at).reshape(256, 4)
    colours = _colours(data, palettes_at)
    big = np.zeros((256, 16, 16, 4), np.uint8)
    for cell, corners in enumerate(words.tolist()):
        for corner, word in enumerate(corners):
            tile = pixels[word & 0x7FF]
            tile = tile[:: -1 if word & VFLIP else 1, :: -1 if word & HFLIP else 1]
            y, x = 8 * (corner // 2), 8 * (corner % 2)
            big[cell, y : y + 8, x : x + 8] = colours[word >> 13 & 3][tile]
    blocks = big.reshape(256, PIXELS, 16 // PIXELS, PIXELS, 16 // PIXELS, 4).astype(np.float64)
    weights = blocks[..., 3:].sum(axis=(2, 4))
    sums = (blocks[..., :3] * blocks[..., 3:]).sum(axis=(2, 4))
    mean = sums / np.maximum(weights, 1)
    cover = weights / (16 // PIXELS) ** 2
    small: Picture = np.rint(np.concatenate([mean, cover], axis=-1)).astype(np.uint8)
    return small


def _colours(data: bytes, at: int) -> Picture:
    """Read the four palette lines: uint8 (4, 16, 4) RGBA; colour 0 of each is transparent."""
    words = np.frombuffer(data, ">u2", 64, at).reshape(4, 16).astype(np.int64)
    channels = np.stack([words >> 1 & 7, words >> 5 & 7, words >> 9 & 7], axis=-1) * 255 // 7
    opaque = np.full((4, 16, 1), 255)
    opaque[:, 0] = 0
    colours: Picture = np.concatenate([channels, opaque], axis=-1).astype(np.uint8)
    return colours


def _assemble(cells: Picture, pictures: Picture, water_y: int) -> Picture:
    rows, columns = cells.shape
    whole = pictures[cells].transpose(0, 2, 1, 3, 4).reshape(rows * PIXELS, columns * PIXELS, 4)
    behind = np.full((*whole.shape[:2], 3), SKY, np.float64)
    if water_y != NO_WATER:
        behind[max(0, water_y * PIXELS // fmt.CELL) :] = DEEP
    cover = whole[..., 3:] / 255
    picture: Picture = np.rint(whole[..., :3] * cover + behind * (1 - cover)).astype(np.uint8)
    return picture
