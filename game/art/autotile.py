"""Chooses a picture for each cell of a level: edges, variants, loop rings, decoration.

Only the look changes; the collision of every cell stays as the designer drew it.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from game import format as fmt
from game.art.tiles import ArtError
from game.format import UNDER_SLOPE, Cell, Kind, LevelData, Picture, ZoneArt

OPEN = frozenset(
    {
        *range(Cell.ONEWAY, Cell.BRIDGE + 1),
        *range(Cell.SPIKE_UP, Cell.SPIKE_RIGHT + 1),
        Cell.EMPTY,
        Cell.CRUMBLE,
        Cell.BARRIER,
        Cell.BARRIER_ONEWAY,
        Cell.BACK,
        Cell.BACK_B,
        Cell.WATER_TOP,
        Cell.BREAKABLE,
    }
)
LOOP_ROWS, LOOP_COLUMNS = 9, 10
LOOP_COVERS = (Cell.EMPTY, Cell.BACK, Cell.BACK_B, Cell.WATER_TOP)
PATTERN_ROWS, PATTERN_COLUMNS = (
    8,
    32,
)  # the pattern of fills repeats, which halves a level's packed size
DECOR_ODDS = 5  # one in this number of free positions gets a decoration


def _noise(rows: int, columns: int, seed: int) -> npt.NDArray[np.uint32]:
    """Return (rows, columns) pseudo-random numbers 0-65535; position and seed determine them."""
    y, x = np.indices((rows, columns), dtype=np.uint64)
    value = x * np.uint64(0x9E3779B1) ^ y * np.uint64(0x85EBCA77) ^ np.uint64(seed * 0xC2B2AE3D)
    value = (value ^ value >> np.uint64(15)) * np.uint64(0x2C1B3C6D) & np.uint64(0xFFFFFFFF)
    return (value >> np.uint64(8) & np.uint64(0xFFFF)).astype(np.uint32)


def _pieces(picture: Picture, first: int) -> dict[tuple[int, int], tuple[int, Picture]]:
    """Cut a picture: (row, column) -> (cell id, (16, 16) picture) of its non-empty cells."""
    found: dict[tuple[int, int], tuple[int, Picture]] = {}
    known: dict[bytes, int] = {}
    for row in range(picture.shape[0] // 16):
        for column in range(picture.shape[1] // 16):
            piece = picture[row * 16 : row * 16 + 16, column * 16 : column * 16 + 16]
            if (piece % 16).any():
                number = known.setdefault(piece.tobytes(), first + len(known))
                found[row, column] = (number, piece)
    return found


def _loop_pieces(zone: ZoneArt) -> dict[tuple[int, int], tuple[int, Picture]]:
    return _pieces(zone.loop, fmt.FIRST_LOOP_CELL)


def loop_cells(zone: ZoneArt) -> dict[int, Picture]:
    """Return the cells of the loop's ring: cell id -> (16, 16) picture.

    Raises:
        ArtError: there are more than MAX_LOOP_CELLS.
    """
    return _limited(dict(_loop_pieces(zone).values()), fmt.MAX_LOOP_CELLS, zone, "loop")


def _decor_pieces(zone: ZoneArt) -> list[dict[tuple[int, int], tuple[int, Picture]]]:
    pieces, first = [], fmt.FIRST_DECOR_CELL
    for picture in zone.decor:
        pieces.append(_pieces(picture, first))
        first += len({number for number, _ in pieces[-1].values()})
    return pieces


def decor_cells(zone: ZoneArt) -> dict[int, Picture]:
    """Return the cells of the decoration: cell id -> (16, 16) picture.

    Raises:
        ArtError: there are more than MAX_DECOR_CELLS.
    """
    cells: dict[int, Picture] = {}
    for pieces in _decor_pieces(zone):
        cells |= dict(pieces.values())
    return _limited(cells, fmt.MAX_DECOR_CELLS, zone, "decoration")


def _limited(cells: dict[int, Picture], limit: int, zone: ZoneArt, what: str) -> dict[int, Picture]:
    if len(cells) > limit:
        raise ArtError(
            f"zone {zone.name}: {what} of {len(cells)} cells; at most {limit} are allowed"
        )
    return cells


def _choose_solid(
    cells: Picture, noise: npt.NDArray[np.uint32], covered: npt.NDArray[np.bool_]
) -> Picture:
    """Replace each SOLID cell by an edge, corner or fill that matches its four neighbours."""
    opened = np.pad(~covered, 1, constant_values=False)
    up, down = opened[:-2, 1:-1], opened[2:, 1:-1]
    left, right = opened[1:-1, :-2], opened[1:-1, 2:]
    above = np.pad(cells, ((1, 0), (0, 0)))[:-1]
    up = up & (above != Cell.SPIKE_UP)  # no grass under spikes
    fill = np.where(noise % 10 < 7, Cell.FILL_A, np.where(noise % 10 < 9, Cell.FILL_B, Cell.FILL_C))
    top = np.where(noise % 4 < 3, Cell.SOLID, Cell.TOP_B)
    choices = [
        (up & down, Cell.ALONE),
        (up & left & right, Cell.TOP_BOTH),
        (up & left, Cell.TOP_LEFT),
        (up & right, Cell.TOP_RIGHT),
        (up, top),
        *((above == slope, under) for slope, under in UNDER_SLOPE.items()),
        (above == Cell.ICE_S45_UP, Cell.S45_UP_FILL),
        (above == Cell.ICE_S45_DOWN, Cell.S45_DOWN_FILL),
        (left & right, Cell.PILLAR),
        (down & left, Cell.UNDERSIDE_LEFT),
        (down & right, Cell.UNDERSIDE_RIGHT),
        (down, Cell.UNDERSIDE),
        (left, Cell.EDGE_LEFT),
        (right, Cell.EDGE_RIGHT),
    ]
    chosen = np.select([c for c, _ in choices], [np.asarray(v) for _, v in choices], fill)
    return np.where(cells == Cell.SOLID, chosen, cells).astype(np.uint8)


def _choose_variants(cells: Picture, noise: npt.NDArray[np.uint32]) -> Picture:
    out = cells.copy()
    out[(cells == Cell.ICE) & (noise % 3 == 0)] = Cell.ICE_B
    out[(cells == Cell.BACK) & (noise % 4 == 0)] = Cell.BACK_B
    oneway = np.pad(cells == Cell.ONEWAY, ((0, 0), (1, 1)))
    here, left, right = oneway[:, 1:-1], oneway[:, :-2], oneway[:, 2:]
    out[here & ~left & right] = Cell.ONEWAY_L
    out[here & left & ~right] = Cell.ONEWAY_R
    return out


def _place_loops(level: LevelData, zone: ZoneArt, out: Picture) -> None:
    pieces = _loop_pieces(zone)
    for thing in level.objects:
        if thing.kind != Kind.LOOP:
            continue
        top, left = thing.y // 16 - LOOP_ROWS, thing.x // 16 - LOOP_COLUMNS // 2
        for (row, column), (number, _) in pieces.items():
            y, x = top + row, left + column
            inside = 0 <= y < out.shape[0] and 0 <= x < out.shape[1]
            if inside and out[y, x] in LOOP_COVERS:
                out[y, x] = number


def _taken(level: LevelData) -> npt.NDArray[np.bool_]:
    """Return the cells near an object, a ring, the start or the end post: (rows, columns) bool."""
    taken = np.zeros(level.cells.shape, bool)
    spots = [(o.x, o.y) for o in level.objects] + list(level.rings)
    spots += [level.start, (level.end_x, level.end_y)]
    for x, y in spots:
        row, column = y // 16, x // 16
        taken[max(0, row - 2) : row + 1, max(0, column - 1) : column + 2] = True
    return taken


def _place_decor(
    level: LevelData, zone: ZoneArt, out: Picture, noise: npt.NDArray[np.uint32]
) -> None:
    pieces = _decor_pieces(zone)
    if not pieces:
        return
    taken = _taken(level)
    ground = (out == Cell.SOLID) | (out == Cell.TOP_B)
    for row, column in np.argwhere(ground):
        if noise[row, column] // 16 % DECOR_ODDS:
            continue
        which = int(noise[row, column]) // 128 % len(pieces)
        height, width = (n // 16 for n in zone.decor[which].shape)
        area = np.s_[row - height : row, column : column + width]
        if row < height or column + width > out.shape[1] or out[area].any() or taken[area].any():
            continue
        if not ground[row, column : column + width].all():
            continue
        for (y, x), (number, _) in pieces[which].items():
            out[row - height + y, column + x] = number
        taken[row - height : row, max(0, column - 1) : column + width + 2] = True


def autotile(level: LevelData, zone: ZoneArt, seed: int = 0) -> Picture:
    """Choose the pictures of a level's cells.

    Args:
        level: the level as its designer drew it.
        zone: the art, which has the cells of the loop and of the decoration.
        seed: random seed of the variants and the decoration.

    Returns:
        Cell ids, uint8 (rows, columns).
    """
    cells = level.cells.astype(np.uint8)
    rows, columns = cells.shape
    noise = _noise(rows, columns, seed)
    covered = ~np.isin(cells, list(OPEN))
    across = np.ix_(np.arange(rows) % PATTERN_ROWS, np.arange(columns) % PATTERN_COLUMNS)
    pattern = _noise(PATTERN_ROWS, PATTERN_COLUMNS, seed)[across]
    out = _choose_variants(_choose_solid(cells, pattern, covered), pattern)
    if level.water_y is not None:
        row = level.water_y // 16
        if row < out.shape[0]:
            out[row][out[row] == Cell.EMPTY] = Cell.WATER_TOP
    _place_loops(level, zone, out)
    _place_decor(level, zone, out, noise)
    return out
