"""Checks a level against the limits of the engine before it is packed into a ROM."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable

import numpy as np

from agent.errors import UserError
from game import format as fmt
from game.format import Cell, Kind, LevelData

DESIGN_CELLS = frozenset(int(c) for c in Cell) - {*range(2, 16), 18, 19}
MAX_LOOPS = 16


class LevelLimitError(UserError):
    """A level exceeds a limit of the engine."""


def _crowd(xs: Iterable[int], window: int) -> int:
    """Return the largest number of positions within `window` pixels."""
    ordered = sorted(xs)
    return max(
        (bisect_right(ordered, x + window) - i for i, x in enumerate(ordered)),
        default=0,
    )


def _size_faults(level: LevelData) -> Iterable[str]:
    rows, columns = level.cells.shape
    if not fmt.MIN_COLUMNS <= columns <= fmt.MAX_COLUMNS:
        yield f"{columns} columns; {fmt.MIN_COLUMNS}-{fmt.MAX_COLUMNS} are allowed"
    if not fmt.MIN_ROWS <= rows <= fmt.MAX_ROWS:
        yield f"{rows} rows; {fmt.MIN_ROWS}-{fmt.MAX_ROWS} are allowed"
    if rows * columns > fmt.MAX_CELLS:
        yield f"{rows * columns} cells; at most {fmt.MAX_CELLS} are allowed"
    strange = set(np.unique(level.cells).tolist()) - DESIGN_CELLS
    if strange:
        yield f"cell ids {sorted(strange)} are reserved for art.autotile"
    if not 0 <= level.zone < len(fmt.ZONES):
        yield f"zone {level.zone}; 0-{len(fmt.ZONES) - 1} exist"
    width, height = columns * 16, rows * 16
    if not level.start[0] < level.end_x <= width - fmt.END_MARGIN:
        limit = width - fmt.END_MARGIN
        yield f"end_x {level.end_x}; it must lie right of the start and be at most {limit}"
    if not (16 <= level.start[0] < width and 0 < level.start[1] <= height):
        yield f"start {level.start} is outside of the level, {width} x {height} pixels"


def _crowd_faults(level: LevelData) -> Iterable[str]:
    if len(level.objects) > fmt.MAX_OBJECTS:
        yield f"{len(level.objects)} objects; at most {fmt.MAX_OBJECTS} are allowed"
    if len(level.rings) > fmt.MAX_RINGS:
        yield f"{len(level.rings)} rings; at most {fmt.MAX_RINGS} are allowed"
    crowd = _crowd((o.x for o in level.objects if o.kind != Kind.LOOP), 640)
    if crowd > fmt.MAX_OBJECTS_NEAR:
        yield f"{crowd} objects within 640 pixels; at most {fmt.MAX_OBJECTS_NEAR} are allowed"
    crowd = _crowd((x for x, _ in level.rings), 400)
    if crowd > fmt.MAX_RINGS_NEAR:
        yield f"{crowd} rings within 400 pixels; at most {fmt.MAX_RINGS_NEAR} are allowed"


def _object_faults(level: LevelData) -> Iterable[str]:
    rows, columns = level.cells.shape
    spots = [(o.x, o.y) for o in level.objects] + list(level.rings)
    for x, y in spots:
        if not (0 <= x < columns * 16 and -64 <= y <= rows * 16 + 64):
            yield f"object or ring at {(x, y)} is outside of the level"
    loops = [o for o in level.objects if o.kind == Kind.LOOP]
    if len(loops) > MAX_LOOPS:
        yield f"{len(loops)} loops; at most {MAX_LOOPS} are allowed"
    if any(o.x % 16 or o.y % 16 for o in loops):
        yield "x and y of a loop must be multiples of 16"
    for thing in level.objects:
        if not (0 <= thing.arg <= 255 and 0 <= thing.arg2 <= 255):
            yield f"{thing}: arguments must be 0-255"


def check_limits(level: LevelData) -> None:
    """Check a level against the limits of the engine.

    Raises:
        LevelLimitError: the level exceeds a limit; the message names the first one.
    """
    for fault in (*_size_faults(level), *_crowd_faults(level), *_object_faults(level)):
        raise LevelLimitError(
            f"level {level.name or '?'}: {fault}; change the segments or the grammar"
        )
