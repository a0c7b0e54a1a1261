"""Weights of the pixels in V's reconstruction loss."""

from __future__ import annotations

import numpy as np

from training.models.error_weights import error_weights


def test_errors_around_the_player_weigh_more() -> None:
    players = np.array([[160, 112], [-1, -1], [0, 223]], np.int16)
    weights = error_weights(players, 64, 8.0)
    assert weights is not None and weights.shape == (3, 64, 64)
    assert weights[0, 32, 32] == 8 and weights[0, 32, 40] == 1 and weights[0, 40, 32] == 1
    assert (weights[0] == 8).sum() == 9 * 14  # small pixels that 41 x 49 native ones cover
    assert (weights[1] == 1).all() and weights[2, 63, 0] == 8


def test_equal_weights_need_no_array() -> None:
    players = np.array([[160, 112], [-1, -1]], np.int16)
    assert error_weights(players[1:], 64, 8.0) is None
    assert error_weights(players, 64, 1.0) is None
