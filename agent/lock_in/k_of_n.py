"""A candidate that is above the threshold in k of its first n tries plays all that remains.

A single return above a threshold is often luck. Here a candidate plays on while it can still
reach k, and is dropped as soon as it can't: most are, after n - k + 1 episodes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from agent.lock_in.rule import Floats, Integers, Lanes, each


@dataclass(frozen=True)
class TriedLanes(Lanes):
    """With each lane's settings, and the tries of the present candidate."""

    threshold: Floats
    least_successes: Floats
    most_tries: Floats
    tries: Integers
    successes: Integers  # of these tries, above the threshold


@dataclass(frozen=True)
class KOfN:
    """Lock in on `successes` returns above the threshold in `tries` tries at most."""

    threshold: float | Floats  # one, or one a lane, as the others
    successes: float | Floats
    tries: float | Floats
    final = True

    def start(self, count: int) -> TriedLanes:
        zeros = np.zeros(count, np.int64)
        return TriedLanes.start(
            count,
            threshold=each(self.threshold, count),
            least_successes=each(self.successes, count),
            most_tries=each(self.tries, count),
            tries=zeros,
            successes=zeros,
        )

    def after(self, lanes: TriedLanes, returns: Floats, timesteps: Floats) -> TriedLanes:
        tries, successes = lanes.tries + 1, lanes.successes + (returns > lanes.threshold)
        locked = lanes.locked | (successes >= lanes.least_successes)
        drop = ~locked & (tries - successes > lanes.most_tries - lanes.least_successes)
        return lanes.chosen(drop, locked, tries=tries * ~drop, successes=successes * ~drop)
