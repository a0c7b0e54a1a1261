"""Weights of the pixels in V's reconstruction loss: higher around the player."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from training.data.dataset import SCREEN

PLAYER_REACH = (20, 24)  # native pixels on each side of the player's centre, horizontal, vertical


def player_box(player: NDArray[np.int16], size: int) -> tuple[slice, slice]:
    """Return the rows and columns around the player in a frame of `size` x `size` pixels.

    Args:
        player: x and y of the player on the native screen, in pixels, (2,).
        size: width and height of the frame.
    """
    (width, height), (reach_x, reach_y) = SCREEN, PLAYER_REACH
    x, y = int(player[0]), int(player[1])
    columns = slice(max(0, (x - reach_x) * size // width), (x + reach_x) * size // width + 1)
    return slice(
        max(0, (y - reach_y) * size // height), (y + reach_y) * size // height + 1
    ), columns


def error_weights(player: NDArray[np.int16], size: int, player_weight: float) -> Tensor | None:
    """Return the weight of each pixel's error, float32 (B, S, S); None if all weights are 1.

    Args:
        player: x and y of the player on the native screen, int16 (B, 2); -1 where unknown.
        size: width and height of the frames, S.
        player_weight: weight of the pixels around the player; all others weigh 1.
    """
    weights = torch.ones(len(player), size, size)
    if player_weight != 1:
        for number in np.flatnonzero(player[:, 0] >= 0):
            weights[number, *player_box(player[number], size)] = player_weight
    return None if bool((weights == 1).all()) else weights
