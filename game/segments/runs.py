"""Segments for running: hills, loops, half-pipes, steep slopes, stairs, walls, ice."""

from __future__ import annotations

from game.format import Cell, Kind
from game.segments.canvas import Canvas


def plain(canvas: Canvas) -> None:
    """Level ground with rings and sometimes a bump."""
    length = canvas.pick(10, 18)
    canvas.ring_line(canvas.column + 3, canvas.row - 2, canvas.pick(3, 5))
    canvas.flat(length)
    if canvas.chance(0.5):
        canvas.slope(1, 4)
        canvas.flat(canvas.pick(2, 4))
        canvas.slope(-1, 4)
        canvas.flat(2)


def hills(canvas: Canvas) -> None:
    """Rolling hills with slopes of 1:4 and 1:2."""
    canvas.flat(3)
    for _ in range(canvas.pick(2, 4)):
        rows = -canvas.direction() * canvas.pick(1, 3)
        grade = 4 if canvas.chance(0.5) else 2
        canvas.slope(rows, grade)
        if canvas.chance(0.5):
            canvas.ring_line(canvas.column, canvas.row - 2, 3)
        canvas.flat(canvas.pick(2, 6))
        canvas.route_past()
    canvas.flat(2)


def mound(canvas: Canvas) -> None:
    """A round hill: its slope grows on the way up and shrinks on the way down."""
    canvas.flat(6)
    rows = canvas.pick(1, 3)
    canvas.slope(1, 4)
    canvas.slope(rows, 2)
    canvas.flat(canvas.pick(2, 5))
    canvas.slope(-rows, 2)
    canvas.slope(-1, 4)
    canvas.flat(3)


def loop(canvas: Canvas) -> None:
    """A run-up and a loop; in hard levels a second loop may follow."""
    canvas.flat(canvas.pick(24, 28))
    for index in range(2 if canvas.difficulty > 0.5 and canvas.chance(0.4) else 1):
        canvas.flat(7 if index == 0 else 8)
        canvas.add_loop(canvas.column, canvas.row)
        canvas.headroom(canvas.column - 10, canvas.column + 10, canvas.row - 11)
        canvas.flat(7)
        canvas.route_past()
    canvas.ring_line(canvas.column, canvas.row - 1, 3)
    canvas.flat(7)


def slope_loop(canvas: Canvas) -> None:
    """A loop at the foot of a slope, on which the player gains the speed for it."""
    canvas.flat(5)
    canvas.slope(-3, 2)
    canvas.slope(-2, 4)
    canvas.flat(10)
    canvas.route_past()
    canvas.add_loop(canvas.column, canvas.row)
    canvas.headroom(canvas.column - 10, canvas.column + 10, canvas.row - 11)
    canvas.flat(8)
    canvas.route_past()
    canvas.flat(4)


