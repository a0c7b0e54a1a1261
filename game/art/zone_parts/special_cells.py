"""Draws the cells with a special function: spikes, breakable walls, belts, ice, hazards."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from game.art.drawing import PixelCanvas, Shades, grid
from game.art.shared.palette import INK, MAROON, RED, WHITE
from game.art.zone_parts.ground import SLOPES, Material, surfaced
from game.format import Cell, Picture


def spikes() -> dict[int, Picture]:
    """Draw spikes in four directions, the same in all zones: cell id -> picture."""
    canvas = PixelCanvas(16, 16)
    for left in (0, 8):
        for y in range(12):
            half = 1 + round(y * 3 / 11)
            begin, width = left + 4 - half, 2 * half
            canvas.dot(begin, y, INK, 1, width)
            canvas.dot(begin + 1, y, WHITE, 1, width - 2)
            canvas.dot(left + 4, y, RED, 1, half - 1)
    canvas.dot(0, 11, INK, 5, 16)
    canvas.dot(0, 12, RED, 3, 16)
    canvas.dot(0, 14, MAROON, 1, 16)
    for x in (1, 9):
        canvas.dot(x, 12, WHITE, 1, 4)
    up = canvas.pixels
    return {
        int(Cell.SPIKE_UP): up,
        int(Cell.SPIKE_DOWN): up[::-1].copy(),
        int(Cell.SPIKE_LEFT): up.T.copy(),
        int(Cell.SPIKE_RIGHT): up.T[:, ::-1].copy(),
    }


def block(ramp: Picture, outline: int, crack: bool = True) -> Picture:
    """Draw a breakable block: bevelled, with cracks."""
    y, x = np.mgrid[:16, :16]
    picture = np.full((16, 16), ramp[len(ramp) // 2], np.uint8)
    picture[(y <= 2) | (x <= 2)] = ramp[-1]
    picture[(y >= 13) | (x >= 13)] = ramp[0]
    picture[(y + x == 15) & ((y <= 2) | (x <= 2))] = ramp[len(ramp) // 2]
    picture[[0, 15], :] = outline
    picture[:, [0, 15]] = outline
    if crack:
        for cy, cx in ((4, 8), (5, 7), (6, 8), (7, 8), (8, 7), (8, 6), (9, 5), (10, 4), (9, 9),
                       (10, 10), (11, 10), (7, 9), (6, 10), (5, 11), (12, 11)):  # fmt: skip
            picture[cy, cx] = outline
            picture[cy, min(12, cx + 1)] = ramp[-1] if picture[cy, cx + 1] != outline else outline
    return picture


def belt(arrows: Picture, metal: Picture, outline: int) -> dict[int, Picture]:
    """Draw conveyor belts; a palette cycle moves `arrows`, their four colours."""
    y, x = np.mgrid[:16, :16]
    count = len(arrows)
    out = {}
    for cell, side in ((Cell.CONVEYOR_R, 1), (Cell.CONVEYOR_L, -1)):
        bend = np.abs(y - 4)
        phase = (x * side + bend) // 2 % 8
        # Half a period is dark, to separate the arrows.
        picture = arrows[(-phase // 2) % count]
        picture = np.where((y <= 0) | (y == 9), outline, picture)
        picture = np.where(y == 1, metal[-1], picture)
        body = np.where((y == 10), metal[-1], metal[1])
        wheel = np.hypot(x % 8 - 3.5, y - 12.5)
        body = np.where(wheel < 3.0, metal[0], body)
        body = np.where(wheel < 1.6, metal[-1], body)
        picture = np.where(y >= 10, body, picture)
        picture = np.where(y == 15, outline, picture)
        out[int(cell)] = picture.astype(np.uint8)
    return out


def ice(ramp: Picture, outline: int) -> dict[int, Picture]:
    """Draw blocks and slopes of ice with a white shine."""
    y, x = np.mgrid[:16, :16]
    streak = (x + y) % 16
    levels = np.where((streak >= 4) & (streak <= 6) | (streak == 9), 1, 0)
    levels = np.where((streak == 12) & (y > 6), 0, levels)
    textures = [levels + 1, np.where((x - y) % 16 == 3, 3, levels + 1), levels + 1]
    flat = np.full(16, 16)
    material = Material(
        body=ramp, textures=textures, lip=ramp[[-1, -1, -2]], blades=[3] * 16, outline=int(ramp[1]),
        shade=-1,
    )  # fmt: skip
    cells = {
        int(Cell.ICE): surfaced(material, flat),
        int(Cell.ICE_B): surfaced(material, flat, which=1),
    }
    cells[int(Cell.ICE_S45_UP)] = surfaced(material, SLOPES[Cell.S45_UP], 0.75)
    cells[int(Cell.ICE_S45_DOWN)] = surfaced(material, SLOPES[Cell.S45_DOWN], 0.75)
    return cells


def oneway(plank: Picture, outline: int, depth: int = 7) -> dict[int, Picture]:
    """Draw a one-way floor with end caps; it is thin, which shows that a jump passes through."""
    y, x = np.mgrid[:16, :16]
    level = np.select([y == 1, y <= 3, y <= depth - 2], [len(plank) - 1, len(plank) - 2, 1], 0)
    picture = plank[np.clip(level, 0, len(plank) - 1)]
    picture = np.where((y == 0) | (y == depth), outline, picture)
    picture = np.where((x % 8 == 7) & (y > 2) & (y < depth), outline, picture)
    middle = np.where(y > depth, 0, picture).astype(np.uint8)
    left = middle.copy()
    left[1:depth, 0] = outline
    left[0, 0] = left[depth, 0] = 0
    brace = (y > depth) & (x < 14 - y) & (x > 1)
    left[brace] = plank[0]
    left[(y > depth) & (x == 14 - y) & (x > 1)] = outline
    return {
        int(Cell.ONEWAY): middle,
        int(Cell.ONEWAY_L): left,
        int(Cell.ONEWAY_R): left[:, ::-1].copy(),
    }


def bridge(log: Picture, rope: int, outline: int) -> Picture:
    """Draw a bridge: two logs seen from their ends, held by a rope."""
    canvas = PixelCanvas(16, 16)
    for middle in (4, 12):
        mask = canvas.ball(middle, 4, 4.0, 4.0, log)
        canvas.edge(mask, outline)
        canvas.spot(middle, 4, 1.2, int(log[0]))
    canvas.dot(0, 8, rope, 1, 16)
    canvas.dot(0, 9, outline, 1, 16)
    return canvas.pixels


def crumble(ramp: Picture, outline: int) -> Picture:
    """Draw a crumbling floor: a cracked slab with a broken underside."""
    y, x = np.mgrid[:16, :16]
    depth = np.array([9, 9, 8, 7, 8, 9, 10, 10, 9, 8, 9, 10, 9, 8, 8, 9])[None, :]
    level = np.where(y < 2, len(ramp) - 1, np.where(y < 5, len(ramp) - 2, 1))
    picture = ramp[np.clip(level, 0, len(ramp) - 1)]
    crack = (x == 5 + (y % 3 == 1)) | (x == 11 - (y % 4 > 1)) | (y == 5) & (x % 6 < 4)
    picture = np.where(crack & (y > 0), outline, picture)
    picture = np.where((y == depth) | (y == 0), outline, picture)
    return np.where(y > depth, 0, picture).astype(np.uint8)


def liquid(ramp: Picture, glow: int) -> dict[int, Picture]:
    """Draw a liquid hazard with waves; a palette cycle moves their colours."""
    y, x = grid(16, 16)
    wave = np.sin(x * np.pi / 8) * 1.6 + 3
    count = len(ramp)
    ripple = 1.8 * np.sin(x * np.pi / 8 + 1) + 0.8 * np.sin(x * np.pi / 4)
    fill = ramp[((y + ripple) / 4).astype(int) % count]
    fill = np.where((y + ripple) % 16 < 1.0, glow, fill)
    top = np.where(y - wave < 2.4, ramp[-2], fill)
    top = np.where(y - wave < 1.2, glow, top)
    top = np.where(y < wave - 0.5, 0, top)
    return {int(Cell.HAZARD): top.astype(np.uint8), int(Cell.HAZARD_FILL): fill.astype(np.uint8)}


def water_top(colours: Picture, bright: int) -> Picture:
    """Draw the water line: two bright rows over a transparent lattice."""
    y, x = np.mgrid[:16, :16]
    count = len(colours)
    picture = np.zeros((16, 16), np.uint8)
    wave = (1 + np.rint(np.sin(x * np.pi / 8))).astype(int)
    picture[(y == wave) | (y == wave + 1)] = bright
    band = (y > wave + 1) & (y <= wave + 3)
    picture[band] = colours[(x // 4 % count)][band]
    net = (y > wave + 3) & (y < 9) & ((x + 2 * y) % 8 == 0)
    picture[net] = colours[(x // 4 % count)][net]
    return picture


def back(
    ramp: Picture, textures: Sequence[Shades], ornament: Picture | None = None
) -> dict[int, Picture]:
    """Draw the back wall of tunnels: the texture of the ground in dark colours."""
    plain = ramp[np.clip(textures[0], 0, len(ramp) - 1)].astype(np.uint8)
    other = ramp[np.clip(textures[1], 0, len(ramp) - 1)].astype(np.uint8)
    if ornament is not None:
        other = np.where(ornament > 0, ornament, other)
    return {int(Cell.BACK): plain, int(Cell.BACK_B): other}
