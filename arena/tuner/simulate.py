"""Simulates lock-in rules in whole budgets, thousands at once, without an emulator.

A level's candidates are draws from a distribution of mean returns, and each has its own spread of
episodes around its mean. A candidate with a single return of 3,000 may well have a lower mean. So
for every simulated budget, the mean of each candidate is drawn from its posterior given its
episodes, in a normal model whose two variances are estimated by the method of moments. The episodes
scatter around that mean as the recorded ones do. Episodes have the recorded lengths, counted as the
contest counts them.

Every level has several resampled recordings (bootstrap): another recording would have contained
other candidates. The spread of their scores shows the uncertainty of a score.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agent.lock_in.choose import AnyRule
from arena.tuner.recorded import RecordedLevel
from arena.tuner.spread import Spread, candidate_means, luck_share, spread_of

COLUMNS = 2048  # candidates of a budget; a budget that draws more reuses the first ones
CHANCES = 1024  # random numbers of a budget's episodes, used cyclically
BLOCK = 64  # episodes simulated at once for a candidate that is locked in
LUCK_DRAWS = 64  # size of the normal sample that replaces missing deviations

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


class _Pool:
    """A level's candidates as flat arrays from which episodes are drawn."""

    def __init__(self, level: RecordedLevel, spread: Spread) -> None:
        order = np.argsort(level.candidate, kind="stable")
        self.n_initial, self.tries = level.n_initial, level.tries
        self.first = np.cumsum(self.tries) - self.tries
        self.timesteps = level.timesteps[order]
        means, skill, luck = candidate_means(level), spread.skill**2, spread.luck**2
        trust = skill / np.maximum(skill + luck / self.tries, 1e-12)
        # An initial candidate is not drawn from the distribution, so only its own episodes count.
        trust[: self.n_initial] = 1.0
        self.means = spread.mean + trust * (means - spread.mean)
        self.doubt = np.sqrt(skill * (1 - trust))
        self.doubt[: self.n_initial] = spread.luck / np.sqrt(self.tries[: self.n_initial])
        repeated = np.sqrt(self.tries / np.maximum(self.tries - 1, 1))
        own = (level.returns - means[level.candidate])[order] * np.repeat(repeated, self.tries)
        scattered = own[np.repeat(self.tries, self.tries) > 1]
        if not len(scattered):
            scattered = spread.luck * np.random.default_rng(1).standard_normal(LUCK_DRAWS)
        # The episodes of a candidate that played once scatter as those of all others.
        self.deviations = np.concatenate((own, scattered))
        once = self.tries == 1
        self.first_deviation = np.where(once, len(own), self.first)
        self.n_deviations = np.where(once, len(scattered), self.tries)


class SimulatedBudgets:
    """The budgets in which rules are simulated, each with its candidates in a fixed order.

    There are levels x resampled recordings x budgets. Every rule plays the same budgets,
    which reduces the luck in a difference between two rules.

    Attributes:
        shape: (levels, recordings, budgets).
    """

    def __init__(
        self, levels: Sequence[RecordedLevel], recordings: int, budgets: int, seed: int = 1
    ) -> None:
        """Draw the candidates and the random numbers of all budgets.

        Args:
            levels: the recorded levels, at least one.
            recordings: resampled recordings per level.
            budgets: budgets per resampled recording.
            seed: random seed of all draws.
        """
        self.shape = (len(levels), recordings, budgets)
        share = luck_share(levels)
        pools = [_Pool(level, spread_of(level, share)) for level in levels]
        random = np.random.default_rng(seed)
        candidates = _offsets([len(pool.tries) for pool in pools])
        episodes = _offsets([len(pool.timesteps) for pool in pools])
        deviations = _offsets([len(pool.deviations) for pool in pools])
        self._picks = np.concatenate(
            [
                _picks(pool, recordings, budgets, random) + offset
                for pool, offset in zip(pools, candidates, strict=True)
            ]
        ).astype(np.int32)
        self._chances = random.random((CHANCES, self.count), np.float32)
        means = np.concatenate([pool.means for pool in pools]).astype(np.float32)
        doubt = np.concatenate([pool.doubt for pool in pools]).astype(np.float32)
        doubts = random.standard_normal(self._picks.shape, np.float32)
        self._means = means[self._picks] + doubt[self._picks] * doubts
        self._tries = np.concatenate([pool.tries for pool in pools])
        self._first = _joined([pool.first for pool in pools], episodes)
        self._n_deviations = np.concatenate([pool.n_deviations for pool in pools])
        self._first_deviation = _joined([pool.first_deviation for pool in pools], deviations)
        self._deviations = np.concatenate([pool.deviations for pool in pools])
        self._timesteps = np.concatenate([pool.timesteps for pool in pools])

    @property
    def count(self) -> int:
        """Number of budgets."""
        return len(self._picks)

    def episodes(
        self, rows: Integers, candidates: Integers, first: int, count: int
    ) -> tuple[Floats, Floats]:
        """Draw consecutive episodes of one candidate in each of some budgets.

        Args:
            rows: (n,), the budgets.
            candidates: (n,), the candidate of each, as the rule numbers them.
            first: number of the first of these episodes in its budget.
            count: number of episodes.

        Returns:
            The returns and the timesteps of the budget, two arrays (count, n).
        """
        column = candidates % COLUMNS
        pick = self._picks[rows, column]
        mean = self._means[rows, column].astype(np.float64)
        numbers = np.arange(first, first + count) % CHANCES
        chances = self._chances[numbers[:, None], rows]
        deviation = self._first_deviation[pick] + (chances * self._n_deviations[pick]).astype(int)
        episode = self._first[pick] + (chances * self._tries[pick]).astype(int)
        return mean + self._deviations[deviation], self._timesteps[episode]


