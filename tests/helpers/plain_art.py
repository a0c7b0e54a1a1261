"""Plain art for the tests of the engine, which must not depend on the art of the real zones."""

from __future__ import annotations

import numpy as np

from game import format as fmt
from game.format import Cell, Picture, SharedArt, ZoneArt

SLOPES = {
    Cell.S45_UP: (1, 1),
    Cell.S45_DOWN: (16, -1),
    Cell.ICE_S45_UP: (1, 1),
    Cell.ICE_S45_DOWN: (16, -1),
    Cell.S22_UP0: (1, 0.5),
    Cell.S22_UP1: (9, 0.5),
    Cell.S22_DOWN0: (16, -0.5),
    Cell.S22_DOWN1: (8, -0.5),
    **{Cell.S14_UP0 + i: (1 + 4 * i, 0.25) for i in range(4)},
    **{Cell.S14_DOWN0 + i: (16 - 4 * i, -0.25) for i in range(4)},
}


def _cell(number: int) -> Picture:
    picture = np.full((16, 16), 16 + 1 + number % 6, np.uint8)
    picture[::4, ::4] = 16 + 9
    if number in SLOPES:
        first, step = SLOPES[Cell(number)]
        for column in range(16):
            picture[: 16 - int(first + step * column), column] = 0
    elif number in (Cell.ONEWAY, Cell.ONEWAY_L, Cell.ONEWAY_R, Cell.BRIDGE, Cell.CRUMBLE):
        picture[6:] = 0
    elif number == Cell.HALF_FLOOR:
        picture[:8] = 0
    elif number == Cell.HALF_CEIL:
        picture[8:] = 0
    elif number in (Cell.SOLID, Cell.TOP_B, Cell.TOP_LEFT, Cell.TOP_RIGHT):
        picture[:4] = 16 + 10
    elif number in (Cell.BACK, Cell.BACK_B):
        picture[:] = 16 + 12
    elif number == Cell.WATER_TOP:
        picture[:12] = 0
    return picture


def _loop() -> Picture:
    y, x = np.indices((144, 160))
    radius = np.hypot(x - 79.5, y - 79.5)
    return np.where((radius >= 64) & (radius <= 76), 16 + 14, 0).astype(np.uint8)


def _shape(height: int, width: int, colour: int) -> Picture:
    y, x = np.indices((height, width))
    inside = np.hypot((x - width / 2 + 0.5) / width, (y - height / 2 + 0.5) / height) < 0.5
    return np.where(inside, colour, 0).astype(np.uint8)


def _palette(seed: int) -> Picture:
    return np.random.default_rng(seed).integers(0, 256, (16, 3), dtype=np.uint8)


def zone(name: str = "Plain", water: bool = False) -> ZoneArt:
    """Draw a zone of plain shapes."""
    y, x = np.indices((256, 512))
    background = (32 + 1 + (x // 64 + y // 32) % 5).astype(np.uint8)
    sprites = {
        name: tuple(_shape(h, w, 48 + 2 + i) for i in range(n))
        for name, (n, h, w) in fmt.ZONE_SPRITES.items()
    }
    palettes = np.stack([_palette(i) for i in (1, 2, 3)])
    return ZoneArt(
        name=name,
        palettes=palettes,
        cells={i: _cell(i) for i in range(1, 58) if i != Cell.BARRIER},
        loop=_loop(),
        decor=(np.full((32, 16), 16 + 13, np.uint8),),
        background=background,
        bands=((0, 16, 8), (96, 48, 0), (160, 96, 0)),
        sprites=sprites,
        cycles=((2, 1, 3, 12),),
        water_palettes=np.stack([_palette(0), *palettes]) // 2 if water else None,
    )


def shared() -> SharedArt:
    """Draw the player, the objects and the font as plain shapes."""
    player: dict[str, tuple[Picture, ...]] = {}
    for name, count in fmt.PLAYER_FRAMES.items():
        frames = []
        for i in range(count):
            frame = np.zeros((40, 40), np.uint8)
            if name in ("roll", "dash"):
                frame[9:31, 9:31] = _shape(22, 22, 3)
                frame[19:21, 20 : 31 - i] = 5
            else:
                frame[5:35, 11:29] = 3
                frame[10:14, 22:28] = 5
                frame[30:35, 8 + 3 * (i % 4) : 14 + 3 * (i % 4)] = 7
            frames.append(frame)
        player[name] = tuple(frames)
    sprites = {
        name: tuple(_shape(h, w, 2 + i) for i in range(n))
        for name, (n, h, w) in fmt.SHARED_SPRITES.items()
    }
    font = {c: np.zeros((8, 8), np.uint8) for c in fmt.FONT}
    for number, glyph in enumerate(font.values()):
        for bit in range(6):
            if number >> bit & 1:
                glyph[1 + bit // 2 * 2 : 3 + bit // 2 * 2, 1 + bit % 2 * 3 : 4 + bit % 2 * 3] = 1
    return SharedArt(palette=_palette(0), player=player, sprites=sprites, font=font)
