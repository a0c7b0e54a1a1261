"""A candidate that is above the threshold in k of its first n tries plays all that remains.

A single return above a threshold is often luck. Here a candidate plays on while it can still
reach k, and is dropped as soon as it can't: most are, after n - k + 1 episodes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from agent.rules.lanes import Floats, Integers, Lanes, each


@dataclass(frozen=True)
class TriedLanes(Lanes):
    """With each lane's threshold, and the tries of the present candidate."""

    threshold: Floats
    tries: Integers
    successes: Integers  # of these tries, above the threshold


@dataclass(frozen=True)
class KOfN:
    """Lock in on `successes` returns above the threshold in `tries` tries at most."""

    threshold: float | Floats  # one, or one a lane
    successes: int
    tries: int
    final = True

    def start(self, count: int) -> TriedLanes:
        zeros = np.zeros(count, np.int64)
        threshold = each(self.threshold, count)
        return TriedLanes.start(count, threshold=threshold, tries=zeros, successes=zeros)

    def after(self, lanes: TriedLanes, returns: Floats, timesteps: Floats) -> TriedLanes:
        tries, successes = lanes.tries + 1, lanes.successes + (returns > lanes.threshold)
        locked = lanes.locked | (successes >= self.successes)
        drop = ~locked & (tries - successes > self.tries - self.successes)
        return lanes.chosen(drop, locked, tries=tries * ~drop, successes=successes * ~drop)
