"""What counts as the same place of a level: two states with equal keys are one cell of the archive.

A cell is the player's position, where the game's variables x and y give one, and a small grey
picture of the frame elsewhere (Ecoffet et al. 2021, Methods). The progress is always part of it.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import NamedTuple

import cv2
import numpy as np

from training.state_search.state_env import StateEnv

POSITION, PICTURE = "position", "picture"
CELL_PIXELS = 48  # side of a position cell
FAST_PIXELS = 10  # movement per step from which the player counts as fast: 150 pixels per second
LEVEL_PIXELS = 2  # vertical movement per step up to which the player counts as neither up nor down
CELL_POINTS = 100.0  # length of a cell in points of progress; a contest level has 9,000
PICTURE_SIZE = (8, 6)  # width and height of a picture cell
PICTURE_GREYS = 8

Position = tuple[int, int]  # x and y in pixels; (0, 0) where the game gives none


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


def picture_key(env: StateEnv, before: Position, progress: float) -> CellKey:
    """Return the cell by a picture of 8 x 6 pixels in 8 shades of grey, and progress.

    The arguments are those of `position_key`; `before` is ignored.
    """
    grey = cv2.cvtColor(env.frame(), cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey, PICTURE_SIZE, interpolation=cv2.INTER_AREA)
    shades = (small // (256 // PICTURE_GREYS)).astype(np.uint8)
    return CellKey(struct.pack("<q", int(progress // CELL_POINTS)) + shades.tobytes(), (0, 0))
