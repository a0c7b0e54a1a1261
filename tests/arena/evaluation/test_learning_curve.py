"""Learning curves: the mean score so far over plays and levels, against the timesteps used."""

from __future__ import annotations

import numpy as np
import pytest

from arena.evaluation.learning_curve import Episodes, learning_curve, timesteps_at_ends
from arena.evaluation.score import bootstrap_interval


def play(lengths: list[int], returns: list[float]) -> Episodes:
    return Episodes(timesteps_at_ends(lengths), np.array(returns))


def test_a_reset_is_a_timestep() -> None:
    assert timesteps_at_ends([9, 19, 4]).tolist() == [10, 30, 35]
    assert timesteps_at_ends([]).tolist() == []


def test_the_score_so_far_is_the_mean_over_levels_of_the_mean_over_plays() -> None:
    # Two plays of the first level, one of the second; the second level's first episode is last.
    first = [play([9, 9], [100.0, 300.0]), play([14], [400.0])]
    second = [play([18, 18], [10.0, 30.0])]
    curve = learning_curve([first, second])
    assert curve is not None
    assert (curve.timesteps[0], curve.timesteps[-1]) == (19, 38)
    scores = dict(zip(curve.timesteps, curve.scores, strict=True))
    assert scores[19] == ((100 + 400) / 2 + 10) / 2
    assert scores[20] == ((200 + 400) / 2 + 10) / 2
    assert scores[37] == scores[20] and scores[38] == ((200 + 400) / 2 + 20) / 2
    assert curve.intervals is not None
    assert curve.intervals[-1] == bootstrap_interval([[200.0, 400.0], [20.0]], resamples=2000)


def test_the_last_score_is_that_of_the_whole_budget() -> None:
    random = np.random.default_rng(1)
    lengths = random.integers(10, 400, 50).tolist()
    returns = random.uniform(0, 9000, 50).tolist()
    curve = learning_curve([[play(lengths, returns)]])
    assert curve is not None and curve.intervals is None
    assert curve.scores[0] == returns[0] and curve.scores[-1] == pytest.approx(np.mean(returns))
    assert curve.timesteps == sorted(set(curve.timesteps)) and len(curve.timesteps) > 50


def test_plays_without_an_episode_are_excluded() -> None:
    empty = play([], [])
    assert learning_curve([]) is None and learning_curve([[empty], []]) is None
    curve = learning_curve([[empty, play([9], [7.0])], [empty]])
    assert curve is not None and (curve.timesteps, curve.scores) == ([10], [7.0])
