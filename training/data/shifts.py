"""Frames moved about a little, so that what V learns holds a few pixels further on too."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


def draw_shifts(random: np.random.Generator, count: int, most: int) -> NDArray[np.int64]:
    """How far each of so many frames moves down and right, (count, 2), from -most to most."""
    return random.integers(-most, most + 1, (count, 2))


def shifted(images: Tensor, shifts: NDArray[np.int64]) -> Tensor:
    """Move images, each by its own shift; pixels at the edge fill what comes in.

    As in DrQ (Kostrikov et al. 2021, section 3.1).

    Args:
        images: (B, S, S) or (B, S, S, 3).
        shifts: (B, 2), pixels down and right.
    """
    size = images.shape[1]
    assert images.shape[2] == size, images.shape
    assert shifts.shape == (len(images), 2), (shifts.shape, images.shape)
    places = torch.arange(size) - torch.from_numpy(shifts)[:, :, None]  # (B, 2, S)
    rows, columns = places.clamp(0, size - 1).to(images.device).unbind(1)
    number = torch.arange(len(images), device=images.device)[:, None, None]
    return images[number, rows[:, :, None], columns[:, None, :]]
