"""Draws a level in plain colours with its objects and its route, for the design of segments."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from game.format import CELL, Cell, Kind, LevelData, Picture
from game.segments.canvas import Waypoint

_COLOURS = {
    Cell.ONEWAY: (60, 160, 60), Cell.BRIDGE: (40, 110, 170), Cell.ICE: (240, 210, 150),
    Cell.CONVEYOR_R: (60, 60, 60), Cell.CONVEYOR_L: (40, 40, 100), Cell.BREAKABLE: (60, 130, 210),
    Cell.CRUMBLE: (90, 150, 190), Cell.HAZARD: (30, 60, 240), Cell.HAZARD_FILL: (30, 30, 180),
    Cell.BACK: (190, 190, 190),
}  # fmt: skip
_SOLID = (90, 110, 90)
_SKY = (245, 235, 225)
_WATER = (235, 190, 140)


def _heights(cell: int) -> np.ndarray | None:
    """Return the height of the floor in each of a slope cell's 16 columns, or None."""
    x = np.arange(CELL)
    first = {16: (1, 1.0), 17: (16, -1.0), 56: (1, 1.0), 57: (16, -1.0)}
    first |= {20 + i: (1 + 8 * i, 0.5) for i in range(2)}
    first |= {22 + i: (16 - 8 * i, -0.5) for i in range(2)}
    first |= {24 + i: (1 + 4 * i, 0.25) for i in range(4)}
    first |= {28 + i: (16 - 4 * i, -0.25) for i in range(4)}
    if cell not in first:
        return None
    start, grade = first[cell]
    heights: np.ndarray = np.floor(start + grade * x).astype(int)
    return heights


def _cell(cell: int) -> Picture:
    picture = np.full((CELL, CELL, 3), _SKY, np.uint8)
    heights = _heights(cell)
    if heights is not None:
        rows = np.arange(CELL)[:, None]
        picture[rows >= CELL - heights[None, :]] = _SOLID
    elif cell in (Cell.SPIKE_UP, Cell.SPIKE_DOWN):
        points = np.array(
            [[0, 15], [8, 0], [15, 15]] if cell == Cell.SPIKE_UP else [[0, 0], [8, 15], [15, 0]]
        )
        cv2.fillPoly(picture, [points.astype(np.int32)], (40, 40, 40))
    elif cell in (Cell.ONEWAY, Cell.BRIDGE, Cell.CRUMBLE):
        picture[:6] = _COLOURS[Cell(cell)]
    elif cell == Cell.HALF_CEIL:
        picture[:8] = _SOLID
    elif cell != Cell.EMPTY:
        picture[:] = _COLOURS.get(Cell(cell), _SOLID)
    return picture


def draw_preview(
    level: LevelData, waypoints: Sequence[Waypoint] = (), trace: Sequence[tuple[int, int]] = ()
) -> Picture:
    """Draw a level.

    Args:
        level: the level.
        waypoints: the intended route, drawn as a line.
        trace: positions (x, y) of a player in pixels, drawn as dots.

    Returns:
        uint8 (16 * rows, 16 * columns, 3) BGR.
    """
    known = {int(cell): _cell(int(cell)) for cell in np.unique(level.cells)}
    rows = [np.concatenate([known[int(c)] for c in row], axis=1) for row in level.cells]
    picture = np.concatenate(rows, axis=0)
    if level.water_y is not None:
        below = picture[level.water_y :]
        below[(below == _SKY).all(axis=2)] = _WATER
    for x, y in level.rings:
        cv2.circle(picture, (x, y), 6, (0, 200, 230), 2)
    for thing in level.objects:
        if thing.kind == Kind.LOOP:
            cv2.circle(picture, (thing.x, thing.y - 64), 70, (150, 60, 150), 8)
            continue
        cv2.rectangle(
            picture, (thing.x - 8, thing.y - 16), (thing.x + 8, thing.y), (200, 60, 60), -1
        )
        label = thing.kind.name[:2] + thing.kind.name.partition("_")[2][:2]
        cv2.putText(picture, label, (thing.x - 14, thing.y - 18), 0, 0.4, (0, 0, 160), 1)
    cv2.line(picture, (level.end_x, level.end_y), (level.end_x, level.end_y - 64), (0, 0, 255), 4)
    cv2.circle(picture, (level.start[0], level.start[1] - 15), 10, (255, 0, 0), 2)
    points = [level.start, *((w.x, w.y) for w in waypoints)]
    for here, there in zip(points, points[1:], strict=False):
        cv2.line(picture, here, there, (200, 0, 200), 1)
    for x, y in trace:
        cv2.circle(picture, (x, y), 2, (0, 0, 255), -1)
    return picture


def write_png(path: Path, picture: Picture, width: int = 2400) -> None:
    """Write a preview as PNG, cut into strips of `width` pixels, one below the other."""
    strips = []
    for left in range(0, picture.shape[1], width):
        strip = picture[:, left : left + width]
        pad = width - strip.shape[1]
        strips.append(np.pad(strip, ((0, 8), (0, pad), (0, 0)), constant_values=255))
    cv2.imwrite(str(path), np.concatenate(strips, axis=0))
