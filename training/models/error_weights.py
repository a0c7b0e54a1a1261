"""What the error of each pixel costs V: more where the player is."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from training.data.frames import Frames

SCREEN = (320, 224)  # width and height, native pixels
PLAYER_REACH = (20, 24)  # native pixels to each side of the player's centre that count as it


def player_box(player: NDArray[np.int16], size: int) -> tuple[slice, slice]:
    """Rows and columns of a frame of `size` around the player's place on the native screen."""
    (width, height), (reach_x, reach_y) = SCREEN, PLAYER_REACH
    x, y = int(player[0]), int(player[1])
    columns = slice(max(0, (x - reach_x) * size // width), (x + reach_x) * size // width + 1)
    return slice(
        max(0, (y - reach_y) * size // height), (y + reach_y) * size // height + 1
    ), columns


def error_weights(frames: Frames, size: int, player_weight: float) -> Tensor | None:
    """What each pixel's error costs, float32 (B, S, S); None where that is 1 everywhere."""
    player = frames.player
    weights = torch.ones(len(player), size, size)
    if player_weight != 1:
        for number in np.flatnonzero(player[:, 0] >= 0):
            weights[number, *player_box(player[number], size)] = player_weight
    return None if bool((weights == 1).all()) else weights
