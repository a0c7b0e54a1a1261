"""Turns a finished canvas into a level: crops it, fills the ground, roofs caves, thins things out.

Also checks what can be checked without playing: ground at the seams, room around loops, limits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from agent.errors import UserError
from game.format import (
    CELL,
    MAX_CELLS,
    MAX_COLUMNS,
    MAX_OBJECTS_NEAR,
    MAX_RINGS_NEAR,
    MAX_ROWS,
    MIN_ROWS,
    Cell,
    Kind,
    Level,
    Obj,
    Picture,
)
from game.segments.canvas import NO_GROUND, ORIGIN, PASS, Canvas, Seam, Waypoint

AIR_ROWS = 8  # free rows kept over the highest thing
BELOW_ROWS = 4  # rows kept under the lowest floor
NOT_SOLID = frozenset({Cell.EMPTY, Cell.BACK})


class DraftError(UserError):
    """A drawn level breaks a rule of the format or of the geometry."""


@dataclass(frozen=True, eq=False)
class Draft:
    """A level with what the planner and the tests know about it.

    Attributes:
        way: the intended way, in the level's pixels.
        seams: where its segments begin (level columns and rows).
    """

    level: Level
    way: tuple[Waypoint, ...]
    seams: tuple[Seam, ...]


def finish(
    canvas: Canvas,
    *,
    zone: int,
    act: int,
    name: str,
    end_column: int,
    roof: bool,
    water_row: int | None,
) -> Draft:
    """Make the level of a canvas.

    Raises:
        DraftError: it breaks a limit of the format, or its geometry is wrong.
    """
    columns = canvas.column
    if columns > MAX_COLUMNS:
        raise DraftError(f"{name} is {columns} columns wide: at most {MAX_COLUMNS} are allowed")
    floor = np.array(canvas.ground[:columns])
    cells = canvas.cells[:, :columns]
    rows = np.arange(cells.shape[0])[:, None] - ORIGIN
    cells[(rows >= floor[None, :]) & (cells == Cell.EMPTY)] = Cell.SOLID
    top, bottom = _extent(canvas, cells, floor, water_row)
    if roof:
        top = min(top, _roof(canvas, cells) - 3)
    cells = cells[ORIGIN + top : ORIGIN + bottom].copy()
    if not MIN_ROWS <= cells.shape[0] <= MAX_ROWS or cells.size > MAX_CELLS:
        raise DraftError(f"{name} is {cells.shape[0]} rows x {columns} columns: too large")
    down = -top * CELL
    level = Level(
        zone=zone,
        cells=cells,
        start=(4 * CELL + 8, down),
        end_x=end_column * CELL,
        end_y=canvas.row * CELL + down,
        objects=_objects(canvas, cells, down),
        rings=_rings(canvas, cells, down),
        water_y=None if water_row is None else water_row * CELL + down,
        name=name,
        act=act,
    )
    way = [replace(w, y=w.y + down) for w in canvas.way]
    way.append(Waypoint(level.end_x, level.end_y - 15, PASS, 10_000))
    seams = tuple(Seam(seam.name, seam.column, seam.row - top) for seam in canvas.seams)
    draft = Draft(level, tuple(way), seams)
    check(draft)
    return draft


def check(draft: Draft) -> None:
    """Check the geometry of a draft.

    Raises:
        DraftError: the first thing that is wrong.
    """
    cells, name = draft.level.cells, draft.level.name
    for seam in draft.seams:
        if cells[seam.row, seam.column] in NOT_SOLID or cells[seam.row - 1, seam.column] != 0:
            raise DraftError(
                f"{name}: no free floor where {seam.name} begins, column {seam.column}"
            )
    for thing in draft.level.objects:
        if thing.kind == Kind.LOOP:
            _check_loop(cells, thing, name)
    if sorted(draft.way, key=lambda point: point.x)[-1].x > draft.level.end_x:
        raise DraftError(f"{name}: the way leads past the end post")
    _check_crowd(draft.level.objects, name)


def _check_loop(cells: Picture, thing: Obj, name: str) -> None:
    column, row = thing.x // CELL, thing.y // CELL
    ground = cells[row, column - 6 : column + 6]
    above = cells[row - 9 : row, column - 5 : column + 5]
    if not all(cell in (Cell.SOLID, Cell.ICE) for cell in ground.ravel()):
        raise DraftError(f"{name}: the loop at column {column} does not stand on flat ground")
    if not all(cell in NOT_SOLID for cell in above.ravel()):
        raise DraftError(f"{name}: the loop at column {column} has no room")


def _check_crowd(objects: Sequence[Obj], name: str) -> None:
    for thing in objects:
        near = sum(0 <= other.x - thing.x <= 640 for other in objects)
        if near > MAX_OBJECTS_NEAR:
            raise DraftError(f"{name}: {near} objects within 640 pixels of x {thing.x}")


def _extent(
    canvas: Canvas, cells: Picture, floor: Picture, water_row: int | None
) -> tuple[int, int]:
    """First and last row to keep (the last exclusive), counted from the start's floor."""
    ground = floor[floor < NO_GROUND]
    used = np.flatnonzero((cells != Cell.EMPTY).any(axis=1)) - ORIGIN
    top = int(used[0]) - AIR_ROWS
    bottom = int(ground.max()) + BELOW_ROWS
    if water_row is not None:
        bottom = max(bottom, water_row + 4)
    if bottom - top < MIN_ROWS:
        top = bottom - MIN_ROWS
    return top, bottom


