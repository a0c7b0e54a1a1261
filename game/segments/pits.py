"""Segments with pits and hazards: stepping stones, bridges, moving platforms, spikes, belts."""

from __future__ import annotations

from game.format import Cell, Kind
from game.segments.canvas import Canvas


def pit(canvas: Canvas) -> None:
    """One pit to jump over."""
    canvas.flat(canvas.pick(6, 12))
    width = canvas.scaled(3, 9)
    if canvas.chance(0.6):
        canvas.ring_arc(canvas.column - 1, canvas.row, width + 1)
    if canvas.chance(canvas.difficulty * 0.4):
        canvas.add_optional(Kind.FLYER, canvas.column + width / 2, canvas.row - 5, 2, 4)
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
            canvas.add_ring(canvas.column + island // 2, canvas.row - 2)
        canvas.flat(island)
        canvas.route_past()
    canvas.flat(3)


def stones(canvas: Canvas) -> None:
    """Thin ledges at different heights over a wide pit."""
    canvas.flat(5)
    row = canvas.row
    canvas.gap(canvas.pick(2, 3))
    for _ in range(canvas.pick(3, 5)):
        row += canvas.pick(-2, 2)
        row = min(max(row, canvas.row - 5), canvas.row + 3)
        width = canvas.scaled(4, 3)
        canvas.ledge(canvas.column, row, width)
        canvas.route_past(canvas.column + 1, row)
        if canvas.chance(0.5):
            canvas.add_ring(canvas.column + 1, row - 2)
        canvas.gap(width + canvas.scaled(3, 5))
    canvas.row = min(row + 1, canvas.row + 3)
    canvas.flat(6)


def bridge(canvas: Canvas) -> None:
    """Pieces of a bridge with gaps between them."""
    canvas.flat(5)
    for index in range(canvas.pick(2, 4)):
        if index:
            canvas.gap(canvas.scaled(2, 5))
        length = canvas.pick(5, 8)
        canvas.ledge(canvas.column, canvas.row, length, Cell.BRIDGE)
        if canvas.chance(0.3 + 0.4 * canvas.difficulty):
            canvas.add_optional(Kind.HOPPER, canvas.column + length / 2, canvas.row, 2)
        canvas.gap(length)
        canvas.route_past()
    canvas.flat(5)


def crumbling(canvas: Canvas) -> None:
    """Floors that crumble under the player."""
    canvas.flat(6)
    for index in range(canvas.pick(2, 3)):
        if index:
            canvas.gap(canvas.scaled(2, 4))
        length = canvas.pick(4, 7)
        canvas.ledge(canvas.column, canvas.row, length, Cell.CRUMBLE)
        canvas.ring_line(canvas.column, canvas.row - 2, length // 2)
        canvas.gap(length)
        canvas.route_past()
    canvas.flat(6)


def movers(canvas: Canvas) -> None:
    """Platforms that swing over a pit too wide to jump."""
    canvas.flat(8)
    for _ in range(1 if canvas.difficulty < 0.5 else 2):
        amplitude = canvas.pick(3, 5)
        canvas.gap(amplitude + 4)
        phase = canvas.pick(0, 255)
        canvas.add_object(Kind.PLATFORM_H, canvas.column, canvas.row, amplitude * 2, phase)
        canvas.route_land(canvas.column, canvas.row, (amplitude + 1) * 16, 20)
        canvas.gap(amplitude + 4)
    canvas.flat(6)


def fallers(canvas: Canvas) -> None:
    """Platforms that drop when the player steps on them."""
    canvas.flat(6)
    for _ in range(canvas.pick(2, 4)):
        canvas.gap(canvas.scaled(3, 5))
        canvas.add_object(Kind.PLATFORM_FALL, canvas.column + 1, canvas.row)
        canvas.route_past(canvas.column + 1, canvas.row)
        canvas.add_ring(canvas.column + 1, canvas.row - 3)
        canvas.gap(3)
    canvas.gap(3)
    canvas.flat(5)


def lift(canvas: Canvas) -> None:
    """A platform that moves up and down beside a wall too high to jump on."""
    canvas.flat(7)
    height = canvas.scaled(8, 11)
    canvas.ledge(canvas.column, canvas.row, 2, Cell.SOLID)
    base, middle = canvas.column + 2.5, canvas.row - 5
    canvas.flat(1)
    canvas.add_object(Kind.PLATFORM_V, base, middle, 10, canvas.pick(0, 255))
    canvas.flat(5)
    canvas.route_land(base, canvas.row - height + 2, 40, 40)
    canvas.step(height)
    canvas.flat(7)
    canvas.route_past(canvas.column - 4)


def chasm(canvas: Canvas) -> None:
    """A chasm too wide for a jump, with a spring that throws the player across."""
    canvas.flat(7)
    canvas.add_object(Kind.SPRING_UPRIGHT, canvas.column, canvas.row, 0)
    canvas.route_touch(canvas.column, canvas.row, 24, 24)
    canvas.headroom(canvas.column - 2, canvas.column + 36, canvas.row - 14)
    canvas.flat(2)
    width = canvas.scaled(22, 26)
    canvas.ring_arc(canvas.column, canvas.row - 6, width, 5)
    canvas.gap(width)
    canvas.step(-canvas.direction() * canvas.pick(0, 2))
    canvas.flat(14)


def hazard_pools(canvas: Canvas) -> None:
    """Pools of a hazard; wide pools have a stone in the middle."""
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
        canvas.route_past()
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
        canvas.route_past()


def spike_trough(canvas: Canvas) -> None:
    """A trough of spikes with ledges above it."""
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
        canvas.route_past(at + 1, top)
        canvas.add_ring(at + 1, top - 2)
        at += 3 + canvas.scaled(3, 4)
    canvas.flat(6)


def belts(canvas: Canvas) -> None:
    """Conveyor belts that carry the player back, or into spikes."""
    canvas.flat(5)
    for _ in range(canvas.pick(1, 2)):
        canvas.flat(canvas.scaled(7, 12), Cell.CONVEYOR_L)
        canvas.flat(2)
        canvas.route_past()
        canvas.flat(canvas.scaled(5, 8), Cell.CONVEYOR_R)
        canvas.flat(canvas.scaled(2, 4), Cell.SPIKE_UP)
        canvas.flat(5)
        canvas.route_past()


def belt_pits(canvas: Canvas) -> None:
    """Short belts between pits, which change the speed of a jump."""
    canvas.flat(6)
    for _ in range(canvas.pick(2, 3)):
        canvas.gap(canvas.scaled(3, 6))
        belt = Cell.CONVEYOR_L if canvas.chance(0.5) else Cell.CONVEYOR_R
        canvas.flat(canvas.pick(6, 8), belt)
        canvas.route_past()
    canvas.gap(canvas.scaled(2, 4))
    canvas.flat(6)
