"""What is collected of each step of an episode."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from training.data.dataset import SCREEN

# Variables with the position of the screen's corner in the level: of our game, of Sonic.
CAMERA_NAMES = (("camera_x", "camera_y"), ("screen_x", "screen_y"))


class CollectedStep(NamedTuple):
    """One step of an episode, in the order of `EpisodeWriter.append`'s arguments."""

    frame: NDArray[np.uint8]  # (224, 320, 3) RGB, as the policy saw it
    action: NDArray[np.uint8]  # (4,) of 0 and 1
    reward: float
    terminated: bool  # by the game, not by a limit of steps
    expert_action: NDArray[np.uint8] | None  # (4,) as in `StoredEpisode.expert_action`
    player: tuple[int, int] | None  # x and y on the screen in pixels


def screen_position(variables: Mapping[str, Any]) -> tuple[int, int] | None:
    """Return the player's position on the screen, if the game's variables have the camera's."""
    for camera_x, camera_y in CAMERA_NAMES:
        if {"x", "y", camera_x, camera_y} <= variables.keys():
            x = int(variables["x"]) - int(variables[camera_x])
            y = int(variables["y"]) - int(variables[camera_y])
            return (x, y) if 0 <= x < SCREEN[0] and 0 <= y < SCREEN[1] else None
    return None