def _picks(pool: _Pool, recordings: int, budgets: int, random: np.random.Generator) -> Integers:
    """Draw the recorded candidates of each budget, (recordings * budgets, COLUMNS)."""
    n_initial, count = pool.n_initial, len(pool.tries)
    drawn = np.arange(n_initial, count) if count > n_initial else np.arange(count)
    members = random.choice(drawn, (recordings, len(drawn)))
    columns = random.integers(len(drawn), size=(recordings, budgets * COLUMNS))
    picks = np.take_along_axis(members, columns, 1).reshape(recordings * budgets, COLUMNS)
    picks[:, :n_initial] = np.arange(n_initial)
    return picks


def _offsets(sizes: Sequence[int]) -> Integers:
    return np.cumsum([0, *sizes[:-1]])


def _joined(arrays: Sequence[Integers], offsets: Integers) -> Integers:
    return np.concatenate([array + offset for array, offset in zip(arrays, offsets, strict=True)])


@dataclass(frozen=True)
class Outcome:
    """The result of a rule in all budgets; arrays (levels, recordings, budgets).

    Attributes:
        scores: mean return of the finished episodes; NaN if none was finished.
        locked_at: timesteps used when a candidate was locked in; NaN if none was.
    """

    scores: Floats
    locked_at: Floats


def simulate(
    rule: AnyRule, budgets: SimulatedBudgets, budget_steps: int, copies: int = 1
) -> list[Outcome]:
    """Follow a rule through every budget.

    Args:
        rule: any lock-in rule.
        budgets: the budgets.
        budget_steps: timesteps of each, at least 1; an episode counts if the reset after it fits
            in, as in the contest.
        copies: number of times that all budgets are played, with different settings of the rule.
            Its settings are then arrays (copies * budgets.count,), the first copy's first.

    Returns:
        One outcome per copy.
    """
    total = copies * budgets.count
    tally = _Tally(total)
    rows, used, state, number = np.arange(total), np.zeros(total), rule.initial_state(total), 0
    while len(rows):
        returns, steps = (
            drawn[0] for drawn in budgets.episodes(rows % budgets.count, state.candidate, number, 1)
        )
        number += 1
        used = used + steps
        going = used < budget_steps
        tally.add(rows, np.where(going, returns, 0.0), going)
        state = rule.update(state, returns)
        locked = state.locked & going
        tally.locked_at[rows[locked]] = used[locked]
        if locked.any():
            candidates = state.candidate[locked]
            _play_locked(
                budgets, rows[locked], candidates, used[locked], number, budget_steps, tally
            )
            going &= ~locked
        if not going.all():
            rows, used, state = rows[going], used[going], state.select(going)
    return tally.outcomes((copies, *budgets.shape))


def _play_locked(
    budgets: SimulatedBudgets,
    rows: Integers,
    candidates: Integers,
    used: Floats,
    number: int,
    budget_steps: int,
    tally: _Tally,
) -> None:
    """Play the rest of budgets whose candidate is locked in, many episodes at once."""
    while len(rows):
        returns, steps = budgets.episodes(rows % budgets.count, candidates, number, BLOCK)
        number += BLOCK
        ends = used + steps.cumsum(0)
        finished = ends < budget_steps
        tally.add(rows, (returns * finished).sum(0), finished.sum(0))
        going = finished[-1]
        rows, candidates, used = rows[going], candidates[going], ends[-1, going]


class _Tally:
    """Sums of returns and numbers of finished episodes, by budget."""

    def __init__(self, count: int) -> None:
        self.total, self.finished = np.zeros(count), np.zeros(count)
        self.locked_at = np.full(count, np.nan)

    def add(self, rows: Integers, returns: Floats, episodes: NDArray[Any]) -> None:
        self.total[rows] += returns
        self.finished[rows] += episodes

    def outcomes(self, shape: tuple[int, ...]) -> list[Outcome]:
        scores = np.full(len(self.total), np.nan)
        np.divide(self.total, self.finished, out=scores, where=self.finished > 0)
        both = zip(scores.reshape(shape), self.locked_at.reshape(shape), strict=True)
        return [Outcome(*one) for one in both]
