"""Shifts frames by a few pixels at random, a data augmentation for V."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


def draw_shifts(random: np.random.Generator, count: int, most: int) -> NDArray[np.int64]:
    """Draw shifts down and right, int64 (count, 2), in pixels from -most to most."""
    return random.integers(-most, most + 1, (count, 2))


def shifted(images: Tensor, shifts: NDArray[np.int64]) -> Tensor:
    """Shift each image by its own offset and repeat the pixels at the edge.

    This is the random shift of DrQ (Kostrikov et al. 2021, section 3.1).

    Args:
        images: any dtype, (B, S, S) or (B, S, S, 3).
        shifts: pixels down and right, (B, 2).

    Returns:
        The shifted images, with the shape and dtype of `images`.
    """
    size = images.shape[1]
    assert images.shape[2] == size, images.shape
    assert shifts.shape == (len(images), 2), (shifts.shape, images.shape)
    sources = torch.arange(size) - torch.from_numpy(shifts)[:, :, None]  # (B, 2, S)
    rows, columns = sources.clamp(0, size - 1).to(images.device).unbind(1)
    number = torch.arange(len(images), device=images.device)[:, None, None]
    return images[number, rows[:, :, None], columns[:, None, :]]
