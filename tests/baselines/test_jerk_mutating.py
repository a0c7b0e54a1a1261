"""JERK with mutation: what a mutation may change, and when the best sequence is repeated."""

from __future__ import annotations

import numpy as np
import pytest

from baselines.jerk import Solution
from baselines.jerk_mutating import JerkMutating, mutate
from baselines.simple_agents import RIGHT, press
from tests.baselines.test_jerk import Corridor

STEPS = 1000


def sequence(mean: float) -> Solution:
    return Solution([press(RIGHT)] * STEPS, [mean])


def test_a_mutation_shortens_and_changes_mostly_the_end() -> None:
    random = np.random.default_rng(1)
    copies = [mutate(sequence(0.0), random) for _ in range(200)]
    lengths = [len(copy) for copy in copies]
    assert 0.8 * STEPS - 20 <= min(lengths) < 0.85 * STEPS < 0.95 * STEPS < max(lengths) <= STEPS
    changed = np.zeros(300)
    for copy in copies:
        changed += [not np.array_equal(action, press(RIGHT)) for action in copy[:-301:-1]]
    assert changed[:20].sum() > 3 * changed[150:170].sum() > 0


def test_a_sequence_that_finishes_the_level_is_only_shortened() -> None:
    copy = mutate(sequence(10_000.0), np.random.default_rng(1))
    assert all(np.array_equal(action, press(RIGHT)) for action in copy)


def test_it_repeats_more_often_with_the_return_and_with_the_time() -> None:
    jerk = JerkMutating(Corridor(), 1_000_000, seed=1)
    jerk._solutions = [sequence(5_000.0)]
    assert jerk._exploit_probability() == pytest.approx(0.25)
    jerk.steps = 1_000_000
    assert jerk._exploit_probability() == pytest.approx(0.75)


def test_it_plays_on_when_the_sequence_ends() -> None:
    corridor = Corridor(wall=150)
    JerkMutating(corridor, 8_000, seed=3).run()
    assert all(played[-1].any() for played in corridor.played if len(played) == corridor.length)
