"""Segments with low ceilings or enemies: ball tunnels, walls to break, galleries, patrols."""

from __future__ import annotations

from game.format import Cell, Kind
from game.segments.canvas import Canvas

BLOCK = 9  # rows of rock: too high for a jump


def _block(canvas: Canvas, columns: int, free_rows: int) -> None:
    """Draw rock over the next columns, with `free_rows` free rows above the floor."""
    top = canvas.row - BLOCK - free_rows
    canvas.fill(canvas.column, top, columns, BLOCK)
    canvas.fill(canvas.column, canvas.row - free_rows, columns, free_rows, Cell.BACK)
    canvas.sealed.update(dict.fromkeys(range(canvas.column, canvas.column + columns), canvas.row))


def ball_tunnel(canvas: Canvas) -> None:
    """A low tunnel that the player passes only as a rolling ball."""
    canvas.flat(canvas.pick(14, 18))
    columns = canvas.scaled(4, 9)
    _block(canvas, columns, 2)
    canvas.ledge(canvas.column, canvas.row - 2, columns, Cell.HALF_CEIL)
    canvas.ring_line(canvas.column + 1, canvas.row - 1, columns // 2)
    canvas.flat(columns)
    canvas.route_past()
    canvas.flat(5)


def break_wall(canvas: Canvas) -> None:
    """A tunnel behind a wall that a fast ball breaks."""
    canvas.flat(canvas.pick(16, 20))
    columns = canvas.pick(6, 12)
    _block(canvas, columns, 3)
    for column in (0, columns // 2) if canvas.chance(canvas.difficulty) else (0,):
        canvas.fill(canvas.column + column, canvas.row - 3, 1, 3, Cell.BREAKABLE)
    canvas.flat(columns)
    canvas.route_past()
    canvas.flat(5)


def gallery(canvas: Canvas) -> None:
    """A low passage with spikes in the floor and enemies."""
    canvas.flat(4)
    columns = canvas.scaled(14, 22)
    _block(canvas, columns, 4)
    canvas.ring_line(canvas.column + 2, canvas.row - 2, 3)
    if canvas.chance(0.4 + 0.5 * canvas.difficulty):
        canvas.add_optional(Kind.PATROLLER, canvas.column + columns * 2 // 3, canvas.row, 4)
    half = columns // 2
    canvas.flat(half - 2)
    canvas.flat(canvas.scaled(1, 3), Cell.SPIKE_UP)
    canvas.route_past(canvas.column + 1)
    canvas.flat(half)
    canvas.flat(5)


def teeth(canvas: Canvas) -> None:
    """Steps under a ceiling with spikes, which allows only low jumps."""
    canvas.flat(5)
    columns = canvas.pick(14, 18)
    _block(canvas, columns, 6)
    canvas.fill(canvas.column, canvas.row - 6, columns, 1, Cell.SPIKE_DOWN)
    for index in range(2):
        canvas.fill(canvas.column + 4 + 6 * index, canvas.row - canvas.scaled(1, 2), 2, 2)
    canvas.flat(columns)
    canvas.route_past()
    canvas.flat(4)


def drop_shaft(canvas: Canvas) -> None:
    """A shaft down from ledge to ledge, with spikes on the floor beside the landing."""
    canvas.flat(5)
    left, row = canvas.column, canvas.row
    depth = canvas.scaled(9, 13)
    canvas.row = row + depth
    canvas.flat(4)
    canvas.flat(canvas.scaled(1, 2), Cell.SPIKE_UP)
    canvas.flat(6)
    canvas.ledge(left + 5, row + 4, 4)
    canvas.fill(left + 9, row - 6, 3, 6 + depth - 4)
    canvas.ledge(left, row + 8, 3)
    canvas.ring_line(left, row + 6, 2)
    canvas.route_past(left + 1, row)
    canvas.route_land(left + 1, row + depth, 48, 64)
    canvas.route_past()
    canvas.flat(4)


def patrol(canvas: Canvas) -> None:
    """Open ground with patrollers and hoppers."""
    for _ in range(canvas.scaled(1, 3)):
        canvas.flat(4)
        kind = Kind.PATROLLER if canvas.chance(0.6) else Kind.HOPPER
        canvas.add_optional(kind, canvas.column + 4, canvas.row, canvas.pick(4, 7))
        canvas.ring_arc(canvas.column, canvas.row, 8, 3)
        canvas.flat(8)
        canvas.route_past()


def flyers(canvas: Canvas) -> None:
    """Pits with flyers over them, so that each jump needs good timing."""
    canvas.flat(6)
    for _ in range(canvas.scaled(1, 3)):
        width = canvas.scaled(3, 6)
        canvas.add_optional(Kind.FLYER, canvas.column + width / 2, canvas.row - 3, 5, 3)
        canvas.gap(width)
        canvas.flat(canvas.pick(6, 8))
        canvas.route_past()


def battery(canvas: Canvas) -> None:
    """Shooters on top of blocks."""
    canvas.flat(8)
    for _ in range(canvas.scaled(1, 3)):
        height = canvas.pick(1, 3)
        canvas.fill(canvas.column, canvas.row - height, 2, height)
        canvas.add_optional(
            Kind.SHOOTER, canvas.column + 0.5, canvas.row - height, 0, canvas.pick(20, 30)
        )
        canvas.flat(10)
        canvas.route_past()


def trap_spring(canvas: Canvas) -> None:
    """A spring that throws the player back, to jump over."""
    canvas.flat(8)
    canvas.add_object(Kind.SPRING_LEFT, canvas.column, canvas.row, 0)
    canvas.ring_arc(canvas.column - 3, canvas.row, 6, 4)
    canvas.flat(4)
    canvas.route_past()
    if canvas.chance(canvas.difficulty):
        canvas.gap(canvas.scaled(2, 4))
    canvas.flat(6)
