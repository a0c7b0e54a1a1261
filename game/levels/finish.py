"""Turns a drawn canvas into a level: crops it, fills the ground, roofs caves, limits the objects.

It also checks what needs no emulator: ground at the seams, free space around loops, limits.
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
    LevelData,
    Obj,
    Picture,
)
from game.segments.canvas import NO_GROUND, ORIGIN, PASS, Canvas, Seam, Waypoint

AIR_ROWS = 8  # free rows above the highest cell drawn
BELOW_ROWS = 4  # rows below the lowest floor
ROOF_ROWS = 7  # free rows between what is drawn in a cave and its roof
ROOF_REACH = 7  # columns to each side over which the roof keeps its lowest height
NOT_SOLID = frozenset({Cell.EMPTY, Cell.BACK})
FLOORS = frozenset({Cell.SOLID, Cell.ICE, Cell.BRIDGE, Cell.CONVEYOR_L, Cell.CONVEYOR_R})


class GeometryError(UserError):
    """A generated level breaks a limit of the format or a rule of its geometry."""


@dataclass(frozen=True, eq=False)
class GeneratedLevel:
    """A level, with the intended route for the planner.

    Attributes:
        level: the level.
        waypoints: the intended route, in pixels of the level.
        seams: where the segments begin, in columns and rows of the level.
    """

    level: LevelData
    waypoints: tuple[Waypoint, ...]
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
) -> GeneratedLevel:
    """Make a level from a canvas.

    Args:
        canvas: the drawn level; its pen stands behind the last column.
        zone: index into `format.ZONES`.
        act: number of the act, from 1.
        name: name of the level's state.
        end_column: column of the end post.
        roof: whether the level is a cave.
        water_row: row of the water line, counted from the floor of the start, or None.

    Raises:
        GeometryError: the level breaks a limit of the format, or its geometry is wrong.
    """
    cells, top = _crop(canvas, name, roof, water_row)
    down = -top * CELL
    level = LevelData(
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
    route = [replace(point, y=point.y + down) for point in canvas.waypoints]
    route.append(Waypoint(level.end_x, level.end_y - 15, PASS, 10_000))
    seams = tuple(Seam(seam.name, seam.column, seam.row - top) for seam in canvas.seams)
    generated = GeneratedLevel(level, tuple(route), seams)
    check_geometry(generated)
    return generated


def _crop(canvas: Canvas, name: str, roof: bool, water_row: int | None) -> tuple[Picture, int]:
    """Fill the ground and the roof; return the level's cells and the row of their top."""
    columns = canvas.column
    if columns > MAX_COLUMNS:
        raise GeometryError(f"{name} has {columns} columns; at most {MAX_COLUMNS} are allowed")
    floor = np.array(canvas.ground[:columns])
    cells = canvas.cells[:, :columns]
    rows = np.arange(cells.shape[0])[:, None] - ORIGIN
    cells[(rows >= floor[None, :]) & (cells == Cell.EMPTY)] = Cell.SOLID
    top, bottom = _extent(canvas, cells, floor, water_row)
    if roof:
        top = min(top, _roof(canvas, cells) - 3)
    cells = cells[ORIGIN + top : ORIGIN + bottom].copy()
    if not MIN_ROWS <= cells.shape[0] <= MAX_ROWS or cells.size > MAX_CELLS:
        raise GeometryError(
            f"{name} has {cells.shape[0]} rows x {columns} columns; at most"
            f" {MAX_ROWS} rows and {MAX_CELLS} cells are allowed"
        )
    return cells, top


def check_geometry(generated: GeneratedLevel) -> None:
    """Check the geometry of a generated level.

    Raises:
        GeometryError: there is a fault; the message names the first one.
    """
    cells, name = generated.level.cells, generated.level.name
    for seam in generated.seams:
        if cells[seam.row, seam.column] in NOT_SOLID or cells[seam.row - 1, seam.column] != 0:
            raise GeometryError(
                f"{name}: segment {seam.name} does not begin on free floor, column {seam.column}"
            )
    for thing in generated.level.objects:
        if thing.kind == Kind.LOOP:
            _check_loop(cells, thing, name)
    if sorted(generated.waypoints, key=lambda point: point.x)[-1].x > generated.level.end_x:
        raise GeometryError(f"{name}: the route leads past the end post")
    _check_crowd(generated.level.objects, name)


