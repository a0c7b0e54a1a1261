"""Converts pictures to Mega Drive tiles: 8x8 pixels of four bits, equal and mirrored ones once."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence

import numpy as np

from agent.errors import UserError
from game.format import Picture

HFLIP = 0x0800
VFLIP = 0x1000


class ArtError(UserError):
    """A picture exceeds a limit of the hardware or of the format."""


def tile_bytes(tile: Picture) -> bytes:
    """Encode an (8, 8) tile of colours 0-15 as 32 bytes."""
    assert tile.shape == (8, 8)
    return bytes((tile[:, ::2] << 4 | tile[:, 1::2]).astype(np.uint8).tobytes())


def _split_line(tile: Picture, where: str) -> tuple[Picture, int]:
    """Split a tile of colours 0-63 into colours 0-15 and its palette line."""
    opaque = tile[tile % 16 != 0]
    lines = np.unique(opaque // 16)
    if len(lines) > 1 or (len(lines) and lines[0] > 3):
        raise ArtError(
            f"{where}: a tile with palette lines {lines.tolist()}; one of 0-3 is allowed"
        )
    return np.where(tile % 16 != 0, tile % 16, 0).astype(np.uint8), int(lines[0]) if len(
        lines
    ) else 0


class TileSet:
    """Different tiles and their numbers in video memory; tile 0 is empty."""

    def __init__(self, limit: int, first: int, name: str) -> None:
        self.limit, self.first, self.name = limit, first, name
        self.tiles: list[bytes] = []
        self._words: dict[bytes, int] = {}

    def word(self, tile: Picture, where: str) -> int:
        """Add a tile and return its plane word.

        Args:
            tile: (8, 8) colours 0-63.
            where: where the tile is, for error messages.

        Raises:
            ArtError: the tile has two palette lines, or there are too many tiles.
        """
        plain, line = _split_line(tile, f"{self.name}, {where}")
        if not plain.any():
            return 0
        key = tile_bytes(plain)
        if key not in self._words:
            number = self.first + len(self.tiles)
            self.tiles.append(key)
            if len(self.tiles) > self.limit:
                raise ArtError(f"{self.name}: more than {self.limit} different tiles")
            self._words.setdefault(tile_bytes(plain[::-1, ::-1]), number | HFLIP | VFLIP)
            self._words.setdefault(tile_bytes(plain[::-1]), number | VFLIP)
            self._words.setdefault(tile_bytes(plain[:, ::-1]), number | HFLIP)
            self._words[key] = number
        return self._words[key] | line << 13

    def cell(self, picture: Picture, where: str) -> tuple[int, int, int, int]:
        """Add a (16, 16) cell; return its plane words, row by row."""
        if picture.shape != (16, 16):
            raise ArtError(f"{self.name}, {where}: shape {picture.shape}, expected (16, 16)")
        a, b, c, d = (picture[y : y + 8, x : x + 8] for y in (0, 8) for x in (0, 8))
        return (
            self.word(a, where),
            self.word(b, where),
            self.word(c, where),
            self.word(d, where),
        )

    def plane(self, picture: Picture) -> bytes:
        """Add a (256, 512) picture and encode it as 32 x 64 plane words."""
        if picture.shape != (256, 512):
            raise ArtError(f"{self.name}: shape {picture.shape}, expected (256, 512)")
        words = [
            self.word(picture[y : y + 8, x : x + 8], f"at x={x}, y={y}")
            for y in range(0, 256, 8)
            for x in range(0, 512, 8)
        ]
        return struct.pack(f">{len(words)}H", *words)

    def data(self) -> bytes:
        """Return all tiles as video memory stores them."""
        return b"".join(self.tiles)


def _columns(picture: Picture) -> bytes:
    """Encode the tiles of a sprite column by column, as the video chip reads them."""
    height, width = picture.shape
    return b"".join(
        tile_bytes(picture[y : y + 8, x : x + 8])
        for x in range(0, width, 8)
        for y in range(0, height, 8)
    )


def sprite_tiles(picture: Picture) -> bytes:
    """Cut a picture into hardware sprites of at most 32x32 pixels, row by row, and encode them."""
    height, width = picture.shape
    return b"".join(
        _columns(picture[y : y + 32, x : x + 32])
        for y in range(0, height, 32)
        for x in range(0, width, 32)
    )


def plain_tiles(
    frames: Mapping[str, Sequence[Picture]],
    sizes: Mapping[str, tuple[int, int, int]],
    name: str = "font",
) -> bytes:
    """Encode all frames of all sprites.

    Args:
        frames: name -> frames.
        sizes: name -> (number of frames, height, width), in the order of the encoded sprites.
        name: name of the set in error messages.

    Raises:
        ArtError: a sprite is missing, or its number of frames or its size is wrong.
    """
    out = bytearray()
    for sprite, (count, height, width) in sizes.items():
        pictures = frames.get(sprite, ())
        if len(pictures) != count or any(p.shape != (height, width) for p in pictures):
            shapes = [p.shape for p in pictures]
            raise ArtError(
                f"{name}: sprite {sprite} has shapes {shapes},"
                f" expected {count} of {(height, width)}"
            )
        for picture in pictures:
            out += sprite_tiles((picture % 16).astype(np.uint8))
    return bytes(out)


def palette_words(palettes: Sequence[Picture]) -> bytes:
    """Encode four palette lines (16, 3) RGB as 64 colour words with three bits per channel."""
    lines = np.stack([np.asarray(line) for line in palettes]).astype(np.uint32)
    if lines.shape != (4, 16, 3):
        raise ArtError(f"palettes: shape {lines.shape}, expected (4, 16, 3)")
    red, green, blue = np.moveaxis((lines * 7 + 127) // 255, -1, 0)
    words = (blue << 9 | green << 5 | red << 1).astype(">u2")
    return bytes(words.tobytes())
