"""Stop optimally: draw candidates while that is expected to gain more than it costs.

Playing the best candidate known earns its estimated mean b an episode; a fresh one earns the
mean of the distribution, m < b. So one more draw costs b - m, once, and gains what its estimate
may exceed b by, in every episode that remains: E[max(X - b, 0)], X normal (expected improvement,
Mockus 1975, here as the price of a stopping problem). While

    (episodes left - 1) * E[max(X - b, 0)] > b - m

it draws. A return is the candidate's mean plus luck, so estimates are shrunk towards m by the
share of luck in the variance; both variances come from the play so far, and from a prior that
pretraining gives. A candidate that plays on is estimated anew after each episode: when it turns
out a fluke, the next best plays, or a fresh one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from agent.lock_in.rule import Booleans, Floats, Integers, Lanes, each

SHORTLIST = 8  # candidates that it can go back to
PRIOR_CANDIDATES = 4.0  # how many drawn candidates pretraining's prior weighs as much as
LEAST_CANDIDATES = 5  # drawn, or of the prior, before two variances mean anything
LEAST_SKILL = 0.05  # share of the variance that is never taken for luck
UNKNOWN_LUCK = 0.5  # share of the variance that is luck while nobody has played twice

_erfc = np.frompyfunc(math.erfc, 1, 1)


@dataclass(frozen=True)
class Prior:
    """The distribution of candidates as pretraining knows it; numbers, or arrays (lanes,)."""

    mean: float | Floats  # of the candidates' mean returns
    spread: float | Floats  # their standard deviation
    luck: float | Floats  # standard deviation of a candidate's episodes around its mean
    weight: float | Floats = PRIOR_CANDIDATES  # drawn candidates that it weighs as much as


NO_PRIOR = Prior(0.0, 0.0, 0.0, weight=0.0)


@dataclass(frozen=True)
class OptimalLanes(Lanes):
    """With the prior, sums over the play so far, and a shortlist of candidates (lanes, 8)."""

    budget_steps: Floats
    prior_weight: Floats
    prior_mean: Floats
    prior_skill: Floats  # variance of the candidates' means
    prior_luck: Floats  # variance of a candidate's episodes
    used: Floats  # timesteps
    episodes: Floats
    drawn: Floats  # candidates with a first return
    drawn_mean: Floats  # of these first returns
    drawn_squares: Floats  # sum of their squared deviations
    repeats: Floats  # degrees of freedom within candidates
    repeat_squares: Floats  # sum of squared deviations within candidates
    listed: Integers  # candidates of the shortlist, -1 where there is none yet
    listed_tries: Floats
    listed_mean: Floats


@dataclass(frozen=True)
class Optimal:
    """Draw while it pays over a budget of so many timesteps."""

    budget_steps: float | Floats
    prior: Prior = NO_PRIOR
    final = False

    def start(self, count: int) -> OptimalLanes:
        prior, shape = self.prior, (count, SHORTLIST)
        return OptimalLanes.start(
            count,
            budget_steps=each(self.budget_steps, count),
            prior_weight=each(prior.weight, count),
            prior_mean=each(prior.mean, count),
            prior_skill=each(prior.spread, count) ** 2,
            prior_luck=each(prior.luck, count) ** 2,
            used=np.zeros(count),
            episodes=np.zeros(count),
            drawn=np.zeros(count),
            drawn_mean=np.zeros(count),
            drawn_squares=np.zeros(count),
            repeats=np.zeros(count),
            repeat_squares=np.zeros(count),
            listed=np.full(shape, -1),
            listed_tries=np.zeros(shape),
            listed_mean=np.full(shape, -np.inf),
        )

    def after(self, lanes: OptimalLanes, returns: Floats, timesteps: Floats) -> OptimalLanes:
        lanes = replace(lanes, used=lanes.used + timesteps, episodes=lanes.episodes + 1)
        finite = np.isfinite(returns)
        known = np.where(finite, returns, 0.0)
        lanes = _repeated(lanes, lanes.locked & finite, known)
        lanes = _drawn(lanes, ~lanes.locked & finite, known)
        best, explore = self._decide(lanes)
        after = lanes.chosen(explore, ~explore)
        return replace(after, candidate=np.where(explore, after.candidate, best))

    def _decide(self, lanes: OptimalLanes) -> tuple[Integers, Booleans]:
        """The candidate with the best estimate, and where a fresh one should play instead."""
        mean, skill, luck = _distribution(lanes)
        trust = _ratio(skill[:, None], skill[:, None] + luck[:, None] / _least(lanes.listed_tries))
        listed = lanes.listed_tries > 0
        shrunk = mean[:, None] + trust * (np.where(listed, lanes.listed_mean, 0.0) - mean[:, None])
        estimates = np.where(listed, shrunk, -np.inf)
        row, slot = np.arange(len(mean)), estimates.argmax(1)
        best = estimates[row, slot]
        # How far the estimates of fresh candidates, after one episode, will spread.
        spread = _ratio(skill, np.sqrt(skill + luck))
        left = (lanes.budget_steps - lanes.used) * lanes.episodes / lanes.used
        gain = np.maximum(left - 1, 0) * _expected_excess(best - mean, spread)
        enough = lanes.drawn + lanes.prior_weight >= LEAST_CANDIDATES
        explore = ~enough | ~(best > -np.inf) | (gain > best - mean)
        return lanes.listed[row, slot], explore


def _distribution(lanes: OptimalLanes) -> tuple[Floats, Floats, Floats]:
    """Mean of the candidates' means, its variance, and the variance of episodes around it."""
    weight = lanes.prior_weight
    mean = (lanes.drawn * lanes.drawn_mean + weight * lanes.prior_mean) / _least(
        lanes.drawn + weight
    )
    variance = (lanes.drawn_squares + weight * (lanes.prior_skill + lanes.prior_luck)) / _least(
        lanes.drawn - 1 + weight
    )
    expected = np.where(weight > 0, lanes.prior_luck, UNKNOWN_LUCK * variance)
    luck_weight = np.maximum(weight, 1)
    luck = (lanes.repeat_squares + luck_weight * expected) / (lanes.repeats + luck_weight)
    luck = np.minimum(luck, (1 - LEAST_SKILL) * variance)
    return mean, variance - luck, luck