def _check_loop(cells: Picture, thing: Obj, name: str) -> None:
    column, row = thing.x // CELL, thing.y // CELL
    ground = cells[row, column - 6 : column + 6]
    above = cells[row - 9 : row, column - 5 : column + 5]
    if not all(cell in (Cell.SOLID, Cell.ICE) for cell in ground.ravel()):
        raise GeometryError(f"{name}: the loop at column {column} does not stand on flat ground")
    if not all(cell in NOT_SOLID for cell in above.ravel()):
        raise GeometryError(f"{name}: the loop at column {column} has no free space")


def _check_crowd(objects: Sequence[Obj], name: str) -> None:
    for thing in objects:
        near = sum(0 <= other.x - thing.x <= 640 for other in objects)
        if near > MAX_OBJECTS_NEAR:
            raise GeometryError(
                f"{name}: {near} objects within 640 pixels of x {thing.x};"
                f" at most {MAX_OBJECTS_NEAR} are allowed"
            )


def _extent(
    canvas: Canvas, cells: Picture, floor: Picture, water_row: int | None
) -> tuple[int, int]:
    """Return the first row to keep and the row behind the last one, from the start's floor."""
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
    """Fill the rock above a cave; return the topmost row that the roof needs."""
    columns = cells.shape[1]
    first: list[int] = []
    for column in range(columns):
        used = np.flatnonzero(cells[:, column] != Cell.EMPTY)
        row = (
            int(used[0]) - ORIGIN if used.size else first[-1]
        )  # over a pit: the same as in the column before
        first.append(canvas.sealed.get(column, row))
    free = np.minimum(np.array(first) - ROOF_ROWS, np.array(canvas.ceiling[:columns]))
    padded = np.pad(free, ROOF_REACH, mode="edge")
    lowest = np.lib.stride_tricks.sliding_window_view(padded, 2 * ROOF_REACH + 1).min(axis=1)
    for column in range(columns):
        roof = int(lowest[column]) - (column // 5 * 7 % 3)
        slab = cells[: max(ORIGIN + roof, 0), column]
        slab[slab == Cell.EMPTY] = Cell.SOLID
    return int(lowest.min()) - 3


def _objects(canvas: Canvas, cells: Picture, down: int) -> tuple[Obj, ...]:
    """Return the objects that the route needs and as many optional ones as the limits allow."""
    objects = [Obj(o.kind, o.x, o.y + down, o.arg, o.arg2) for o in canvas.objects]
    for optional in canvas.optional_objects:
        thing = _fit_to_ground(
            Obj(optional.kind, optional.x, optional.y + down, optional.arg, optional.arg2), cells
        )
        if thing is not None and _room(objects, thing):
            objects.append(thing)
    return tuple(sorted(objects, key=lambda thing: (thing.x, thing.y, thing.kind)))


def _room(objects: list[Obj], thing: Obj) -> bool:
    near = sorted(o.x for o in [*objects, thing] if abs(o.x - thing.x) <= 640)
    limit = MAX_OBJECTS_NEAR
    return all(near[i + limit] - near[i] > 640 for i in range(len(near) - limit))


def _fit_to_ground(thing: Obj, cells: Picture) -> Obj | None:
    """Limit the range of an enemy to the level ground around it; None without such ground."""
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


def _rings(canvas: Canvas, cells: Picture, down: int) -> tuple[tuple[int, int], ...]:
    """Return the rings in free cells, as many as the limits allow."""
    chosen: list[tuple[int, int]] = []
    for x, y in sorted(canvas.rings):
        row, column = (y + down) // CELL, x // CELL
        free = 0 < row < cells.shape[0] and 0 < column < cells.shape[1]
        if not free or cells[row, column] not in NOT_SOLID or (x, y + down) in chosen:
            continue
        if sum(x - other <= 400 for other, _ in chosen) < MAX_RINGS_NEAR:
            chosen.append((x, y + down))
    return tuple(chosen)