def _roof(canvas: Canvas, cells: Picture) -> int:
    """Close a cave: rock above everything that is drawn; returns the highest row left free."""
    columns = cells.shape[1]
    first: list[int] = []
    for column in range(columns):
        used = np.flatnonzero(cells[:, column] != Cell.EMPTY)
        row = int(used[0]) - ORIGIN if used.size else first[-1]  # a pit: as beside it
        first.append(canvas.sealed.get(column, row))
    free = np.minimum(np.array(first) - 7, np.array(canvas.ceiling[:columns]))
    width = 7
    padded = np.pad(free, width, mode="edge")
    lowest = np.lib.stride_tricks.sliding_window_view(padded, 2 * width + 1).min(axis=1)
    for column in range(columns):
        roof = int(lowest[column]) - (column // 5 * 7 % 3)
        slab = cells[: max(ORIGIN + roof, 0), column]
        slab[slab == Cell.EMPTY] = Cell.SOLID
    return int(lowest.min()) - 3


def _objects(canvas: Canvas, cells: Picture, down: int) -> tuple[Obj, ...]:
    """All objects that the way needs, and as many of the others as the limits leave room for."""
    objects = [Obj(o.kind, o.x, o.y + down, o.arg, o.arg2) for o in canvas.objects]
    for extra in canvas.extras:
        thing = _fitted(Obj(extra.kind, extra.x, extra.y + down, extra.arg, extra.arg2), cells)
        if thing is not None and _room(objects, thing):
            objects.append(thing)
    return tuple(sorted(objects, key=lambda thing: (thing.x, thing.y, thing.kind)))


def _room(objects: list[Obj], thing: Obj) -> bool:
    near = sorted(o.x for o in [*objects, thing] if abs(o.x - thing.x) <= 640)
    limit = MAX_OBJECTS_NEAR
    return all(near[i + limit] - near[i] > 640 for i in range(len(near) - limit))


def _fitted(thing: Obj, cells: Picture) -> Obj | None:
    """An enemy with its range cut down to the level ground that it has, or None."""
    if thing.kind == Kind.SHOOTER or thing.kind == Kind.FLYER:
        return thing
    column, row = thing.x // CELL, thing.y // CELL

    def stands(at: int) -> bool:
        if not 0 <= at < cells.shape[1]:
            return False
        return cells[row, at] in FLOORS and not (set(cells[row - 2 : row, at]) - NOT_SOLID)

    reach = 0
    while reach < 8 and stands(column - reach - 1) and stands(column + reach + 1):
        reach += 1
    if not stands(column) or reach < 2:
        return None
    return Obj(thing.kind, thing.x, thing.y, min(thing.arg, (reach - 1) * 2), thing.arg2)


FLOORS = frozenset({Cell.SOLID, Cell.ICE, Cell.BRIDGE, Cell.CONVEYOR_L, Cell.CONVEYOR_R})


def _rings(canvas: Canvas, cells: Picture, down: int) -> tuple[tuple[int, int], ...]:
    """The rings that float in free cells, thinned out to the format's limit."""
    chosen: list[tuple[int, int]] = []
    for x, y in sorted(canvas.rings):
        row, column = (y + down) // CELL, x // CELL
        free = 0 < row < cells.shape[0] and 0 < column < cells.shape[1]
        if not free or cells[row, column] not in NOT_SOLID or (x, y + down) in chosen:
            continue
        if sum(x - other <= 400 for other, _ in chosen) < MAX_RINGS_NEAR:
            chosen.append((x, y + down))
    return tuple(chosen)
