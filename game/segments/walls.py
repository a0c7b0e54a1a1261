"""Segments whose route leads up or back: a policy that only runs right can't pass most of them."""

from __future__ import annotations

from game.format import Cell, Kind
from game.segments.canvas import Canvas


def zigzag(canvas: Canvas) -> None:
    """A high wall, climbed over ledges that lead left before they lead right."""
    canvas.flat(16)
    left, row = canvas.column - 14, canvas.row
    height = canvas.scaled(11, 13)
    canvas.ledge(left + 7, row - 4, 4)
    canvas.route_land(left + 8.5, row - 4, 32)
    canvas.ledge(left, row - 8, 4)
    canvas.route_land(left + 1.5, row - 8, 32)
    canvas.ring_line(left, row - 9, 2)
    canvas.ledge(left + 7, row - height + 1, 4)
    canvas.route_land(left + 8.5, row - height + 1, 32)
    canvas.headroom(left - 3, canvas.column + 3, row - height - 6)
    canvas.step(height)
    canvas.flat(6)
    canvas.route_past(canvas.column - 4)


def overhang(canvas: Canvas) -> None:
    """A dead end under a deck; the route leads back to a ledge and onto the deck."""
    canvas.flat(5)
    left, row = canvas.column, canvas.row
    length = canvas.scaled(12, 20)
    canvas.ledge(left, row - 4, 3)
    canvas.fill(left + 5, row - 8, length, 3)
    if canvas.chance(0.3 + canvas.difficulty * 0.5):
        canvas.add_optional(Kind.PATROLLER, left + 5 + length // 2, row, 6)
    canvas.flat(5 + length)
    canvas.route_land(left + 1, row - 4, 28)
    canvas.route_past(left + 7, row - 8)
    canvas.ring_line(left + 7, row - 10, 4)
    canvas.headroom(left - 4, canvas.column + 3, row - 17)
    canvas.step(11)
    canvas.flat(6)
    canvas.route_past(canvas.column - 4)


def cellar(canvas: Canvas) -> None:
    """A cellar; the spring that leads out of it stands at its left end, under the entrance."""
    canvas.flat(3)
    left, row = canvas.column, canvas.row
    length = canvas.scaled(16, 26)
    floor = row + canvas.pick(7, 8)
    canvas.row = floor
    canvas.flat(11 + length)
    # The entrance: a slab with a one-way hole, which opens only from below.
    canvas.fill(left, row, 1, floor - row)
    canvas.fill(left + 1, row, 9, 2)
    canvas.ledge(left + 2, row, 3)
    canvas.fill(left + 2, row + 1, 3, 1, Cell.EMPTY)
    canvas.add_object(Kind.SPRING_UP, left + 3, floor, 1)
    deck = row - 8
    canvas.fill(left + 7, deck, 4 + length, 2)
    canvas.headroom(left - 3, canvas.column + 3, deck - 7)
    if canvas.chance(0.3 + canvas.difficulty * 0.5):
        canvas.add_optional(Kind.PATROLLER, left + 16, floor, 6)
    canvas.ring_line(left + 12, deck - 2, 4)
    canvas.route_past(left + 11, row)
    canvas.route_touch(left + 10.5, floor, 40, 64)
    canvas.route_touch(left + 3, floor, 20, 24)
    canvas.route_touch(left + 4, deck - 1, 64, 48)
    canvas.route_past(left + 9, deck)
    canvas.row = deck
    canvas.flat(5)


def shaft(canvas: Canvas) -> None:
    """A shaft to climb, with ledges at its left and right wall in turn."""
    canvas.flat(4)
    left, row = canvas.column, canvas.row
    storeys = canvas.scaled(3, 4)
    width = 11
    top = row - 4 * storeys - 1
    canvas.flat(width)
    canvas.fill(left, top - 2, 2, row - top - 2)  # left wall, with a door below
    canvas.headroom(left - 2, canvas.column + 4, top - 7)
    for storey in range(1, storeys + 1):
        at = left + 2 if storey % 2 == 0 else left + width - 4
        canvas.ledge(at, row - 4 * storey, 4)
        canvas.route_land(at + 1.5, row - 4 * storey, 32)
        canvas.add_ring(at + 1, row - 4 * storey - 2)
    if storeys % 2 == 0:
        canvas.ledge(left + 7, top - 1, 2)
    canvas.step(row - top)
    canvas.flat(6)
    canvas.route_past(canvas.column - 4)


def switchback(canvas: Canvas) -> None:
    """Three floors: the route leads right, back to the left, and right again."""
    canvas.flat(4)
    left, row = canvas.column, canvas.row
    length = canvas.scaled(14, 20)
    canvas.flat(length + 6)
    right = canvas.column
    canvas.fill(left, row - 19, 2, 15)  # left wall over the door
    canvas.fill(left + 2, row - 7, length - 1, 2)  # middle floor, open at the right
    canvas.fill(left + 7, row - 13, length - 1, 2)  # upper floor, open at the left
    canvas.ledge(right - 4, row - 4, 4)
    canvas.ledge(left + 2, row - 10, 4)
    canvas.headroom(left - 2, right + 4, row - 20)
    canvas.route_land(right - 2.5, row - 4, 32)
    canvas.route_land(left + length - 3, row - 7, 32)
    canvas.route_land(left + 6, row - 7, 40)
    canvas.route_land(left + 3, row - 10, 32)
    canvas.route_past(left + 10, row - 13)
    canvas.ring_line(left + 8, row - 9, 3)
    if canvas.chance(canvas.difficulty):
        canvas.add_optional(Kind.PATROLLER, left + 4 + length // 2, row - 7, 4)
    canvas.step(13)
    canvas.flat(6)
    canvas.route_past(canvas.column - 4)


def back_spring(canvas: Canvas) -> None:
    """A dead end with a spring that throws the player back onto a deck with another spring."""
    canvas.flat(4)
    left, row = canvas.column, canvas.row
    deck = row - 8
    canvas.fill(left, deck, 11, 2)
    canvas.flat(32)
    canvas.add_object(Kind.SPRING_UPLEFT, canvas.column - 2, row, 0)
    canvas.add_object(Kind.SPRING_UPRIGHT, left + 9, deck, 0)
    canvas.headroom(left - 2, canvas.column + 20, deck - 14)
    canvas.route_touch(canvas.column - 2, row, 20, 24)
    canvas.route_touch(left + 9, deck, 20, 24)
    canvas.ring_arc(left + 13, deck - 7, 16, 4)
    canvas.step(10)
    canvas.route_past(canvas.column + 1)
    canvas.flat(18)


def spring_wall(canvas: Canvas) -> None:
    """A high wall with a spring before it; in hard levels the spring is further away."""
    canvas.flat(12)
    strength = 1 if canvas.chance(0.3 + 0.4 * canvas.difficulty) else 0
    height = canvas.pick(14, 16) if strength else canvas.pick(9, 10)
    back = canvas.scaled(3, 6)
    canvas.add_object(Kind.SPRING_UP, canvas.column - back, canvas.row, strength)
    canvas.route_touch(canvas.column - back, canvas.row, 20, 24)
    canvas.route_touch(canvas.column - back, canvas.row - height + 1, 80, 32)
    canvas.headroom(canvas.column - 10, canvas.column + 4, canvas.row - height - 6)
    canvas.add_ring(canvas.column - back, canvas.row - 5)
    canvas.add_ring(canvas.column - back, canvas.row - 7)
    canvas.step(height)
    canvas.flat(7)
    canvas.route_past(canvas.column - 5)


def crag(canvas: Canvas) -> None:
    """Rock terraces: three walls to jump on, in hard levels with spikes before the next wall."""
    canvas.flat(8)
    for index in range(3):
        canvas.step(canvas.scaled(4, 5))
        canvas.flat(canvas.pick(4, 6))
        if index < 2 and canvas.chance(canvas.difficulty):
            canvas.flat(2, Cell.SPIKE_UP)
            canvas.flat(2)
        canvas.route_past()
    canvas.flat(4)


def two_roads(canvas: Canvas) -> None:
    """A high road with rings over a low road with spikes; the high road is faster."""
    canvas.flat(6)
    left, row = canvas.column, canvas.row
    canvas.ledge(left + 1, row - 4, 3)
    canvas.route_land(left + 2, row - 4, 40, 24)
    length = canvas.scaled(18, 28)
    at = left + 6
    while at < left + 6 + length:
        width = canvas.pick(5, 7)
        canvas.ledge(at, row - 7, width)
        canvas.ring_line(at, row - 9, width // 2)
        canvas.route_past(at + width - 2, row - 7)
        at += width + canvas.scaled(2, 4)
    for _ in range(canvas.pick(2, 3)):
        canvas.flat(canvas.pick(5, 7))
        canvas.flat(canvas.scaled(2, 4), Cell.SPIKE_UP)
    if canvas.column < at:
        canvas.add_optional(Kind.PATROLLER, canvas.column + 3, row, 3)
        canvas.flat(at - canvas.column)
    canvas.flat(5)


def spring_steps(canvas: Canvas) -> None:
    """Islands in the air; a spring on each leads up to the next one."""
    canvas.flat(7)
    for _ in range(canvas.pick(2, 3)):
        spring = canvas.column - 2
        canvas.add_object(Kind.SPRING_UP, spring, canvas.row, 0)
        canvas.route_touch(spring, canvas.row, 20, 24)
        canvas.route_touch(spring, canvas.row - 8, 96, 40)
        canvas.headroom(spring - 3, spring + 8, canvas.row - 14)
        canvas.gap(canvas.scaled(2, 3))
        canvas.step(canvas.pick(6, 7))
        canvas.add_ring(canvas.column + 2, canvas.row - 2)
        canvas.route_past(canvas.column + 2)
        canvas.flat(7)
    canvas.flat(4)
