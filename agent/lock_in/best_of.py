"""Lock-in rule: the best of the first candidates plays all later episodes.

Each of them plays one episode. The rule has no threshold, so it does not depend on the scale of a
level's returns.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from agent.lock_in.rule import Floats, Integers, RuleState, per_row


@dataclass(frozen=True)
class BestOfState(RuleState):
    """The state of `BestOf`.

    Attributes:
        candidates: number of candidates that play before one is locked in.
        best: index of the candidate with the highest return so far.
        best_return: the return of that candidate.
    """

    candidates: Floats
    best: Integers
    best_return: Floats


@dataclass(frozen=True)
class BestOf:
    """Lock in on the best of the first `candidates` (one number, or one per budget)."""

    candidates: float | Floats

    def initial_state(self, batch_size: int) -> BestOfState:
        return BestOfState.initial(
            batch_size,
            candidates=per_row(self.candidates, batch_size),
            best=np.zeros(batch_size, np.int64),
            best_return=np.full(batch_size, -np.inf),
        )

    def update(self, state: BestOfState, returns: Floats) -> BestOfState:
        better = ~state.locked & (returns > state.best_return)
        best = np.where(better, state.candidate, state.best)
        best_return = np.where(better, returns, state.best_return)
        locked = state.next_untried >= state.candidates
        after = state.advance(~locked, locked, best=best, best_return=best_return)
        return replace(after, candidate=np.where(locked, best, after.candidate))
