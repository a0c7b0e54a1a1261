"""Plays lock-in rules over whole budgets without an emulator: thousands at once, from recordings.

A level's candidates are taken as draws from a distribution of means, each with its own spread of
episodes around it. One return of 3,000 is then not a candidate worth 3,000: its mean is drawn
anew, for every simulated budget, from what its episodes tell of it (the posterior of a normal
model with the level's two variances, estimated by their moments), and its episodes scatter around
that as the recorded ones do. Lengths are the recorded ones, counted as the contest counts.

Every level has several worlds. In each, its recorded candidates are resampled, for another
recording would have had others: how the worlds differ tells how far a score can be trusted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agent.lock_in.choose import AnyRule
from arena.tuner.recorded import RecordedLevel

COLUMNS = 2048  # a budget's candidates; one that draws more meets the first ones again
CHANCES = 1024  # predrawn luck of a lane's episodes, used over and over
BLOCK = 64  # episodes at once of a candidate that is locked in for good
UNKNOWN_LUCK = 0.5  # share of luck in the variance of returns where nobody played twice
WEIGHED_REPEATS = 4  # a candidate that played a thousand times must not speak for all others
LUCK_DRAWS = 64  # a normal sample that stands in where no episodes scatter

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Spread:
    """How a level's candidates differ."""

    mean: float  # of the drawn candidates' means
    skill: float  # standard deviation of these means
    luck: float  # standard deviation of a candidate's episodes around its own


def luck_share(levels: Sequence[RecordedLevel]) -> float:
    """Share of luck in the variance of single returns, over all levels that know it."""
    shares = []
    for level in levels:
        within, repeats = _within(level)
        means = _means(level)[level.leaders :]
        if repeats and len(means) > 1:
            between = float(means.var(ddof=1))
            shares.append(within / (within + between) if within + between > 0 else 0.0)
    return float(np.mean(shares)) if shares else UNKNOWN_LUCK


def spread_of(level: RecordedLevel, unknown_luck: float = UNKNOWN_LUCK) -> Spread:
    """Estimate a level's distribution of candidates by its moments.

    Args:
        level: the level.
        unknown_luck: share of the variance that is luck, where no candidate played twice.
    """
    means = _means(level)
    drawn = means[level.leaders :] if level.candidates > level.leaders else means
    tries = level.tries[-len(drawn) :]
    observed = float(drawn.var(ddof=1)) if len(drawn) > 1 else 0.0
    within, repeats = _within(level)
    luck = within if repeats else unknown_luck * observed
    skill = max(observed - luck * float((1 / tries).mean()), 0.0)
    return Spread(float(drawn.mean()), skill**0.5, luck**0.5)


def _means(level: RecordedLevel) -> Floats:
    return np.bincount(level.candidate, level.returns) / level.tries


def _within(level: RecordedLevel) -> tuple[float, int]:
    """Variance of episodes around their candidate's mean, and how many repeats tell of it."""
    tries = level.tries
    deviations = level.returns - _means(level)[level.candidate]
    squares = np.bincount(level.candidate, deviations**2)
    weights = np.minimum(tries - 1, WEIGHED_REPEATS)
    variances = np.divide(squares, tries - 1, out=np.zeros(len(tries)), where=tries > 1)
    repeats = int(weights.sum())
    return (float((weights * variances).sum() / repeats) if repeats else 0.0), repeats


class _Pool:
    """A level's candidates as flat arrays, to draw episodes from."""

    def __init__(self, level: RecordedLevel, spread: Spread) -> None:
        order = np.argsort(level.candidate, kind="stable")
        self.leaders, self.tries = level.leaders, level.tries
        self.first = np.cumsum(self.tries) - self.tries
        self.timesteps = level.timesteps[order]
        self.bonus = (level.counted - level.returns)[order]
        means, skill, luck = _means(level), spread.skill**2, spread.luck**2
        trust = skill / np.maximum(skill + luck / self.tries, 1e-12)
        # A leader is no draw from the distribution, which tells nothing of it.
        trust[: self.leaders] = 1.0
        self.means = spread.mean + trust * (means - spread.mean)
        self.doubt = np.sqrt(skill * (1 - trust))
        self.doubt[: self.leaders] = spread.luck / np.sqrt(self.tries[: self.leaders])
        repeated = np.sqrt(self.tries / np.maximum(self.tries - 1, 1))
        own = (level.returns - means[level.candidate])[order] * np.repeat(repeated, self.tries)
        scattered = own[np.repeat(self.tries, self.tries) > 1]
        if not len(scattered):
            scattered = spread.luck * np.random.default_rng(1).standard_normal(LUCK_DRAWS)
        # Of a candidate that played once, the episodes scatter as those of all others.
        self.deviations = np.concatenate((own, scattered))
        once = self.tries == 1
        self.first_deviation = np.where(once, len(own), self.first)
        self.n_deviations = np.where(once, len(scattered), self.tries)


