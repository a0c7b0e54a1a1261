"""Segments of the Lagoon: basins under water, with air bubbles on the route."""

from __future__ import annotations

from game.format import Cell, Kind
from game.segments.canvas import Canvas

WATER_ROW = 4  # rows below the start's floor


def _dive(canvas: Canvas) -> int:
    """Draw terraces down into the water; return their height in rows."""
    canvas.flat(5)
    depth = max(WATER_ROW + canvas.scaled(5, 9) - canvas.row, 4)
    left = depth
    while left > 0:
        drop = min(left, canvas.pick(3, 4))
        canvas.step(-drop)
        canvas.flat(3)
        left -= drop
    canvas.route_past()
    return depth


def _rise(canvas: Canvas, rows: int) -> None:
    """Draw steps out of the water."""
    while rows > 0:
        height = min(rows, 3)
        canvas.step(height)
        canvas.flat(3)
        canvas.route_past()
        rows -= height
    canvas.flat(4)


def basin(canvas: Canvas) -> None:
    """A basin with rocks on its floor."""
    depth = _dive(canvas)
    canvas.add_object(Kind.AIR, canvas.column + 2, canvas.row)
    for _ in range(canvas.scaled(1, 3)):
        canvas.flat(5)
        canvas.fill(canvas.column, canvas.row - canvas.scaled(2, 3), 2, 3)
        canvas.flat(2)
        canvas.route_past()
        if canvas.chance(0.5):
            canvas.add_optional(Kind.PATROLLER, canvas.column + 3, canvas.row, 2)
        canvas.flat(4)
    canvas.ring_line(canvas.column - 4, canvas.row - 3, 3)
    _rise(canvas, depth)


def sunken_spikes(canvas: Canvas) -> None:
    """A basin with spikes, where jumps are slow and long."""
    depth = _dive(canvas)
    canvas.add_object(Kind.AIR, canvas.column + 1, canvas.row)
    canvas.flat(4)
    for _ in range(canvas.scaled(1, 3)):
        canvas.flat(canvas.scaled(2, 4), Cell.SPIKE_UP)
        canvas.flat(6)
        canvas.route_past()
    _rise(canvas, depth)


def sunken_gallery(canvas: Canvas) -> None:
    """A long passage with a ceiling under water, with air bubbles on the route."""
    depth = _dive(canvas)
    columns = canvas.scaled(14, 24)
    canvas.fill(canvas.column, canvas.row - 9, columns, 5)
    canvas.fill(canvas.column, canvas.row - 4, columns, 4, Cell.BACK)
    canvas.add_object(Kind.AIR, canvas.column + columns // 2, canvas.row)
    canvas.ring_line(canvas.column + 2, canvas.row - 2, 3)
    half = columns // 2
    canvas.flat(half)
    canvas.flat(2, Cell.SPIKE_UP if canvas.chance(canvas.difficulty) else None)
    canvas.route_past(canvas.column + 2)
    canvas.flat(columns - half)
    _rise(canvas, depth)


def sunken_shaft(canvas: Canvas) -> None:
    """A wall under water; the route out leads back over ledges."""
    depth = _dive(canvas)
    left, row = canvas.column, canvas.row
    canvas.flat(14)
    canvas.add_object(Kind.AIR, left + 5, row)
    rows = depth
    at, storey = row, 0
    while at - (row - rows) > 3:
        at -= 3
        column = left + 7 if storey % 2 == 0 else left + 1
        canvas.ledge(column, at, 3)
        canvas.route_land(column + 1, at, 28)
        storey += 1
    if storey % 2 == 0 and storey:
        canvas.ledge(left + 8, at - 2, 3)
        canvas.route_land(left + 9, at - 2, 28)
    canvas.step(rows)
    canvas.flat(7)
    canvas.route_past(canvas.column - 4)


def shallows(canvas: Canvas) -> None:
    """Stones over shallow water; falling in costs time but no life."""
    canvas.flat(5)
    row = canvas.row
    bottom = max(WATER_ROW + 4, row + 3)
    canvas.row = bottom
    first = canvas.column
    for _ in range(canvas.pick(3, 4)):
        canvas.flat(canvas.scaled(4, 6))
        canvas.fill(canvas.column, row, 3, 2)
        canvas.add_ring(canvas.column + 1, row - 2)
        canvas.flat(3)
    canvas.flat(3)
    # Steps out of the water
    top = bottom
    while top > row:
        top = max(top - 3, row)
        canvas.row = top
        canvas.flat(3)
    canvas.headroom(first, canvas.column, row - 8)
    canvas.row = row
    canvas.flat(4)
