"""What the engine can hold: a level that breaks a limit is refused with its name and the reason."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable

import numpy as np

from agent.errors import UserError
from game import format as fmt
from game.format import Cell, Kind, Level

DESIGNERS_CELLS = frozenset(int(c) for c in Cell) - {*range(2, 16), 18, 19}


class LevelError(UserError):
    """A level that the engine cannot hold."""


def _crowd(xs: Iterable[int], window: int) -> int:
    """The most positions within `window` pixels."""
    ordered = sorted(xs)
    return max(
        (bisect_right(ordered, x + window) - i for i, x in enumerate(ordered)),
        default=0,
    )


def _size_faults(level: Level) -> Iterable[str]:
    rows, columns = level.cells.shape
    if not fmt.MIN_COLUMNS <= columns <= fmt.MAX_COLUMNS:
        yield f"{columns} columns, allowed are {fmt.MIN_COLUMNS}-{fmt.MAX_COLUMNS}"
    if not fmt.MIN_ROWS <= rows <= fmt.MAX_ROWS:
        yield f"{rows} rows, allowed are {fmt.MIN_ROWS}-{fmt.MAX_ROWS}"
    if rows * columns > fmt.MAX_CELLS:
        yield f"{rows * columns} cells, at most {fmt.MAX_CELLS}"
    strange = set(np.unique(level.cells).tolist()) - DESIGNERS_CELLS
    if strange:
        yield f"cell ids {sorted(strange)} are not a designer's"
    if not 0 <= level.zone < len(fmt.ZONES):
        yield f"zone {level.zone}, there are {len(fmt.ZONES)}"
    width, height = columns * 16, rows * 16
    if not level.start[0] < level.end_x <= width - fmt.END_MARGIN:
        yield f"end_x {level.end_x}, allowed up to {width - fmt.END_MARGIN} and right of the start"
    if not (16 <= level.start[0] < width and 0 < level.start[1] <= height):
        yield f"start {level.start} outside of {width} x {height}"


def _crowd_faults(level: Level) -> Iterable[str]:
    if len(level.objects) > fmt.MAX_OBJECTS:
        yield f"{len(level.objects)} objects, at most {fmt.MAX_OBJECTS}"
    if len(level.rings) > fmt.MAX_RINGS:
        yield f"{len(level.rings)} rings, at most {fmt.MAX_RINGS}"
    crowd = _crowd((o.x for o in level.objects if o.kind != Kind.LOOP), 640)
    if crowd > fmt.MAX_OBJECTS_NEAR:
        yield f"{crowd} objects within 640 pixels, at most {fmt.MAX_OBJECTS_NEAR}"
    crowd = _crowd((x for x, _ in level.rings), 400)
    if crowd > fmt.MAX_RINGS_NEAR:
        yield f"{crowd} rings within 400 pixels, at most {fmt.MAX_RINGS_NEAR}"


def _object_faults(level: Level) -> Iterable[str]:
    rows, columns = level.cells.shape
    spots = [(o.x, o.y) for o in level.objects] + list(level.rings)
    for x, y in spots:
        if not (0 <= x < columns * 16 and -64 <= y <= rows * 16 + 64):
            yield f"object or ring at {(x, y)} outside of the level"
    loops = [o for o in level.objects if o.kind == Kind.LOOP]
    if len(loops) > 16:
        yield f"{len(loops)} loops, at most 16"
    if any(o.x % 16 or o.y % 16 for o in loops):
        yield "a loop's x and y must be multiples of 16"
    for thing in level.objects:
        if not (0 <= thing.arg <= 255 and 0 <= thing.arg2 <= 255):
            yield f"{thing}: arguments are 0-255"


def check(level: Level) -> None:
    """Raise LevelError when the engine cannot hold the level."""
    for fault in (*_size_faults(level), *_crowd_faults(level), *_object_faults(level)):
        raise LevelError(f"level {level.name or '?'}: {fault}; change the segments or the grammar")
