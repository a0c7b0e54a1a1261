"""Learning curves: the score so far against the timesteps used, with its interval.

The score so far of a play is the mean return of all episodes up to then, as the contest computes
it at the end of the budget.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from arena.evaluation.score import Interval, bootstrap_interval

POINTS = 60  # points of a curve; half of them are closer together at its start
RESAMPLES = 2000  # of each point's interval; fewer than of a score, because a curve has many points


class Episodes(NamedTuple):
    """The episodes of one play.

    Attributes:
        timesteps: timesteps of the budget used at the end of each episode, resets included,
            int64 (E,), ascending.
        returns: their returns, float64 (E,).
    """

    timesteps: NDArray[np.int64]
    returns: NDArray[np.float64]


@dataclass(frozen=True)
class LearningCurve:
    """An agent's score so far: the mean over its levels of the mean over their plays.

    Attributes:
        timesteps: positions of the points, ascending.
        scores: score so far at each point.
        intervals: 95% interval of each score: levels are resampled, then the plays of each level.
            None with a single play.
    """

    timesteps: list[int]
    scores: list[float]
    intervals: list[Interval] | None


def timesteps_at_ends(lengths: Sequence[int] | NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the timesteps used at the end of each episode; a reset is one timestep.

    Args:
        lengths: agent steps of the episodes, without the reset, (E,).
    """
    return np.cumsum(np.asarray(lengths, np.int64) + 1)


def learning_curve(levels: Sequence[Sequence[Episodes]]) -> LearningCurve | None:
    """Compute a curve, from the first timestep at which every play has finished an episode.

    Before that, the mean would be over other levels than after it.

    Args:
        levels: the plays of each level; plays without an episode are excluded.

    Returns:
        The curve; None if no play has an episode.
    """
    played = [[play for play in plays if len(play.returns)] for plays in levels]
    played = [plays for plays in played if plays]
    if not played:
        return None
    start = max(int(play.timesteps[0]) for plays in played for play in plays)
    end = max(int(play.timesteps[-1]) for plays in played for play in plays)
    at = np.unique(
        np.rint(
            [*np.linspace(start, end, POINTS // 2), *np.geomspace(start, end, POINTS // 2)]
        ).astype(np.int64)
    )
    by_level = [np.array([_scores_at(play, at) for play in plays]) for plays in played]  # (P, T)
    scores = np.mean([plays.mean(axis=0) for plays in by_level], axis=0)
    intervals = [
        bootstrap_interval([plays[:, point].tolist() for plays in by_level], resamples=RESAMPLES)
        for point in range(len(at))
    ]
    known = [interval for interval in intervals if interval is not None]
    return LearningCurve(at.tolist(), scores.tolist(), known or None)


def _scores_at(play: Episodes, timesteps: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the mean return of the episodes that ended by each timestep, float64 (T,)."""
    finished = np.searchsorted(play.timesteps, timesteps, side="right")
    scores: NDArray[np.float64] = np.cumsum(play.returns)[finished - 1] / finished
    return scores
