"""What errors weigh: more around the player."""

from __future__ import annotations

import numpy as np

from training.data.frames import Frames
from training.models.error_weights import error_weights


def frames_of(player: list[list[int]]) -> Frames:
    """Black frames with the players' positions."""
    return Frames(
        np.zeros((len(player), 64, 64, 3), np.uint8),
        np.full((len(player), 4), 255, np.uint8),
        np.array(player, np.int16),
    )


def test_errors_weigh_more_around_the_player() -> None:
    frames = frames_of([[160, 112], [-1, -1], [0, 223]])
    weights = error_weights(frames, 64, 8.0)
    assert weights is not None and weights.shape == (3, 64, 64)
    assert weights[0, 32, 32] == 8 and weights[0, 32, 40] == 1 and weights[0, 40, 32] == 1
    assert (weights[0] == 8).sum() == 9 * 14  # 41 x 49 native pixels, to the next small ones
    assert (weights[1] == 1).all() and weights[2, 63, 0] == 8
    assert error_weights(frames.take(np.array([1])), 64, 8.0) is None
    assert error_weights(frames, 64, 1.0) is None
