"""Chooses the candidate of the next episode by following a lock-in rule through one budget.

Each rule is a module of pure functions that depend on no environment, model or clock. Therefore the
tuner can simulate thousands of budgets with the same code that chooses the candidates in play.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from agent.lock_in.best_of import BestOf
from agent.lock_in.first_above import FirstAbove
from agent.lock_in.record_candidates import RecordCandidates
from agent.lock_in.rule import Rule
from agent.settings import Settings

AnyRule = Rule[Any]


@dataclass(frozen=True)
class Choice:
    """The candidate that plays the next episode.

    Attributes:
        candidate: its index; an index that was not chosen before means a new candidate.
        locked: whether it is locked in.
    """

    candidate: int
    locked: bool


class LockIn:
    """Follows a rule through one budget: read `choice`, play, call `finished`, and repeat."""

    def __init__(self, rule: AnyRule) -> None:
        """Start before the first episode, which candidate 0 plays."""
        self._rule = rule
        self._state = rule.initial_state(1)

    @property
    def choice(self) -> Choice:
        """The candidate of the next episode."""
        return Choice(int(self._state.candidate[0]), bool(self._state.locked[0]))

    def finished(self, episode_return: float) -> None:
        """Update the rule with the return of the episode that the chosen candidate played."""
        self._state = self._rule.update(self._state, np.array([episode_return]))


def make_rule(settings: Settings) -> AnyRule:
    """Build the rule that the settings name; `repeats` above 0 selects the recording rule."""
    if settings.repeats:
        return RecordCandidates(settings.repeats)
    if settings.lock_in_rule == "best-of":
        return BestOf(settings.lock_in_candidates)
    return FirstAbove(settings.lock_in_score)