class Worlds:
    """Lanes to simulate in: levels x worlds x budgets, each with its candidates in their order.

    The same lanes serve every rule, so that rules differ by what they do and less by luck.

    Attributes:
        shape: (levels, worlds, budgets).
        spreads: of each level.
    """

    def __init__(
        self, levels: Sequence[RecordedLevel], worlds: int, budgets: int, seed: int = 1
    ) -> None:
        """Prepare them.

        Args:
            levels: at least one.
            worlds: of each level.
            budgets: of each world.
            seed: of all draws.
        """
        self.shape = (len(levels), worlds, budgets)
        share = luck_share(levels)
        self.spreads = [spread_of(level, share) for level in levels]
        pools = [_Pool(*both) for both in zip(levels, self.spreads, strict=True)]
        random = np.random.default_rng(seed)
        candidates = _offsets([len(pool.tries) for pool in pools])
        episodes = _offsets([len(pool.timesteps) for pool in pools])
        deviations = _offsets([len(pool.deviations) for pool in pools])
        self._picks = np.concatenate(
            [
                _picks(pool, worlds, budgets, random) + offset
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
        self._bonus = np.concatenate([pool.bonus for pool in pools])
        self._has_bonus = bool(self._bonus.any())

    @property
    def count(self) -> int:
        """How many lanes there are."""
        return len(self._picks)

    @property
    def levels(self) -> Integers:
        """The level of each lane, (lanes,)."""
        _, worlds, budgets = self.shape
        return np.arange(self.count) // (worlds * budgets)

    def episodes(
        self, lanes: Integers, candidates: Integers, first: int, count: int
    ) -> tuple[Floats, Floats, Floats]:
        """So many episodes of one candidate in each lane.

        Args:
            lanes: (n,).
            candidates: (n,) as the rule numbers them.
            first: the number of the first of these episodes in its budget.
            count: how many.

        Returns:
            Three arrays (count, n): returns as the rule sees them, as the contest counts them,
            and the timesteps of the budget.
        """
        column = candidates % COLUMNS
        pick = self._picks[lanes, column]
        mean = self._means[lanes, column].astype(np.float64)
        numbers = np.arange(first, first + count) % CHANCES
        chances = self._chances[numbers[:, None], lanes]
        deviation = self._first_deviation[pick] + (chances * self._n_deviations[pick]).astype(int)
        place = self._first[pick] + (chances * self._tries[pick]).astype(int)
        returns = mean + self._deviations[deviation]
        counted = returns + self._bonus[place] if self._has_bonus else returns
        return returns, counted, self._timesteps[place]


def _picks(pool: _Pool, worlds: int, budgets: int, random: np.random.Generator) -> Integers:
    """Which recorded candidate each of a lane's is, (worlds * budgets, COLUMNS)."""
    leaders, count = pool.leaders, len(pool.tries)
    drawn = np.arange(leaders, count) if count > leaders else np.arange(count)
    members = random.choice(drawn, (worlds, len(drawn)))
    places = random.integers(len(drawn), size=(worlds, budgets * COLUMNS))
    picks = np.take_along_axis(members, places, 1).reshape(worlds * budgets, COLUMNS)
    picks[:, :leaders] = np.arange(leaders)
    return picks


def _offsets(sizes: Sequence[int]) -> Integers:
    return np.cumsum([0, *sizes[:-1]])


def _joined(arrays: Sequence[Integers], offsets: Integers) -> Integers:
    return np.concatenate([array + offset for array, offset in zip(arrays, offsets, strict=True)])


@dataclass(frozen=True)
class Outcome:
    """What a rule did with the budgets; arrays (levels, worlds, budgets)."""

    scores: Floats  # mean return of the finished episodes; NaN where none was finished
    locked_at: Floats  # timesteps used when a candidate was first locked in; NaN: never


def simulate(rule: AnyRule, worlds: Worlds, budget_steps: int, copies: int = 1) -> list[Outcome]:
    """Follow a rule through every lane's budget.

    Args:
        rule: any lock-in rule.
        worlds: the lanes.
        budget_steps: timesteps, at least 1; an episode counts if the reset after it fits in, as
            in the contest.
        copies: how often to play all lanes, in one go; a rule with a value a lane has
            `copies * worlds.count` of them, those of the first copy first.

    Returns:
        An outcome of each copy.
    """
    total = copies * worlds.count
    tally = _Tally(total)
    lanes, used, state, number = np.arange(total), np.zeros(total), rule.start(total), 0
    while len(lanes):
        returns, counted, steps = (
            drawn[0] for drawn in worlds.episodes(lanes % worlds.count, state.candidate, number, 1)
        )
        number += 1
        used = used + steps
        going = used < budget_steps
        tally.add(lanes, np.where(going, counted, 0.0), going)
        state = rule.after(state, returns, steps)
        stays = state.locked & going
        new = stays & np.isnan(tally.locked_at[lanes])
        tally.locked_at[lanes[new]] = used[new]
        if rule.final and stays.any():
            candidates = state.candidate[stays]
            _play_out(worlds, lanes[stays], candidates, used[stays], number, budget_steps, tally)
            going &= ~stays
        if not going.all():
            lanes, used, state = lanes[going], used[going], state.take(going)
    return tally.outcomes((copies, *worlds.shape))


def _play_out(
    worlds: Worlds,
    lanes: Integers,
    candidates: Integers,
    used: Floats,
    number: int,
    budget_steps: int,
    tally: _Tally,
) -> None:
    """The rest of budgets whose candidate stays: many episodes at once."""
    while len(lanes):
        _, counted, steps = worlds.episodes(lanes % worlds.count, candidates, number, BLOCK)
        number += BLOCK
        ends = used + steps.cumsum(0)
        finished = ends < budget_steps
        tally.add(lanes, (counted * finished).sum(0), finished.sum(0))
        going = finished[-1]
        lanes, candidates, used = lanes[going], candidates[going], ends[-1, going]


class _Tally:
    def __init__(self, count: int) -> None:
        self.total, self.finished = np.zeros(count), np.zeros(count)
        self.locked_at = np.full(count, np.nan)

    def add(self, lanes: Integers, returns: Floats, episodes: NDArray[Any]) -> None:
        self.total[lanes] += returns
        self.finished[lanes] += episodes

    def outcomes(self, shape: tuple[int, ...]) -> list[Outcome]:
        scores = np.full(len(self.total), np.nan)
        np.divide(self.total, self.finished, out=scores, where=self.finished > 0)
        both = zip(scores.reshape(shape), self.locked_at.reshape(shape), strict=True)
        return [Outcome(*one) for one in both]
