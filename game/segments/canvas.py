"""The canvas a level is drawn on, from left to right, by the hand-designed segments.

Rows are counted from the start's floor (up is negative), columns from the left border. Every
segment begins and ends on the floor where the pen stands, so that any two of them fit together.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import numpy as np

from game.format import CELL, MAX_COLUMNS, Cell, Kind, Obj, Picture

ORIGIN = 96  # array row of the start's floor
ARRAY_ROWS = 192
NO_GROUND = 1 << 20
PASS = -1  # reach of a waypoint that counts when its x is passed, not too far below

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
    """A place on the intended way, in pixels of the canvas (body centre of the player).

    Attributes:
        reach_x, reach_y: it counts within this distance; `PASS`: as soon as x is passed.
        land: it counts only while the player stands.
    """

    x: int
    y: int
    reach_x: int = PASS
    reach_y: int = 32
    land: bool = False


@dataclass(frozen=True)
class Seam:
    """Where one segment ends and the next begins: its column and its floor's row."""

    name: str
    column: int
    row: int


@dataclass
class Canvas:
    """A level while it is being drawn.

    Attributes:
        rng: the only source of chance; draws only through `pick`, `chance` and `choose`.
        difficulty: 0 (gentle) to 1 (hard): widths, heights and enemies follow it.
        lean: -1: the level should climb now, 1: descend, 0: as one likes.
        surface: the cell that `flat` lays (ICE in the Glacier, say).
        column, row: the pen: next column to draw, floor row there.
        ceiling: a cave's roof stays above this row.
        sealed: column -> floor row: here a cave's roof joins the rock over a tunnel.
    """

    rng: random.Random
    difficulty: float
    lean: int = 0
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
    extras: list[Obj] = field(default_factory=list)
    rings: list[tuple[int, int]] = field(default_factory=list)
    way: list[Waypoint] = field(default_factory=list)
    seams: list[Seam] = field(default_factory=list)

    # chance

    def pick(self, low: int, high: int) -> int:
        """A whole number from low to high, both included."""
        return low + int(self.rng.random() * (high - low + 1))

    def scaled(self, easy: int, hard: int) -> int:
        """A number between easy and hard by the difficulty, give or take a sixth."""
        share = self.difficulty + (self.rng.random() - 0.5) / 3
        return round(easy + (hard - easy) * min(max(share, 0.0), 1.0))

    def chance(self, probability: float) -> bool:
        return self.rng.random() < probability

    def direction(self) -> int:
        """-1 to go up, 1 to go down: where the level leans, else by chance."""
        if self.lean:
            return self.lean
        return 1 if self.chance(0.5) else -1

    def begin(self, name: str) -> None:
        """Note where a segment begins."""
        self.seams.append(Seam(name, self.column, self.row))

    # ground

    def flat(self, columns: int, cell: Cell | None = None) -> None:
        """Draw level floor and move on."""
        for _ in range(columns):
            self._column(self.row, self.surface if cell is None else cell)

    def slope(self, rows: int, grade: int = 4) -> None:
        """Draw a slope: rows > 0 climbs, < 0 falls; grade 4, 2 or 1 columns a row."""
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
        """Put the floor higher (rows > 0) or lower at once: a wall or a drop."""
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

    # free drawing: columns are absolute, rows too

    def put(self, column: int, row: int, cell: Cell) -> None:
        self.cells[ORIGIN + row, column] = cell

    def fill(self, column: int, row: int, columns: int, rows: int, cell: Cell = Cell.SOLID) -> None:
        """A block whose upper left cell is (column, row)."""
        self.cells[ORIGIN + row : ORIGIN + row + rows, column : column + columns] = cell

    def ledge(self, column: int, row: int, columns: int, cell: Cell = Cell.ONEWAY) -> None:
        self.fill(column, row, columns, 1, cell)

    def headroom(self, first: int, last: int, row: int) -> None:
        """Keep a cave's roof above this row over these columns."""
        for column in range(first, last + 1):
            self.ceiling[column] = min(self.ceiling[column], row)

    # things

    def thing(self, kind: Kind, column: float, row: int, arg: int = 0, arg2: int = 0) -> None:
        """Place an object that the way needs; x is the column's middle, y the top of `row`."""
        self.objects.append(Obj(kind, round(column * CELL) + CELL // 2, row * CELL, arg, arg2))

    def loop(self, column: int, row: int) -> None:
        """A loop centred on the left border of a column."""
        self.objects.append(Obj(Kind.LOOP, column * CELL, row * CELL))

    def extra(self, kind: Kind, column: float, row: float, arg: int = 0, arg2: int = 0) -> None:
        """Place an object that may be left out where too many stand close together."""
        x, y = round(column * CELL) + CELL // 2, round(row * CELL)
        self.extras.append(Obj(kind, x, y, arg, arg2))

    def ring(self, column: float, row: float) -> None:
        """A ring whose centre is the cell's; row is the cell's own, not a floor's."""
        self.rings.append((round(column * CELL) + 8, round(row * CELL) + 8))

    def ring_line(self, column: int, row: int, count: int) -> None:
        for index in range(count):
            self.ring(column + 2 * index, row)

    def ring_arc(self, column: int, row: int, columns: int, height: int = 4) -> None:
        """Rings on a jump's arc that begins at a column and floor row."""
        count = max(3, columns // 2)
        for index in range(count):
            share = index / (count - 1)
            self.ring(column + share * columns, row - 1 - 4 * height * share * (1 - share))

    # the intended way

    def passed(self, column: float | None = None, row: int | None = None) -> None:
        """The way passes this column (default: the pen), on this floor."""
        column = self.column if column is None else column
        row = self.row if row is None else row
        self.way.append(Waypoint(round(column * CELL), row * CELL - 15))

    def via(self, column: float, row: int, reach_x: int = 24, reach_y: int = 20) -> None:
        """The way lands here: middle of the column, standing on the row's top."""
        x = round(column * CELL) + CELL // 2
        self.way.append(Waypoint(x, row * CELL - 15, reach_x, reach_y, land=True))

    def touch(self, column: float, row: int, reach_x: int = 24, reach_y: int = 20) -> None:
        """The way touches this place, standing or flying."""
        x = round(column * CELL) + CELL // 2
        self.way.append(Waypoint(x, row * CELL - 15, reach_x, reach_y))