def _repeated(lanes: OptimalLanes, where: Booleans, returns: Floats) -> OptimalLanes:
    """Enter another return of candidates on the shortlist."""
    row = np.flatnonzero(where)
    slot = (lanes.listed[row] == lanes.candidate[row, None]).argmax(1)
    tries, means = lanes.listed_tries.copy(), lanes.listed_mean.copy()
    before = means[row, slot]
    tries[row, slot] += 1
    means[row, slot] += (returns[row] - before) / tries[row, slot]
    squares = lanes.repeat_squares.copy()
    squares[row] += (returns[row] - before) * (returns[row] - means[row, slot])
    return replace(
        lanes,
        listed_tries=tries,
        listed_mean=means,
        repeats=lanes.repeats + where,
        repeat_squares=squares,
    )


def _drawn(lanes: OptimalLanes, where: Booleans, returns: Floats) -> OptimalLanes:
    """Enter the first return of fresh candidates; the worst of the shortlist makes room."""
    drawn = lanes.drawn + where
    before = returns - lanes.drawn_mean
    mean = lanes.drawn_mean + np.where(where, before / _least(drawn), 0.0)
    squares = lanes.drawn_squares + np.where(where, before * (returns - mean), 0.0)
    slot = lanes.listed_mean.argmin(1)
    worst = lanes.listed_mean[np.arange(len(slot)), slot]
    row = np.flatnonzero(where & (returns > worst))
    slot = slot[row]
    listed, tries = lanes.listed.copy(), lanes.listed_tries.copy()
    means = lanes.listed_mean.copy()
    listed[row, slot], tries[row, slot], means[row, slot] = lanes.candidate[row], 1, returns[row]
    return replace(
        lanes,
        drawn=drawn,
        drawn_mean=mean,
        drawn_squares=squares,
        listed=listed,
        listed_tries=tries,
        listed_mean=means,
    )


def _expected_excess(bound: Floats, spread: Floats) -> Floats:
    """E[max(X - bound, 0)] of X normal with mean 0 and this standard deviation."""
    z = _ratio(bound, spread)
    density = np.exp(-z * z / 2) / math.sqrt(2 * math.pi)
    above = np.asarray(_erfc(z / math.sqrt(2)), np.float64) / 2
    excess: Floats = np.maximum(spread * (density - z * above), 0.0)
    return excess


def _ratio(part: Floats, whole: NDArray[np.float64]) -> Floats:
    """The quotient, and 0 where the whole is 0: candidates that all return the same."""
    ratio: Floats = np.divide(part, whole, out=np.zeros(np.shape(whole)), where=whole > 0)
    return ratio


def _least(count: Floats) -> Floats:
    """A count to divide by: at least 1."""
    return np.maximum(count, 1.0)
