"""What a lock-in rule is: a pure state machine that follows many budgets at once, a lane each.

The agent follows one lane. The tuner follows thousands, so every state is an array: a rule that
plays is the rule that is simulated, to the letter, and an episode of all lanes is a few array
operations.
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
class Lanes:
    """Where a rule stands; every field of it and of its heirs is an array (lanes, ...)."""

    candidate: Integers  # plays the next episode: an index, 0, 1, 2, ... as drawn
    locked: Booleans  # it does so locked in, not on trial
    fresh: Integers  # the index of the next candidate that was never tried

    @classmethod
    def start(cls, count: int, **more: NDArray[Any]) -> Self:
        """So many lanes, each before its first episode, which candidate 0 plays."""
        zeros = np.zeros(count, np.int64)
        return cls(candidate=zeros, locked=zeros > 0, fresh=zeros + 1, **more)

    def take(self, lanes: NDArray[Any]) -> Self:
        """Only these lanes, by index or by mask."""
        return type(self)(
            **{field.name: getattr(self, field.name)[lanes] for field in fields(self)}
        )

    def chosen(self, draw: Booleans, locked: Booleans, **more: NDArray[Any]) -> Self:
        """The state after an episode: a fresh candidate where `draw`, else the one that played."""
        return replace(
            self,
            candidate=np.where(draw, self.fresh, self.candidate),
            fresh=self.fresh + draw,
            locked=locked,
            **more,
        )


def each(value: float | Floats, count: int) -> Floats:
    """A number for every lane: the same one, or one a lane."""
    return np.array(np.broadcast_to(value, count), np.float64)


L = TypeVar("L", bound=Lanes)


class Rule(Protocol[L]):
    """A lock-in rule: settings that never change, and two pure functions."""

    @property
    def final(self) -> bool:
        """Whether a candidate that is locked in plays all that remains, whatever it scores."""

    def start(self, count: int) -> L:
        """The state of so many budgets before their first episode."""

    def after(self, lanes: L, returns: Floats, timesteps: Floats) -> L:
        """The state after one more episode in each lane, whose `candidate` played it.

        Args:
            lanes: the state before.
            returns: (lanes,) episode returns; one that is not finite never counts as good.
            timesteps: (lanes,) of the budget that the episode took, its reset included.
        """
