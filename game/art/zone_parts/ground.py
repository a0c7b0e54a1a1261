"""Draws the ground cells of a zone from its material: surface, edges, slopes, the loop's ring."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from game.art.drawing import LIGHT, Shades, grid
from game.format import UNDER_SLOPE, Cell, Picture

RING_INNER, RING_OUTER = 64, 76


@dataclass(frozen=True, eq=False)
class Material:
    """The material of a zone's ground.

    Attributes:
        body: colour ramp, from dark to light.
        textures: three (16, 16) pictures of shades, indices into `body`, seamless with each other;
            the first is the most frequent one.
        lip: colours of the surface layer, from the top down.
        blades: depth of the lip in each of the 16 columns, in pixels.
        outline: colour of the outlines.
        shade: number of shades by which the body is darker right under the lip.
        details: (texture index, picture) drawn over a texture.
        tuft: (16, 16) picture drawn over the surface of cell TOP_B.
        ring: colours of the loop's running side; by default those of the lip.
        steep_lip: divides the vertical depth of the lip on slopes of 45 degrees, over 0 to 1.
    """

    body: Picture
    textures: Sequence[Shades]
    lip: Picture
    blades: Sequence[int]
    outline: int
    shade: int = 1
    details: Sequence[tuple[int, Picture]] = ()
    tuft: Picture | None = None
    ring: Picture | None = None
    steep_lip: float = 0.75

    def fill(self, which: int = 0, change: Shades | int = 0) -> Picture:
        """Draw a (16, 16) cell of the body, `change` shades lighter."""
        levels = np.clip(self.textures[which] + change, 0, len(self.body) - 1)
        picture = self.body[levels]
        for index, detail in self.details:
            if index == which:
                picture = np.where(detail > 0, detail, picture)
        return np.asarray(picture, np.uint8)


def heights(first: float, grade: float) -> Shades:
    """Return the height of the floor in each of a slope cell's 16 columns, in pixels."""
    return np.asarray(np.floor(first + grade * np.arange(16)).astype(int))


SLOPES: dict[int, Shades] = {
    Cell.S45_UP: heights(1, 1),
    Cell.S45_DOWN: heights(16, -1),
    **{Cell.S22_UP0 + i: heights(1 + 8 * i, 0.5) for i in range(2)},
    **{Cell.S22_DOWN0 + i: heights(16 - 8 * i, -0.5) for i in range(2)},
    **{Cell.S14_UP0 + i: heights(1 + 4 * i, 0.25) for i in range(4)},
    **{Cell.S14_DOWN0 + i: heights(16 - 4 * i, -0.25) for i in range(4)},
    Cell.HALF_FLOOR: np.full(16, 8),
}


def surfaced(material: Material, height: Shades, steep: float = 1.0, which: int = 0) -> Picture:
    """Draw a cell whose surface lies `height` pixels above its bottom in each column.

    Args:
        material: the material.
        height: (16,) heights in pixels; above 16 the surface lies in the cell above.
        steep: divides the vertical depth of the lip, over 0 to 1; a steep slope needs less than 1.
        which: index of the texture under the lip.
    """
    rows = np.arange(16)[:, None]
    depth = rows - (16 - height[None, :])
    blades = np.asarray(material.blades)[None, :] / steep
    change = np.where(
        depth < blades + 2, -material.shade - 1, np.where(depth < blades + 4, -material.shade, 0)
    )
    picture = material.fill(which, change)
    count = len(material.lip)
    level = np.clip(depth * count / blades, 0, count - 1).astype(int)
    picture = np.where(depth < blades, material.lip[level], picture)
    picture = np.where(depth == np.ceil(blades), material.outline, picture)
    return np.where(depth < 0, 0, picture).astype(np.uint8)


def sides(material: Material, picture: Picture, where: str) -> Picture:
    """Add lit or shaded borders with an outline at the sides `where`: letters of l, r and d."""
    out = picture.copy()
    y, x = np.mgrid[:16, :16]
    levels = material.textures[0]
    top = len(material.body) - 1

    def shade(mask: np.ndarray, change: int) -> None:
        body = np.isin(picture, material.body) & mask
        out[body] = material.body[np.clip(levels + change, 0, top)][body]

    rough = np.array([0, 0, 1, 1, 0, 1, 0, 0, 1, 0, 0, 1, 1, 0, 1, 0])
    if "d" in where:
        shade(y >= 13 - rough[x], -1)
        shade(y >= 14, -2)
    if "r" in where:
        shade(x >= 12 - rough[y], -1)
        shade(x >= 14, -2)
    if "l" in where:
        shade(x <= 2 + rough[y], 1)
    solid = picture > 0
    if "d" in where:
        out[15][solid[15]] = material.outline
    if "r" in where:
        out[:, 15][solid[:, 15]] = material.outline
    if "l" in where:
        out[:, 0][solid[:, 0]] = material.outline
    return out


