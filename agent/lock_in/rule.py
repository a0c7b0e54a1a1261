"""The interface of a lock-in rule: a pure state machine over a batch of budgets.

A state has one row per budget. The agent plays a batch of one budget, and the tuner simulates
thousands of budgets at once with the same code.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any, Protocol, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Booleans = NDArray[np.bool_]


@dataclass(frozen=True)
class RuleState:
    """What a rule knows about each budget. All fields, also of subclasses, are (batch, ...).

    Attributes:
        candidate: index of the candidate that plays the next episode, in the order of drawing.
        locked: whether that candidate is locked in, rather than on trial.
        next_untried: index of the first candidate that has not played yet.
    """

    candidate: Integers
    locked: Booleans
    next_untried: Integers

    @classmethod
    def initial(cls, batch_size: int, **more: NDArray[Any]) -> Self:
        """Return the state before the first episode, which candidate 0 plays."""
        zeros = np.zeros(batch_size, np.int64)
        return cls(candidate=zeros, locked=zeros > 0, next_untried=zeros + 1, **more)

    def select(self, rows: NDArray[Any]) -> Self:
        """Return the state of some budgets only, given by indices or by a mask."""
        return type(self)(**{field.name: getattr(self, field.name)[rows] for field in fields(self)})

    def advance(self, draw_new: Booleans, locked: Booleans, **more: NDArray[Any]) -> Self:
        """Return the state after an episode.

        Args:
            draw_new: (batch,), whether a new candidate plays next; if not, the same one plays.
            locked: (batch,), whether the candidate that plays next is locked in.
            more: new values of the subclass's own fields.
        """
        return replace(
            self,
            candidate=np.where(draw_new, self.next_untried, self.candidate),
            next_untried=self.next_untried + draw_new,
            locked=locked,
            **more,
        )


def per_row(value: float | Floats, batch_size: int) -> Floats:
    """Broadcast a setting, one number or one per budget, to float64 (batch,)."""
    return np.array(np.broadcast_to(value, batch_size), np.float64)


State = TypeVar("State", bound=RuleState)


class Rule(Protocol[State]):
    """A lock-in rule: settings that never change, and two pure functions.

    Once a rule has locked a candidate in, that candidate plays all remaining episodes.
    """

    def initial_state(self, batch_size: int) -> State:
        """Return the state of `batch_size` budgets before their first episode."""

    def update(self, state: State, returns: Floats) -> State:
        """Return the state after one more episode of each budget.

        Args:
            state: the state before the episode, which its `candidate` played.
            returns: (batch,) episode returns; a return that is not finite never counts as good.
        """
