"""Lock-in rule: the first candidate whose return exceeds a threshold plays all later episodes.

This is the rule of the original 2018 agent ("World Models applied to Sonic"), with threshold 2000.
A single episode decides, and a later bad return does not unlock the candidate.
"""

from __future__ import annotations

from dataclasses import dataclass

from agent.lock_in.rule import Floats, RuleState, per_row


@dataclass(frozen=True)
class ThresholdState(RuleState):
    """The state of `FirstAbove`, with the threshold of each budget."""

    threshold: Floats


@dataclass(frozen=True)
class FirstAbove:
    """Lock in on the first return above `threshold` (one value, or one per budget)."""

    threshold: float | Floats

    def initial_state(self, batch_size: int) -> ThresholdState:
        return ThresholdState.initial(batch_size, threshold=per_row(self.threshold, batch_size))

    def update(self, state: ThresholdState, returns: Floats) -> ThresholdState:
        locked = state.locked | (returns > state.threshold)
        return state.advance(~locked, locked)
