"""The canvas on which segments draw a level, from left to right.

Rows count from the floor of the start (up is negative), columns from the left border. Every
segment begins and ends on the floor at the pen's position, so any two segments fit together.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import numpy as np

from game.format import CELL, MAX_COLUMNS, Cell, Kind, Obj, Picture

ORIGIN = 96  # array row of the start's floor
ARRAY_ROWS = 192
NO_GROUND = 1 << 20
PASS = -1  # reach_x of a waypoint that is reached when the player passes its x

_GRADES = {
    (1, 1): (Cell.S45_UP,),
    (1, -1): (Cell.S45_DOWN,),
    (2, 1): (Cell.S22_UP0, Cell.S22_UP1),
    (2, -1): (Cell.S22_DOWN0, Cell.S22_DOWN1),
    (4, 1): (Cell.S14_UP0, Cell.S14_UP1, Cell.S14_UP2, Cell.S14_UP3),
    (4, -1): (Cell.S14_DOWN0, Cell.S14_DOWN1, Cell.S14_DOWN2, Cell.S14_DOWN3),
}


@dataclass(frozen=True)
class Waypoint:
    """A point on the intended route, in pixels (centre of the player's body).

    Attributes:
        x, y: the point.
        reach_x: the waypoint counts as reached within this many pixels of x; with `PASS`,
            as soon as the player has passed x.
        reach_y: the same for y; with `PASS`, how far below y the player may be.
        land: the waypoint counts only while the player stands.
    """

    x: int
    y: int
    reach_x: int = PASS
    reach_y: int = 32
    land: bool = False


@dataclass(frozen=True)
class Seam:
    """Where a segment begins: its name, its first column and the row of its floor."""

    name: str
    column: int
    row: int


@dataclass
class Canvas:
    """A level during drawing. The pen marks where the next segment begins.

    Attributes:
        rng: the only source of randomness; `pick`, `scaled`, `chance` and `direction` use it.
        difficulty: 0 (gentle) to 1 (hard); scales widths, heights and enemies.
        trend: -1 if the level should climb now, 1 if it should descend, 0 for either.
        surface: the cell that `flat` draws, such as ICE.
        column: the pen's column, the next one to draw.
        row: the row of the floor at the pen.
        cells: (ARRAY_ROWS, columns) uint8 of `Cell`; row 0 of the level is row ORIGIN here.
        ground: first row of solid ground in each column; NO_GROUND over a pit.
        ceiling: the row above which the roof of a cave must stay, in each column.
        sealed: column -> floor row, where the roof of a cave joins the rock above a tunnel.
        objects: objects that the route needs.
        optional_objects: objects that may be left out where too many stand close together.
        rings: centres of the rings (x, y), in pixels.
        waypoints: the intended route.
        seams: where the segments begin.
    """

    rng: random.Random
    difficulty: float
    trend: int = 0
    surface: Cell = Cell.SOLID
    column: int = 0
    row: int = 0
    cells: Picture = field(
        default_factory=lambda: np.zeros((ARRAY_ROWS, MAX_COLUMNS + 200), np.uint8)
    )
    ground: list[int] = field(default_factory=lambda: [NO_GROUND] * (MAX_COLUMNS + 200))
    ceiling: list[int] = field(default_factory=lambda: [NO_GROUND] * (MAX_COLUMNS + 200))
    sealed: dict[int, int] = field(default_factory=dict)
    objects: list[Obj] = field(default_factory=list)
    optional_objects: list[Obj] = field(default_factory=list)
    rings: list[tuple[int, int]] = field(default_factory=list)
    waypoints: list[Waypoint] = field(default_factory=list)
    seams: list[Seam] = field(default_factory=list)

    # Random choices

    def pick(self, low: int, high: int) -> int:
        """Draw an integer from low to high, both included."""
        return low + int(self.rng.random() * (high - low + 1))

    def scaled(self, easy: int, hard: int) -> int:
        """Interpolate from easy to hard by the difficulty, randomly varied by up to a sixth."""
        share = self.difficulty + (self.rng.random() - 0.5) / 3
        return round(easy + (hard - easy) * min(max(share, 0.0), 1.0))

    def chance(self, probability: float) -> bool:
        """Return True with a probability."""
        return self.rng.random() < probability

    def direction(self) -> int:
        """Return -1 to climb or 1 to descend: the trend, or a random choice without one."""
        if self.trend:
            return self.trend
        return 1 if self.chance(0.5) else -1

    def begin_segment(self, name: str) -> None:
        """Record that a segment begins at the pen."""
        self.seams.append(Seam(name, self.column, self.row))

    # Ground

    def flat(self, columns: int, cell: Cell | None = None) -> None:
        """Draw level floor from the pen and move the pen behind it."""
        for _ in range(columns):
            self._column(self.row, self.surface if cell is None else cell)

    def slope(self, rows: int, grade: int = 4) -> None:
        """Draw a slope.

        Args:
            rows: how far it climbs; negative to descend.
            grade: columns for each row: 4, 2 or 1.
        """
        side = 1 if rows > 0 else -1
        for _ in range(abs(rows)):
            if side > 0:
                self.row -= 1
            for cell in _GRADES[grade, side]:
                self._column(self.row, self._icy(cell))
            if side < 0:
                self.row += 1

    def gap(self, columns: int) -> None:
        """Leave columns without ground: a pit."""
        self.column += columns

    def step(self, rows: int) -> None:
        """Raise (rows > 0) or lower the floor at the pen: a wall or a drop."""
        self.row -= rows

    def _column(self, row: int, cell: Cell) -> None:
        self.cells[ORIGIN + row, self.column] = cell
        self.ground[self.column] = row + 1
        self.column += 1

    def _icy(self, cell: Cell) -> Cell:
        if self.surface == Cell.ICE:
            icy = {Cell.S45_UP: Cell.ICE_S45_UP, Cell.S45_DOWN: Cell.ICE_S45_DOWN}
            return icy.get(cell, cell)
        return cell

    # Free drawing, at absolute columns and rows

    def put(self, column: int, row: int, cell: Cell) -> None:
        """Set one cell."""
        self.cells[ORIGIN + row, column] = cell

    def fill(self, column: int, row: int, columns: int, rows: int, cell: Cell = Cell.SOLID) -> None:
        """Fill a block whose upper left cell is (column, row)."""
        self.cells[ORIGIN + row : ORIGIN + row + rows, column : column + columns] = cell

    def ledge(self, column: int, row: int, columns: int, cell: Cell = Cell.ONEWAY) -> None:
        """Draw a ledge of one row, by default a one-way floor."""
        self.fill(column, row, columns, 1, cell)

    def headroom(self, first: int, last: int, row: int) -> None:
        """Keep the roof of a cave above a row, from column `first` to column `last`."""
        for column in range(first, last + 1):
            self.ceiling[column] = min(self.ceiling[column], row)

    # Objects and rings

    def add_object(self, kind: Kind, column: float, row: int, arg: int = 0, arg2: int = 0) -> None:
        """Place an object that the route needs at the middle of a column, on the top of a row."""
        self.objects.append(Obj(kind, round(column * CELL) + CELL // 2, row * CELL, arg, arg2))

    def add_loop(self, column: int, row: int) -> None:
        """Place a loop whose centre is the left border of a column."""
        self.objects.append(Obj(Kind.LOOP, column * CELL, row * CELL))

    def add_optional(
        self, kind: Kind, column: float, row: float, arg: int = 0, arg2: int = 0
    ) -> None:
        """Place an object that may be left out where too many stand close together."""
        x, y = round(column * CELL) + CELL // 2, round(row * CELL)
        self.optional_objects.append(Obj(kind, x, y, arg, arg2))

    def add_ring(self, column: float, row: float) -> None:
        """Place a ring at the centre of a cell; `row` is that cell's row, not the floor's."""
        self.rings.append((round(column * CELL) + 8, round(row * CELL) + 8))

    def ring_line(self, column: int, row: int, count: int) -> None:
        """Place rings in a row, every second column."""
        for index in range(count):
            self.add_ring(column + 2 * index, row)

    def ring_arc(self, column: int, row: int, columns: int, height: int = 4) -> None:
        """Place rings on the arc of a jump that begins at a column and a floor row."""
        count = max(3, columns // 2)
        for index in range(count):
            share = index / (count - 1)
            self.add_ring(column + share * columns, row - 1 - 4 * height * share * (1 - share))

    # The intended route

    def route_past(self, column: float | None = None, row: int | None = None) -> None:
        """Lead the route past a column at the height of a floor row; by default the pen's."""
        column = self.column if column is None else column
        row = self.row if row is None else row
        self.waypoints.append(Waypoint(round(column * CELL), row * CELL - 15))

    def route_land(self, column: float, row: int, reach_x: int = 24, reach_y: int = 20) -> None:
        """Lead the route to a landing: at the middle of a column, on the top of a row."""
        x = round(column * CELL) + CELL // 2
        self.waypoints.append(Waypoint(x, row * CELL - 15, reach_x, reach_y, land=True))

    def route_touch(self, column: float, row: int, reach_x: int = 24, reach_y: int = 20) -> None:
        """Lead the route through a point, on the ground or in the air."""
        x = round(column * CELL) + CELL // 2
        self.waypoints.append(Waypoint(x, row * CELL - 15, reach_x, reach_y))
