"""Selects the points that a plot of a long run draws, so that its shape stays the same."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

MAX_CURVE_POINTS = 300
MAX_DOTS = 500
SEED = 1  # random seed of the sample of dots


def score_so_far(returns: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean return up to each episode: float64 (E,) -> float64 (E,)."""
    means: NDArray[np.float64] = np.cumsum(returns) / np.arange(1, len(returns) + 1)
    return means


def curve_points(length: int, most: int = MAX_CURVE_POINTS) -> NDArray[np.int64]:
    """Select the indices of a curve's points to draw, with more points at its start.

    A running mean changes quickly at first and slowly later, so half of the points are spread
    evenly over the logarithm of the index. The first and the last point are always included.
    """
    if length <= most:
        return np.arange(length)
    even = np.linspace(0, length - 1, most // 2)
    early = np.geomspace(1, length, most - most // 2) - 1
    points: NDArray[np.int64] = np.unique(np.rint([*even, *early]).astype(np.int64))
    return points


def chosen_points(values: NDArray[np.float64], most: int = MAX_DOTS) -> NDArray[np.int64]:
    """Select the indices of the dots to draw: all if there are at most `most`.

    Otherwise the two lowest, the two highest, and a random one from each of equally long
    intervals of episodes.
    """
    if len(values) <= most:
        return np.arange(len(values))
    extremes = np.argsort(values, kind="stable")[[0, 1, -2, -1]]
    borders = np.linspace(0, len(values), most - len(extremes) + 1).astype(np.int64)
    drawn = np.random.default_rng(SEED).integers(borders[:-1], borders[1:])
    points: NDArray[np.int64] = np.unique([*extremes, *drawn])
    return points


def quartiles(values: NDArray[np.float64]) -> dict[str, float] | None:
    """Minimum, quartiles, maximum and mean; None if there are no values."""
    if not len(values):
        return None
    low, first, middle, third, high = np.quantile(values, [0, 0.25, 0.5, 0.75, 1])
    return {
        "low": float(low),
        "first": float(first),
        "median": float(middle),
        "third": float(third),
        "high": float(high),
        "mean": float(values.mean()),
        "episodes": len(values),
    }
