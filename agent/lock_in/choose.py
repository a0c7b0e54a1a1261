"""Which candidate plays the next episode: following a lock-in rule through one budget.

The rules themselves are pure functions in `agent.rules`: they know no environment, no model and
no clock, so that the tuner simulates thousands of budgets with the code that plays.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from agent.lock_in.best_of import BestOf
from agent.lock_in.first_above import FirstAbove
from agent.lock_in.k_of_n import KOfN
from agent.lock_in.optimal import NO_PRIOR, Optimal, Prior
from agent.lock_in.rule import Rule
from agent.lock_in.survey import Survey
from agent.lock_in.watched import Watched
from agent.settings import Settings

AnyRule = Rule[Any]


@dataclass(frozen=True)
class Choice:
    """The candidate that plays next; the first index not tried yet asks for a fresh one."""

    candidate: int
    locked: bool


class LockIn:
    """A rule on its way through one budget: ask for the `choice`, tell what came of it."""

    def __init__(self, rule: AnyRule) -> None:
        """Stand before the first episode, which candidate 0 plays."""
        self._rule = rule
        self._lanes = rule.start(1)

    @property
    def choice(self) -> Choice:
        """Who plays the next episode."""
        return Choice(int(self._lanes.candidate[0]), bool(self._lanes.locked[0]))

    def finished(self, episode_return: float, timesteps: int) -> None:
        """Take in the episode that the choice has played.

        Args:
            episode_return: of this candidate alone, see `agent.play.episode`.
            timesteps: of the budget, the reset included.
        """
        self._lanes = self._rule.after(
            self._lanes, np.array([episode_return]), np.array([float(timesteps)])
        )


def rule_of(settings: Settings) -> AnyRule:
    """The lock-in rule that the settings name."""
    if settings.repeats:
        return Survey(settings.repeats)
    threshold = settings.lock_in_score
    if settings.lock_in_rule == "k-of-n":
        return KOfN(threshold, settings.lock_in_successes, settings.lock_in_tries)
    if settings.lock_in_rule == "best-of":
        return BestOf(settings.lock_in_candidates)
    if settings.lock_in_rule == "watched":
        return Watched(threshold, settings.lock_in_watch, settings.lock_in_keep)
    if settings.lock_in_rule == "optimal":
        return Optimal(settings.budget_steps, _prior(settings))
    return FirstAbove(threshold)


def _prior(settings: Settings) -> Prior:
    mean, spread, luck = (
        settings.lock_in_prior_mean,
        settings.lock_in_prior_spread,
        settings.lock_in_prior_luck,
    )
    if mean is None or spread is None or luck is None:
        return NO_PRIOR
    return Prior(mean, spread, luck)
