"""Random shifts: each frame moves by its own shift, and its edge pixels are repeated."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from training.data.shifts import draw_shifts, shifted


@pytest.mark.parametrize("colours", [(), (3,)])
def test_each_image_moves_by_its_own_shift(colours: tuple[int, ...]) -> None:
    images = torch.arange(3 * 5 * 5).reshape(3, 5, 5, *[1] * len(colours))
    images = images.expand(3, 5, 5, *colours)
    moved = shifted(images, np.array([(0, 0), (1, -2), (-4, 4)]))
    torch.testing.assert_close(moved[0], images[0])
    torch.testing.assert_close(moved[1, 1:, :3], images[1, :4, 2:])
    torch.testing.assert_close(moved[1, 0, :3], images[1, 0, 2:])  # the first row is repeated
    torch.testing.assert_close(moved[1, :, 4], moved[1, :, 2])  # the last column is repeated
    assert (moved[2, 1:, 0] == images[2, 4, 0]).all()


def test_shifts_reach_the_maximum_in_all_directions() -> None:
    shifts = draw_shifts(np.random.default_rng(1), 500, 2)
    assert {tuple(shift) for shift in shifts.tolist()} == {
        (down, right) for down in range(-2, 3) for right in range(-2, 3)
    }
