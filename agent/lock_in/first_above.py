"""The first candidate with a return above a threshold plays all that remains: the seed's rule.

World Models applied to Sonic (2018), threshold 2000. One episode, not a mean, decides, and a
later bad return does not unlock.
"""

from __future__ import annotations

from dataclasses import dataclass

from agent.lock_in.rule import Floats, Lanes, each


@dataclass(frozen=True)
class ThresholdLanes(Lanes):
    """With each lane's threshold."""

    threshold: Floats


@dataclass(frozen=True)
class FirstAbove:
    """Lock in on the first return above the threshold."""

    threshold: float | Floats  # one, or one a lane
    final = True

    def start(self, count: int) -> ThresholdLanes:
        return ThresholdLanes.start(count, threshold=each(self.threshold, count))

    def after(self, lanes: ThresholdLanes, returns: Floats, timesteps: Floats) -> ThresholdLanes:
        locked = lanes.locked | (returns > lanes.threshold)
        return lanes.chosen(~locked, locked)
