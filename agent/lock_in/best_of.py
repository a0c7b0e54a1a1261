"""The first m candidates play an episode each; the best of them plays all that remains.

It needs no threshold, so it asks nothing of the level's scale of returns.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from agent.lock_in.rule import Floats, Integers, Lanes, each


@dataclass(frozen=True)
class BestLanes(Lanes):
    """With the best so far, of how many."""

    candidates: Floats
    best: Integers  # candidate
    best_return: Floats


@dataclass(frozen=True)
class BestOf:
    """Lock in on the best of the first `candidates`."""

    candidates: float | Floats  # one, or one a lane
    final = True

    def start(self, count: int) -> BestLanes:
        best = np.zeros(count, np.int64)
        return BestLanes.start(
            count,
            candidates=each(self.candidates, count),
            best=best,
            best_return=np.full(count, -np.inf),
        )

    def after(self, lanes: BestLanes, returns: Floats, timesteps: Floats) -> BestLanes:
        better = ~lanes.locked & (returns > lanes.best_return)
        best = np.where(better, lanes.candidate, lanes.best)
        best_return = np.where(better, returns, lanes.best_return)
        locked = lanes.fresh >= lanes.candidates
        after = lanes.chosen(~locked, locked, best=best, best_return=best_return)
        return replace(after, candidate=np.where(locked, best, after.candidate))
