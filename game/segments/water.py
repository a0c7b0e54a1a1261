"""Segments of the Lagoon: basins whose floor lies under water, with air to be taken on the way."""

from __future__ import annotations

from game.format import Cell, Kind
from game.segments.canvas import Canvas

WATER_ROW = 4  # rows below the start's floor


def _dive(canvas: Canvas) -> int:
    """Go down under water over terraces; returns how many rows."""
    canvas.flat(5)
    depth = max(WATER_ROW + canvas.scaled(5, 9) - canvas.row, 4)
    left = depth
    while left > 0:
        drop = min(left, canvas.pick(3, 4))
        canvas.step(-drop)
        canvas.flat(3)
        left -= drop
    canvas.passed()
    return depth


def _rise(canvas: Canvas, rows: int) -> None:
    """Steps out of the water."""
    while rows > 0:
        height = min(rows, 3)
        canvas.step(height)
        canvas.flat(3)
        canvas.passed()
        rows -= height
    canvas.flat(4)


def basin(canvas: Canvas) -> None:
    """Down, past rocks on the floor of the basin, and up again."""
    depth = _dive(canvas)
    canvas.thing(Kind.AIR, canvas.column + 2, canvas.row)
    for _ in range(canvas.scaled(1, 3)):
        canvas.flat(5)
        canvas.fill(canvas.column, canvas.row - canvas.scaled(2, 3), 2, 3)
        canvas.flat(2)
        canvas.passed()
        if canvas.chance(0.5):
            canvas.extra(Kind.PATROLLER, canvas.column + 3, canvas.row, 2)
        canvas.flat(4)
    canvas.ring_line(canvas.column - 4, canvas.row - 3, 3)
    _rise(canvas, depth)


def sunken_spikes(canvas: Canvas) -> None:
    """Spikes under water, where a jump is slow and long."""
    depth = _dive(canvas)
    canvas.thing(Kind.AIR, canvas.column + 1, canvas.row)
    canvas.flat(4)
    for _ in range(canvas.scaled(1, 3)):
        canvas.flat(canvas.scaled(2, 4), Cell.SPIKE_UP)
        canvas.flat(6)
        canvas.passed()
    _rise(canvas, depth)


def sunken_gallery(canvas: Canvas) -> None:
    """A passage under water with a ceiling: long, with bubbles of air on the way."""
    depth = _dive(canvas)
    columns = canvas.scaled(14, 24)
    canvas.fill(canvas.column, canvas.row - 9, columns, 5)
    canvas.fill(canvas.column, canvas.row - 4, columns, 4, Cell.BACK)
    canvas.thing(Kind.AIR, canvas.column + columns // 2, canvas.row)
    canvas.ring_line(canvas.column + 2, canvas.row - 2, 3)
    half = columns // 2
    canvas.flat(half)
    canvas.flat(2, Cell.SPIKE_UP if canvas.chance(canvas.difficulty) else None)
    canvas.passed(canvas.column + 2)
    canvas.flat(columns - half)
    _rise(canvas, depth)


def sunken_shaft(canvas: Canvas) -> None:
    """A wall under water: the way out is back over ledges."""
    depth = _dive(canvas)
    left, row = canvas.column, canvas.row
    canvas.flat(14)
    canvas.thing(Kind.AIR, left + 5, row)
    rows = depth
    at, storey = row, 0
    while at - (row - rows) > 3:
        at -= 3
        column = left + 7 if storey % 2 == 0 else left + 1
        canvas.ledge(column, at, 3)
        canvas.via(column + 1, at, 28)
        storey += 1
    if storey % 2 == 0 and storey:
        canvas.ledge(left + 8, at - 2, 3)
        canvas.via(left + 9, at - 2, 28)
    canvas.step(rows)
    canvas.flat(7)
    canvas.passed(canvas.column - 4)


def shallows(canvas: Canvas) -> None:
    """Stones over water: to fall in costs time, not a life."""
    canvas.flat(5)
    row = canvas.row
    bottom = max(WATER_ROW + 4, row + 3)
    canvas.row = bottom
    first = canvas.column
    for _ in range(canvas.pick(3, 4)):
        canvas.flat(canvas.scaled(4, 6))
        canvas.fill(canvas.column, row, 3, 2)
        canvas.ring(canvas.column + 1, row - 2)
        canvas.flat(3)
    canvas.flat(3)
    # steps out of the water at the end
    top = bottom
    while top > row:
        top = max(top - 3, row)
        canvas.row = top
        canvas.flat(3)
    canvas.headroom(first, canvas.column, row - 8)
    canvas.row = row
    canvas.flat(4)
