"""An example scene of a zone: a small level with background, sprites and the player."""

from __future__ import annotations

import numpy as np

from game.art.autotile import autotile, decor_cells, loop_cells
from game.art.drawing import Point
from game.format import Cell, Kind, LevelData, Obj, Picture, SharedArt, ZoneArt

WIDTH, HEIGHT = 48, 16
FLOOR = 12  # row of the ground


def _fill(cells: Picture, row: int, column: int, width: int, cell: int, height: int = 1) -> None:
    cells[row : row + height, column : column + width] = cell


def level(zone: int) -> LevelData:
    """Return a level of 48 x 16 cells with slopes, steps, a tunnel, hazards and a loop."""
    cells = np.zeros((HEIGHT, WIDTH), np.uint8)
    _fill(cells, FLOOR, 0, WIDTH, Cell.SOLID, 4)
    cells[11, 3:7] = range(Cell.S14_UP0, Cell.S14_UP3 + 1)
    _fill(cells, 11, 7, 3, Cell.SOLID)
    cells[10, 7:9] = (Cell.S22_UP0, Cell.S22_UP1)
    _fill(cells, 10, 9, 1, Cell.SOLID)
    _fill(cells, 11, 9, 6, Cell.SOLID)
    cells[9, 9], cells[9, 11] = Cell.S45_UP, Cell.S45_DOWN
    _fill(cells, 9, 10, 1, Cell.SOLID)
    _fill(cells, 10, 10, 2, Cell.SOLID)
    cells[10, 12] = Cell.S45_DOWN
    _fill(cells, 11, 13, 1, Cell.S45_DOWN)
    _fill(cells, 11, 14, 1, Cell.EMPTY)
    _fill(cells, FLOOR, 16, 2, Cell.SPIKE_UP)
    _fill(cells, FLOOR + 1, 16, 2, Cell.SOLID)
    _fill(cells, 8, 15, 4, Cell.ONEWAY)
    _fill(cells, FLOOR, 20, 3, Cell.HAZARD)
    _fill(cells, FLOOR + 1, 20, 3, Cell.HAZARD_FILL, 3)
    _fill(cells, 6, 1, 4, Cell.SOLID, 2)
    _fill(cells, 5, 22, 5, Cell.SOLID, 4)
    _fill(cells, 7, 23, 3, Cell.BACK, 2)
    _fill(cells, 7, 22, 1, Cell.BREAKABLE, 2)
    _fill(cells, 9, 22, 5, Cell.SOLID)
    _fill(cells, 9, 19, 3, Cell.CRUMBLE)
    _fill(cells, FLOOR, 25, 3, Cell.ICE)
    _fill(cells, FLOOR, 28, 2, Cell.CONVEYOR_R)
    _fill(cells, FLOOR, 30, 2, Cell.CONVEYOR_L)
    _fill(cells, 7, 28, 3, Cell.BRIDGE)
    cells[4, 28], cells[11, 31] = Cell.SPIKE_DOWN, Cell.HALF_FLOOR
    _fill(cells, 3, 28, 2, Cell.SOLID)
    cells[3, 30] = Cell.C45_LEFT
    cells[8, 12] = 0
    things = (Obj(Kind.LOOP, 40 * 16, FLOOR * 16),)
    return LevelData(zone, cells, (24, FLOOR * 16), 46 * 16, FLOOR * 16, things)


def pictures(zone: ZoneArt) -> dict[int, Picture]:
    """Return all cells of a zone, with loop and decoration: cell id -> (16, 16) picture."""
    return {**zone.cells, **loop_cells(zone), **decor_cells(zone)}


def _put(screen: Picture, picture: Picture, x: int, y: int) -> None:
    """Draw a sprite with its upper left corner at (x, y), in pixels."""
    height, width = picture.shape
    x0, y0 = max(0, x), max(0, y)
    x1, y1 = min(screen.shape[1], x + width), min(screen.shape[0], y + height)
    part = picture[y0 - y : y1 - y, x0 - x : x1 - x]
    area = screen[y0:y1, x0:x1]
    area[part % 16 > 0] = part[part % 16 > 0]


def _sprites(screen: Picture, zone: ZoneArt, shared: SharedArt) -> None:
    floor = FLOOR * 16
    own, all_ = zone.sprites, shared.sprites
    _put(screen, own["patroller"][0], 225, floor - 24)
    _put(screen, own["flyer"][0], 196, 70)
    _put(screen, own["shooter"][1], 300, floor - 24)
    _put(screen, own["shot"][0], 276, floor - 16)
    _put(screen, own["hopper"][1], 380, floor - 60)
    _put(screen, own["hopper"][0], 448, floor - 24)
    _put(screen, own["platform"][0], 96, 100)
    _put(screen, all_["spring_up"][0], 408, floor - 16)
    _put(screen, all_["spring_diag"][0], 470, floor - 32)
    _put(screen, all_["post"][0], 726, floor - 48)
    _put(screen, all_["pole"][0], 738, floor - 16)
    for i in range(5):
        _put(screen, all_["ring"][i % 4], 20 + 18 * i, 74)
    for x, y, name in _PLAYERS:
        _put(screen, shared.player[name][1 % len(shared.player[name])], int(x) - 20, int(y) - 20)


_PLAYERS: tuple[tuple[float, float, str], ...] = (
    (30, FLOOR * 16 - 15, "stand"),
    (100, FLOOR * 16 - 37, "run"),
    (280, 108, "roll"),
    (690, FLOOR * 16 - 64, "run90"),
)
START: Point = (24, FLOOR * 16)


def scene(zone: ZoneArt, index: int, shared: SharedArt) -> Picture:
    """Draw the level, uint8 (256, 768, 3) RGB; the game's screen shows its upper 224 rows."""
    plan = level(index)
    known = pictures(zone)
    cells = autotile(plan, zone, 7)
    background = np.tile(zone.background, (1, 2))[: HEIGHT * 16, : WIDTH * 16].copy()
    screen = background
    front = np.zeros_like(screen)
    for row, column in np.argwhere(cells > 0):
        picture = known.get(int(cells[row, column]))
        if picture is None:
            continue
        number = int(cells[row, column])
        _put(screen, picture, int(column) * 16, int(row) * 16)
        if number in zone.front:
            _put(front, picture, int(column) * 16, int(row) * 16)
    _sprites(screen, zone, shared)
    screen[front % 16 > 0] = front[front % 16 > 0]
    table = np.concatenate([shared.palette[None], zone.palettes]).reshape(64, 3).copy()
    table[::16] = zone.palettes[1, 0]
    return np.asarray(table[screen])
