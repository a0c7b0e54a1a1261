"""Segments over nothing: pits, stepping stones, bridges, moving and crumbling ground."""

from __future__ import annotations

from game.format import Cell, Kind
from game.segments.canvas import Canvas


def pit(canvas: Canvas) -> None:
    """One pit to jump."""
    canvas.flat(canvas.pick(6, 12))
    width = canvas.scaled(3, 9)
    if canvas.chance(0.6):
        canvas.ring_arc(canvas.column - 1, canvas.row, width + 1)
    if canvas.chance(canvas.difficulty * 0.4):
        canvas.extra(Kind.FLYER, canvas.column + width / 2, canvas.row - 5, 2, 4)
    canvas.gap(width)
    canvas.step(-canvas.direction() * canvas.pick(0, 2))
    canvas.flat(5)


def pits(canvas: Canvas) -> None:
    """Two to four pits with islands between them."""
    canvas.flat(6)
    for _ in range(canvas.pick(2, 4)):
        canvas.gap(canvas.scaled(3, 7))
        canvas.step(-canvas.direction() * canvas.pick(0, 2))
        island = canvas.pick(4, 7) - round(canvas.difficulty)
        if canvas.chance(0.4):
            canvas.ring(canvas.column + island // 2, canvas.row - 2)
        canvas.flat(island)
        canvas.passed()
    canvas.flat(3)


def stones(canvas: Canvas) -> None:
    """Thin ledges over a wide pit, up and down."""
    canvas.flat(5)
    row = canvas.row
    canvas.gap(canvas.pick(2, 3))
    for _ in range(canvas.pick(3, 5)):
        row += canvas.pick(-2, 2)
        row = min(max(row, canvas.row - 5), canvas.row + 3)
        width = canvas.scaled(4, 3)
        canvas.ledge(canvas.column, row, width)
        canvas.passed(canvas.column + 1, row)
        if canvas.chance(0.5):
            canvas.ring(canvas.column + 1, row - 2)
        canvas.gap(width + canvas.scaled(3, 5))
    canvas.row = min(row + 1, canvas.row + 3)
    canvas.flat(6)


def bridge(canvas: Canvas) -> None:
    """A bridge with planks missing."""
    canvas.flat(5)
    for index in range(canvas.pick(2, 4)):
        if index:
            canvas.gap(canvas.scaled(2, 5))
        length = canvas.pick(5, 8)
        canvas.ledge(canvas.column, canvas.row, length, Cell.BRIDGE)
        if canvas.chance(0.3 + 0.4 * canvas.difficulty):
            canvas.extra(Kind.HOPPER, canvas.column + length / 2, canvas.row, 2)
        canvas.gap(length)
        canvas.passed()
    canvas.flat(5)


def crumbling(canvas: Canvas) -> None:
    """Ground that falls away under the feet."""
    canvas.flat(6)
    for index in range(canvas.pick(2, 3)):
        if index:
            canvas.gap(canvas.scaled(2, 4))
        length = canvas.pick(4, 7)
        canvas.ledge(canvas.column, canvas.row, length, Cell.CRUMBLE)
        canvas.ring_line(canvas.column, canvas.row - 2, length // 2)
        canvas.gap(length)
        canvas.passed()
    canvas.flat(6)


def movers(canvas: Canvas) -> None:
    """Platforms that swing over a pit too wide to jump."""
    canvas.flat(8)
    for _ in range(1 if canvas.difficulty < 0.5 else 2):
        amplitude = canvas.pick(3, 5)
        canvas.gap(amplitude + 4)
        phase = canvas.pick(0, 255)
        canvas.thing(Kind.PLATFORM_H, canvas.column, canvas.row, amplitude * 2, phase)
        canvas.via(canvas.column, canvas.row, (amplitude + 1) * 16, 20)
        canvas.gap(amplitude + 4)
    canvas.flat(6)


def fallers(canvas: Canvas) -> None:
    """Platforms that drop when stepped on."""
    canvas.flat(6)
    for _ in range(canvas.pick(2, 4)):
        canvas.gap(canvas.scaled(3, 5))
        canvas.thing(Kind.PLATFORM_FALL, canvas.column + 1, canvas.row)
        canvas.passed(canvas.column + 1, canvas.row)
        canvas.ring(canvas.column + 1, canvas.row - 3)
        canvas.gap(3)
    canvas.gap(3)
    canvas.flat(5)


def lift(canvas: Canvas) -> None:
    """A platform that rides up a wall too high to jump."""
    canvas.flat(7)
    height = canvas.scaled(8, 11)
    canvas.ledge(canvas.column, canvas.row, 2, Cell.SOLID)
    base, middle = canvas.column + 2.5, canvas.row - 5
    canvas.flat(1)
    canvas.thing(Kind.PLATFORM_V, base, middle, 10, canvas.pick(0, 255))
    canvas.flat(5)
    canvas.via(base, canvas.row - height + 2, 40, 40)
    canvas.step(height)
    canvas.flat(7)
    canvas.passed(canvas.column - 4)


def chasm(canvas: Canvas) -> None:
    """A spring throws one over a chasm that no jump can cross."""
    canvas.flat(7)
    canvas.thing(Kind.SPRING_UPRIGHT, canvas.column, canvas.row, 0)
    canvas.touch(canvas.column, canvas.row, 24, 24)
    canvas.headroom(canvas.column - 2, canvas.column + 36, canvas.row - 14)
    canvas.flat(2)
    width = canvas.scaled(22, 26)
    canvas.ring_arc(canvas.column, canvas.row - 6, width, 5)
    canvas.gap(width)
    canvas.step(-canvas.direction() * canvas.pick(0, 2))
    canvas.flat(14)


def hazard_pools(canvas: Canvas) -> None:
    """Pools of what one must not touch, with stones in the wide ones."""
    canvas.flat(6)
    for _ in range(canvas.pick(1, 3)):
        width = canvas.scaled(3, 8)
        for column in range(canvas.column, canvas.column + width):
            canvas.put(column, canvas.row + 1, Cell.HAZARD)
            canvas.ground[column] = canvas.row + 2
            canvas.put(column, canvas.row + 2, Cell.HAZARD_FILL)
        if width > 5:
            canvas.ledge(canvas.column + width // 2 - 1, canvas.row - 1, 2)
        canvas.column += width
        canvas.flat(canvas.pick(5, 8))
        canvas.passed()
    canvas.flat(2)


def spikes(canvas: Canvas) -> None:
    """Rows of spikes in the floor."""
    canvas.flat(7)
    for _ in range(canvas.pick(1, 3)):
        width = canvas.scaled(2, 6)
        if canvas.chance(0.5):
            canvas.ring_arc(canvas.column - 1, canvas.row, width + 1)
        canvas.flat(width, Cell.SPIKE_UP)
        canvas.flat(canvas.pick(5, 9))
        canvas.passed()


def spike_trough(canvas: Canvas) -> None:
    """A trough full of spikes with ledges above it."""
    canvas.flat(6)
    row = canvas.row
    canvas.step(-3)
    width = canvas.scaled(12, 18)
    first = canvas.column
    canvas.flat(width, Cell.SPIKE_UP)
    canvas.row = row
    at = first + 3
    while at + 3 < first + width:
        top = row - canvas.pick(0, 2)
        canvas.ledge(at, top, 3)
        canvas.passed(at + 1, top)
        canvas.ring(at + 1, top - 2)
        at += 3 + canvas.scaled(3, 4)
    canvas.flat(6)


def belts(canvas: Canvas) -> None:
    """Conveyor belts that carry one into spikes, or away from the way on."""
    canvas.flat(5)
    for _ in range(canvas.pick(1, 2)):
        canvas.flat(canvas.scaled(7, 12), Cell.CONVEYOR_L)
        canvas.flat(2)
        canvas.passed()
        canvas.flat(canvas.scaled(5, 8), Cell.CONVEYOR_R)
        canvas.flat(canvas.scaled(2, 4), Cell.SPIKE_UP)
        canvas.flat(5)
        canvas.passed()


def belt_pits(canvas: Canvas) -> None:
    """Short belts between pits: they change the jump's speed."""
    canvas.flat(6)
    for _ in range(canvas.pick(2, 3)):
        canvas.gap(canvas.scaled(3, 6))
        belt = Cell.CONVEYOR_L if canvas.chance(0.5) else Cell.CONVEYOR_R
        canvas.flat(canvas.pick(6, 8), belt)
        canvas.passed()
    canvas.gap(canvas.scaled(2, 4))
    canvas.flat(6)