def _round(picture: Picture, material: Material, where: str) -> Picture:
    """Round the upper corners and draw the lip over the side."""
    out = picture.copy()
    for letter, columns in (("l", range(0, 3)), ("r", range(15, 12, -1))):
        if letter not in where:
            continue
        for i, x in enumerate(columns):
            reach = (9, 8, 6)[i]
            lip = material.lip[np.clip(np.arange(reach) * len(material.lip) // reach, 0, None)]
            out[:reach, x] = lip
            out[reach, x] = material.outline
        edge = columns[0]
        out[0, edge] = 0
        out[1:10, edge] = material.outline
        out[0, columns[1]] = material.lip[0]
    return out


def ceiling(material: Material, height: Shades) -> Picture:
    """Draw a ceiling that reaches `height` pixels down from the cell's top in each column."""
    rows = np.arange(16)[:, None]
    left = height[None, :] - rows
    picture = material.fill(0, np.where(left <= 2, -2, np.where(left <= 4, -1, 0)))
    picture = np.where(left == 1, material.outline, picture)
    return np.where(left <= 0, 0, picture).astype(np.uint8)


def ground(material: Material) -> dict[int, Picture]:
    """Draw the solid, slope and half cells: cell id -> picture."""
    flat = np.full(16, 16)
    top = surfaced(material, flat)
    top_b = top.copy()
    if material.tuft is not None:
        top_b = np.where(material.tuft > 0, material.tuft, top)
    plain = material.fill(0)
    cells = {
        1: top,
        2: top_b,
        3: _round(sides(material, top, "l"), material, "l"),
        4: _round(sides(material, top, "r"), material, "r"),
        5: _round(sides(material, top, "lr"), material, "lr"),
        6: plain,
        7: material.fill(1),
        8: material.fill(2),
        9: sides(material, plain, "l"),
        10: sides(material, plain, "r"),
        11: sides(material, plain, "d"),
        12: sides(material, plain, "dl"),
        13: sides(material, plain, "dr"),
        14: sides(material, plain, "lr"),
        15: sides(material, top, "d"),
        Cell.HALF_CEIL: ceiling(material, np.full(16, 8)),
        Cell.C45_LEFT: ceiling(material, 16 - np.arange(16)),
        Cell.C45_RIGHT: ceiling(material, np.arange(16) + 1),
    }
    for number, height in SLOPES.items():
        steep = material.steep_lip if number in (Cell.S45_UP, Cell.S45_DOWN) else 1.0
        cells[number] = surfaced(material, height, steep)
        cells[UNDER_SLOPE[number]] = surfaced(material, height + 16, steep)
    return {int(number): picture for number, picture in cells.items()}


def loop(material: Material, seams: int = 24) -> Picture:
    """Draw the loop's ring, (144, 160): a bright running side, a segmented body, dark outlines."""
    y, x = grid(144, 160)
    dx, dy = x - 80, y - 80
    radius = np.hypot(dx, dy)
    ring = material.lip if material.ring is None else material.ring
    nx, ny = -dx / radius, -dy / radius  # the normal of the inner side points to the centre
    bright = -(nx * LIGHT[0] + ny * LIGHT[1])
    angle = (np.arctan2(dy, dx) / (2 * np.pi)) % 1.0
    depth = radius - RING_INNER
    count = len(material.body)
    middle = (count - 1) * 0.5 + bright * 1.3
    bulge = np.where(depth < 7, 0.6, np.where(depth > 10, -0.8, 0.0))
    level = np.clip(np.rint(middle + bulge), 0, count - 1).astype(int)
    picture = material.body[level]
    part = angle * seams % 1.0
    width = seams / (2 * np.pi * radius)
    picture = np.where(part < width * 1.3, material.outline, picture)
    picture = np.where((part >= width * 1.3) & (part < width * 2.6), material.body[-1], picture)
    steps = np.clip(depth, 0, len(ring) - 1).astype(int)
    picture = np.where(depth < len(ring), ring[steps], picture)
    dark = (depth >= len(ring)) & (depth < len(ring) + 1) | (radius >= RING_OUTER - 1)
    picture = np.where(dark, material.outline, picture)
    picture = np.where((depth < 0) | (radius >= RING_OUTER), 0, picture)
    return picture.astype(np.uint8)
