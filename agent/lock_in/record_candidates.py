"""Recording rule: each candidate plays a fixed number of episodes, and none is locked in.

The tuner must distinguish a candidate's mean return from the luck of single episodes, which
requires more than one episode per candidate.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from agent.lock_in.rule import Floats, Integers, RuleState


@dataclass(frozen=True)
class RecordingState(RuleState):
    """The state of `RecordCandidates`, with the episodes that the current candidate has played."""

    episodes: Integers


@dataclass(frozen=True)
class RecordCandidates:
    """Never lock in; every candidate plays `repeats` episodes in a row."""

    repeats: int

    def initial_state(self, batch_size: int) -> RecordingState:
        return RecordingState.initial(batch_size, episodes=np.zeros(batch_size, np.int64))

    def update(self, state: RecordingState, returns: Floats) -> RecordingState:
        episodes = state.episodes + 1
        enough = episodes >= self.repeats
        return state.advance(enough, state.locked, episodes=episodes * ~enough)
