"""Every candidate plays some episodes, then the next one: no lock-in, for recording.

The tuner must tell a candidate's mean from its luck, which takes more than one episode of each.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from agent.lock_in.rule import Floats, Integers, Lanes


@dataclass(frozen=True)
class SurveyLanes(Lanes):
    """With the tries of the present candidate."""

    tries: Integers


@dataclass(frozen=True)
class Survey:
    """Never lock in; `repeats` episodes of each candidate in turn."""

    repeats: int
    final = True

    def start(self, count: int) -> SurveyLanes:
        return SurveyLanes.start(count, tries=np.zeros(count, np.int64))

    def after(self, lanes: SurveyLanes, returns: Floats, timesteps: Floats) -> SurveyLanes:
        tries = lanes.tries + 1
        enough = tries >= self.repeats
        return lanes.chosen(enough, lanes.locked, tries=tries * ~enough)
