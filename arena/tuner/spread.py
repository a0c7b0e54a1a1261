"""Separates skill (how candidates differ) from luck (how one candidate's episodes differ)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from arena.tuner.recorded import RecordedLevel

UNKNOWN_LUCK_SHARE = 0.5  # share of luck in the variance of returns if no candidate played twice
MAX_REPEATS_WEIGHED = 4  # a candidate that played a thousand times must not outweigh all others

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Spread:
    """How a level's candidates differ, in points.

    Attributes:
        mean: mean of the drawn candidates' mean returns.
        skill: standard deviation of these mean returns.
        luck: standard deviation of a candidate's episodes around its mean.
    """

    mean: float
    skill: float
    luck: float


def luck_share(levels: Sequence[RecordedLevel]) -> float:
    """Return the share of luck in the variance of single returns, averaged over the levels.

    Levels without repeated candidates are excluded; `UNKNOWN_LUCK_SHARE` if no level remains.
    """
    shares = []
    for level in levels:
        within, repeats = _variance_within(level)
        means = candidate_means(level)[level.n_initial :]
        if repeats and len(means) > 1:
            between = float(means.var(ddof=1))
            shares.append(within / (within + between) if within + between > 0 else 0.0)
    return float(np.mean(shares)) if shares else UNKNOWN_LUCK_SHARE


def spread_of(level: RecordedLevel, unknown_luck_share: float = UNKNOWN_LUCK_SHARE) -> Spread:
    """Estimate the distribution of a level's candidates by the method of moments.

    Args:
        level: the level.
        unknown_luck_share: share of the variance that is luck, if no candidate played twice.
    """
    means = candidate_means(level)
    drawn = means[level.n_initial :] if level.n_candidates > level.n_initial else means
    tries = level.tries[-len(drawn) :]
    observed = float(drawn.var(ddof=1)) if len(drawn) > 1 else 0.0
    within, repeats = _variance_within(level)
    luck = within if repeats else unknown_luck_share * observed
    skill = max(observed - luck * float((1 / tries).mean()), 0.0)
    return Spread(float(drawn.mean()), skill**0.5, luck**0.5)


def candidate_means(level: RecordedLevel) -> Floats:
    """Return the mean return of each candidate, (candidates,)."""
    return np.bincount(level.candidate, level.returns) / level.tries


def _variance_within(level: RecordedLevel) -> tuple[float, int]:
    """Return the variance of episodes around their candidate's mean, and the number of repeats."""
    tries = level.tries
    deviations = level.returns - candidate_means(level)[level.candidate]
    squares = np.bincount(level.candidate, deviations**2)
    weights = np.minimum(tries - 1, MAX_REPEATS_WEIGHED)
    variances = np.divide(squares, tries - 1, out=np.zeros(len(tries)), where=tries > 1)
    repeats = int(weights.sum())
    return (float((weights * variances).sum() / repeats) if repeats else 0.0), repeats