def half_pipe(canvas: Canvas) -> None:
    """A half-pipe: down one side, up the other; a slow player swings back and forth in it."""
    depth = canvas.scaled(3, 6)
    canvas.flat(5)
    canvas.slope(-depth, 1)
    canvas.slope(-1, 2)
    canvas.slope(-1, 4)
    bottom = canvas.pick(5, 9)
    canvas.ring_line(canvas.column, canvas.row - 1, 3)
    if canvas.chance(canvas.difficulty * 0.5):
        canvas.add_optional(Kind.PATROLLER, canvas.column + bottom // 2, canvas.row, 4)
    canvas.flat(bottom)
    canvas.route_past()
    canvas.slope(1, 4)
    canvas.slope(1, 2)
    canvas.slope(depth + (1 if canvas.trend < 0 else 0), 1)
    canvas.flat(5)


def steep(canvas: Canvas) -> None:
    """A hill of 45 degrees that needs a run-up or a dash."""
    canvas.flat(canvas.pick(22, 26))
    canvas.slope(1, 4)
    canvas.slope(1, 2)
    canvas.route_past()
    rows = canvas.scaled(5, 8)
    canvas.slope(rows, 1)
    canvas.ring_line(canvas.column, canvas.row - 2, 2)
    canvas.flat(5)


def plunge(canvas: Canvas) -> None:
    """A long steep descent; the player reaches its foot at high speed."""
    canvas.flat(4)
    canvas.slope(-1, 2)
    canvas.slope(-canvas.scaled(5, 9), 1)
    canvas.slope(-1, 2)
    canvas.slope(-1, 4)
    canvas.route_past()
    canvas.ring_line(canvas.column, canvas.row - 1, 4)
    canvas.flat(12)


def booster(canvas: Canvas) -> None:
    """A spring that pushes right, and a hill that needs this push."""
    canvas.flat(4)
    canvas.add_object(Kind.SPRING_RIGHT, canvas.column, canvas.row, canvas.pick(0, 1))
    canvas.route_touch(canvas.column, canvas.row, 24, 24)
    canvas.flat(10)
    canvas.slope(1, 4)
    canvas.slope(1, 2)
    canvas.slope(canvas.scaled(5, 7), 1)
    canvas.flat(5)


def stairs(canvas: Canvas) -> None:
    """Steps up or down, two to four cells high."""
    side = canvas.direction()
    canvas.flat(5)
    for _ in range(canvas.pick(2, 4)):
        canvas.step(-side * canvas.pick(2, 3 if canvas.difficulty < 0.4 else 4))
        if canvas.chance(0.4):
            canvas.add_ring(canvas.column + 2, canvas.row - 2)
        canvas.flat(canvas.pick(4, 6))
        canvas.route_past()
    canvas.flat(2)


def wall(canvas: Canvas) -> None:
    """A wall to jump on, sometimes with a drop or a slope behind it."""
    canvas.flat(canvas.pick(8, 12))
    height = canvas.scaled(3, 5)
    canvas.step(height)
    canvas.flat(canvas.pick(4, 7))
    canvas.route_past()
    if canvas.trend > 0 or (canvas.trend == 0 and canvas.chance(0.6)):
        if canvas.chance(0.5):
            canvas.step(-height)
        else:
            canvas.slope(-height, 2)
    canvas.flat(5)


def blocks(canvas: Canvas) -> None:
    """Pillars on the floor to jump over one by one, with enemies between them."""
    canvas.flat(6)
    for _ in range(canvas.pick(2, 3)):
        canvas.fill(canvas.column, canvas.row - canvas.scaled(2, 4), canvas.pick(1, 2), 5)
        if canvas.chance(0.3 + canvas.difficulty * 0.5):
            canvas.add_optional(Kind.PATROLLER, canvas.column + 6, canvas.row, 4)
        canvas.flat(canvas.pick(9, 11))
        canvas.route_past()
    canvas.flat(2)


def ice_run(canvas: Canvas) -> None:
    """Ice with bumps, on which braking is slow, and a pit at its end."""
    before, canvas.surface = canvas.surface, Cell.ICE
    canvas.flat(canvas.pick(10, 14))
    canvas.slope(canvas.pick(1, 2), 1)
    canvas.flat(4)
    canvas.slope(-canvas.pick(2, 3), 1)
    canvas.flat(canvas.pick(8, 12))
    canvas.route_past()
    canvas.surface = before
    width = canvas.scaled(3, 7)
    canvas.ring_arc(canvas.column - 1, canvas.row, width + 1, 3)
    canvas.gap(width)
    canvas.flat(6)


def ice_steps(canvas: Canvas) -> None:
    """Icy terraces, each with spikes behind it."""
    before, canvas.surface = canvas.surface, Cell.ICE
    side = canvas.direction()
    canvas.flat(6)
    for _ in range(canvas.pick(2, 3)):
        canvas.step(-side * canvas.pick(2, 3))
        canvas.flat(canvas.pick(6, 8))
        canvas.route_past()
        canvas.flat(canvas.scaled(1, 3), Cell.SPIKE_UP)
        canvas.flat(4)
    canvas.surface = before
    canvas.flat(3)
