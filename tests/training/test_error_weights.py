"""What errors weigh: more around the player, and where sprites are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from training.data.frames import Frames
from training.models.error_weights import error_weights, sprite_pixels


def frames_of(player: list[list[int]], cells: Sequence[tuple[int, int, int]] = ()) -> Frames:
    """Black frames, the players' places, and sprites at (frame, row, column)."""
    sprites = np.zeros((len(player), 28, 40), np.uint8)
    for cell in cells:
        sprites[cell] = 1
    return Frames(
        np.zeros((len(player), 64, 64, 3), np.uint8),
        np.full((len(player), 4), 255, np.uint8),
        np.array(player, np.int16),
        np.packbits(sprites, axis=2),
    )


def test_errors_weigh_more_around_the_player() -> None:
    frames = frames_of([[160, 112], [-1, -1], [0, 223]])
    weights = error_weights(frames, 64, 8.0, 4.0)
    assert weights is not None and weights.shape == (3, 64, 64)
    assert weights[0, 32, 32] == 8 and weights[0, 32, 40] == 1 and weights[0, 40, 32] == 1
    assert (weights[0] == 8).sum() == 9 * 14  # 41 x 49 native pixels, to the next small ones
    assert (weights[1] == 1).all() and weights[2, 63, 0] == 8
    assert error_weights(frames.take(np.array([1])), 64, 8.0, 4.0) is None
    assert error_weights(frames, 64, 1.0, 1.0) is None


def test_errors_weigh_more_where_sprites_are() -> None:
    frames = frames_of([[160, 112], [-1, -1]], [(0, 0, 0), (0, 14, 20), (1, 27, 39)])
    weights = error_weights(frames, 64, 8.0, 4.0)
    assert weights is not None
    # a cell is 8 of 320 and of 224 native pixels: one or two columns and two or three rows of 64
    assert np.argwhere(weights[0].numpy() == 4).tolist() == [[0, 0], [0, 1], [1, 0], [1, 1]]
    assert weights[0, 32, 32] == 8  # the player is in front
    assert np.argwhere(weights[1].numpy() == 4).tolist() == [[62, 62], [62, 63], [63, 62], [63, 63]]
    assert error_weights(frames, 64, 8.0, 1.0) is not None
    pixels = sprite_pixels(frames.sprites, 128)
    assert pixels.shape == (2, 128, 128) and pixels[1, 124:, 125:].all()
