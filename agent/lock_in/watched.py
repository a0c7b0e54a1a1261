"""First above the threshold, then watched: a candidate that was a fluke is unlocked again.

What locks a candidate in is one return, the luckiest of many. Once it has played some episodes
more, their mean tells luck from skill: below a share of the threshold, others get their chance.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from agent.lock_in.rule import Floats, Integers, Lanes, each


@dataclass(frozen=True)
class WatchedLanes(Lanes):
    """With each lane's settings, and what the locked-in candidate has done since."""

    threshold: Floats
    bound: Floats  # a mean below it is a fluke's
    watch: Floats
    episodes: Integers
    total: Floats  # sum of their returns


@dataclass(frozen=True)
class Watched:
    """Lock in above the threshold; unlock a mean below `keep` of it after `watch` episodes.

    The mean is over all episodes since the lock, not over the last few: a candidate that has
    proven itself over hundreds of episodes is not dropped for a bad day. With a threshold below
    0, the bound lies as far below it as it would above 0.
    """

    threshold: float | Floats  # one, or one a lane, as the others
    watch: float | Floats
    keep: float | Floats
    final = False

    def start(self, count: int) -> WatchedLanes:
        threshold = each(self.threshold, count)
        return WatchedLanes.start(
            count,
            threshold=threshold,
            bound=threshold - (1 - each(self.keep, count)) * np.abs(threshold),
            watch=each(self.watch, count),
            episodes=np.zeros(count, np.int64),
            total=np.zeros(count),
        )

    def after(self, lanes: WatchedLanes, returns: Floats, timesteps: Floats) -> WatchedLanes:
        episodes = lanes.episodes + lanes.locked
        total = lanes.total + np.where(lanes.locked, returns, 0.0)
        # Without division, for nothing was watched yet in most lanes; NaN counts as a fluke.
        fluke = lanes.locked & (episodes >= lanes.watch) & ~(total >= lanes.bound * episodes)
        locked = (lanes.locked & ~fluke) | (~lanes.locked & (returns > lanes.threshold))
        return lanes.chosen(
            ~locked, locked, episodes=episodes * ~fluke, total=np.where(fluke, 0.0, total)
        )
