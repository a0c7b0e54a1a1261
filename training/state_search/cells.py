"""What counts as the same place of a level: two states with equal keys are one cell of the archive.

A cell is the player's position, where the game's variables x and y give one, and a small grey
picture of the frame elsewhere (Ecoffet et al. 2021, Methods). The progress is always part of it.
"""

from __future__ import annotations

import functools
import struct
from collections.abc import Callable, Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from training.state_search.state_env import StateEnv

POSITION, PICTURE = "position", "picture"
CELL_PIXELS = 48  # side of a position cell
FAST_PIXELS = 10  # movement per step from which the player counts as fast: 150 pixels per second
LEVEL_PIXELS = 2  # vertical movement per step up to which the player counts as neither up nor down
CELL_POINTS = 100.0  # length of a cell in points of progress; a contest level has 9,000
CELLS_PER_FRAME = 0.125  # target of `choose_picture_size`, as in Go-Explore

Position = tuple[int, int]  # x and y in pixels; (0, 0) where the game gives none


class PictureSize(NamedTuple):
    """Width and height of a picture cell, and its number of shades of grey."""

    width: int
    height: int
    shades: int


PICTURE_SIZES = tuple(
    PictureSize(width, height, shades)
    for width, height in ((3, 2), (4, 3), (6, 4), (8, 6), (11, 8), (16, 11), (24, 17), (40, 28))
    for shades in (4, 8, 16)
)


class CellKey(NamedTuple):
    """The key of a state's cell, and the position from which the next step's movement counts."""

    key: bytes
    position: Position


KeyOf = Callable[[StateEnv, Position, float], CellKey]


def has_position(env: StateEnv) -> bool:
    """Return whether the game's variables contain the player's position."""
    return {"x", "y"} <= set(env.variables())


def position_key(env: StateEnv, before: Position, progress: float) -> CellKey:
    """Return the cell by position, direction of a fast movement, and progress.

    Args:
        env: the emulator, in the state.
        before: the player's position one step before.
        progress: sum of the rewards from the start of the level.
    """
    variables = env.variables()
    x, y = int(variables["x"]), int(variables["y"])
    run, rise = x - before[0], y - before[1]
    movement = (run > FAST_PIXELS) - (run < -FAST_PIXELS), abs(rise) <= LEVEL_PIXELS
    place = (x // CELL_PIXELS, y // CELL_PIXELS, int(progress // CELL_POINTS))
    return CellKey(struct.pack("<3q2b", *place, *movement), (x, y))


def picture_key_of(size: PictureSize) -> KeyOf:
    """Return the function that gives the cell by a picture of this size, and progress.

    Its arguments are those of `position_key`; it ignores the position.
    """
    return functools.partial(_picture_key, size)


def _picture_key(size: PictureSize, env: StateEnv, before: Position, progress: float) -> CellKey:
    picture = small_picture(env.frame(), size)
    return CellKey(struct.pack("<q", int(progress // CELL_POINTS)) + picture.tobytes(), (0, 0))


def small_picture(frame: NDArray[np.uint8], size: PictureSize) -> NDArray[np.uint8]:
    """Shrink a frame, (H, W, 3) uint8 RGB, to (height, width) uint8 shades of grey from 0."""
    grey = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey, (size.width, size.height), interpolation=cv2.INTER_AREA)
    return (small // (256 // size.shades)).astype(np.uint8)


def choose_picture_size(frames: Sequence[NDArray[np.uint8]]) -> PictureSize:
    """Choose the size with which frames of random play fall into the right number of cells.

    Go-Explore aims at an eighth as many cells as frames, so that neither all states are equal nor
    all different (Ecoffet et al. 2021, Methods, "Downscaling").

    Args:
        frames: (H, W, 3) uint8 RGB each, of consecutive steps.
    """

    def distance(size: PictureSize) -> float:
        cells = {small_picture(frame, size).tobytes() for frame in frames}
        return abs(len(cells) / len(frames) - CELLS_PER_FRAME)

    return min(PICTURE_SIZES, key=distance)
