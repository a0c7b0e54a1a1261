"""Scores of all rules in all simulated budgets, with bootstrap intervals.

Intervals resample levels, then the resampled recordings within each level, in the same way for
all rules, so that a difference between two rules is computed on the same levels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from arena.evaluation.score import Interval
from arena.tuner.grid import RuleSettings, name_of
from arena.tuner.simulate import Outcome

RESAMPLES = 2000
TAILS = (0.025, 0.975)

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class RuleScore:
    """The simulated score of one rule. Scores and gains are in points.

    Attributes:
        name: the rule in a few words.
        settings: the agent's settings, as play.json stores them.
        score: mean over the levels of the mean return of the finished episodes.
        interval: 95% interval of the score.
        gain: the score minus the default rule's on the same levels.
        gain_interval: 95% interval of the gain.
        locked: share of the budgets in which a candidate was locked in.
        locked_at: median timesteps used when it was locked in; None if it never was.
        by_level: score on each level.
    """

    name: str
    settings: RuleSettings
    score: float
    interval: Interval
    gain: float
    gain_interval: Interval
    locked: float
    locked_at: float | None
    by_level: tuple[float, ...]

    @property
    def threshold(self) -> float | None:
        """The return above which the rule locks in; None for a rule without a threshold."""
        value = self.settings.get("lock_in_score")
        return None if value is None else float(value)


def merged(rules: Sequence[RuleScore]) -> list[tuple[RuleScore, ...]]:
    """Group the rules that did the same in every budget; the groups keep the order of the rules."""
    groups: dict[Any, list[RuleScore]] = {}
    for rule in rules:
        results = {**vars(rule), "name": None, "settings": None}
        groups.setdefault(tuple(results.values()), []).append(rule)
    return [tuple(group) for group in groups.values()]


@dataclass(frozen=True)
class HeldOut:
    """The gain of choosing a rule, on levels that were not used to choose it.

    For every level the rule with the highest score on all other levels is chosen.

    Attributes:
        score, interval: score of the rules chosen in this way, and its 95% interval.
        gain, gain_interval: that score minus the default rule's on the same levels, and its 95%
            interval.
        better: share of the resamples in which the gain is above 0.
    """

    score: float
    interval: Interval
    gain: float
    gain_interval: Interval
    better: float


class ScoreTable:
    """Scores of all rules by level and resampled recording; the first rule is the default."""

    def __init__(
        self, rules: Sequence[RuleSettings], outcomes: Sequence[Outcome], seed: int
    ) -> None:
        """Take the outcome of each rule.

        Args:
            rules: the settings of the rules, the default rule first.
            outcomes: the simulated outcome of each.
            seed: random seed of the bootstrap.
        """
        self._rules, self._outcomes = rules, outcomes
        # (rules, levels, recordings)
        self._scores = np.array([_recording_scores(outcome) for outcome in outcomes])
        _, levels, recordings = self._scores.shape
        random = np.random.default_rng(seed)
        self._levels = random.integers(levels, size=(RESAMPLES, levels))
        self._recordings = random.integers(recordings, size=(RESAMPLES, levels))

    def rules(self) -> tuple[RuleScore, ...]:
        """Return all rules, the highest score first; equal scores keep the order of the grid."""
        order = np.argsort(-self._scores.mean((1, 2)), kind="stable")
        return tuple(self._rule(int(index)) for index in order)

    def held_out(self) -> HeldOut | None:
        """Choose a rule on all levels but one, and score it on that one; None with one level."""
        by_level = self._scores.mean(2)
        count = by_level.shape[1]
        if count < 2:
            return None
        without = by_level.sum(1, keepdims=True) - by_level
        chosen = self._scores[without.argmax(0), np.arange(count)]  # (levels, recordings)
        gains = self._resampled(chosen - self._scores[0])
        return HeldOut(
            score=float(chosen.mean()),
            interval=_interval(self._resampled(chosen)),
            gain=float((chosen - self._scores[0]).mean()),
            gain_interval=_interval(gains),
            better=float((gains > 0).mean()),
        )

    def _rule(self, index: int) -> RuleScore:
        scores, rule_settings = self._scores[index], self._rules[index]
        gains = scores - self._scores[0]
        locked_at = self._outcomes[index].locked_at
        locked = np.isfinite(locked_at)
        return RuleScore(
            name=name_of(rule_settings),
            settings=rule_settings,
            score=float(scores.mean()),
            interval=_interval(self._resampled(scores)),
            gain=float(gains.mean()) + 0.0,  # not -0.0
            gain_interval=_interval(self._resampled(gains)),
            locked=float(locked.mean()),
            locked_at=float(np.median(locked_at[locked])) if locked.any() else None,
            by_level=tuple(scores.mean(1).tolist()),
        )

    def _resampled(self, values: Floats) -> Floats:
        """Average (levels, recordings) over each resample, (RESAMPLES,)."""
        means: Floats = values[self._levels, self._recordings].mean(1)
        return means


def mean_score(outcome: Outcome) -> float:
    """Return the mean of a rule's scores over the levels."""
    return float(_recording_scores(outcome).mean())


def _recording_scores(outcome: Outcome) -> Floats:
    """Average the budgets of each resampled recording, (levels, recordings).

    A budget without a finished episode has no score; a recording without scores takes the mean of
    its level.
    """
    known = np.isfinite(outcome.scores)
    total = np.where(known, outcome.scores, 0.0)
    counts = known.sum(2)
    level = total.sum((1, 2)) / np.maximum(counts.sum(1), 1)
    scores: Floats = np.where(counts > 0, total.sum(2) / np.maximum(counts, 1), level[:, None])
    return scores


def _interval(resampled: Floats) -> Interval:
    low, high = np.quantile(resampled, TAILS)
    return float(low) + 0.0, float(high) + 0.0  # not -0.0
