"""Evolution strategies: the estimate against exact gradients, a first step worked by hand, and
functions whose maximum is known.
"""

from __future__ import annotations

import numpy as np
import pytest

from agent.errors import UserError
from agent.evolution.cma_es import centred_ranks
from baselines.learning.evolution.options import EsSettings
from baselines.learning.evolution.strategies import EvolutionStrategies, pair_gradient


def search(
    start: list[float], pairs: int = 2, seed: int = 1, **settings: float
) -> EvolutionStrategies:
    return EvolutionStrategies(np.array(start), EsSettings(**settings), pairs, seed)


def test_the_defaults_are_those_of_the_source() -> None:
    settings = EsSettings()
    assert (settings.sigma, settings.learning_rate, settings.l2) == (0.02, 0.01, 0.005)
    assert settings.action_noise == 0.01


def test_ranks_and_estimate_agree_with_a_case_worked_by_hand() -> None:
    # Ranks 3, 0, 2, 1 of four returns, divided by 3, minus a half.
    utilities = centred_ranks(np.array([900.0, 10.0, 40.0, 20.0]))
    assert utilities == pytest.approx([1 / 2, -1 / 2, 1 / 6, -1 / 6])
    # The pairs' differences are 1/3 and -1/3: (1/3 (1, 2) - 1/3 (0, -1)) / 4.
    noise = np.array([[1.0, 2.0], [0.0, -1.0]])
    assert pair_gradient(noise, utilities) == pytest.approx([1 / 12, 3 / 12])


@pytest.mark.parametrize("power", [1, 2, 3])
def test_the_estimate_is_the_exact_gradient_in_expectation(power: int) -> None:
    # f(x) = sum of a x^p. The gradient of the mean of f(x + sigma noise) is known: E[noise^2] = 1.
    sigma, mean, factors = 0.5, np.array([1.0, -2.0, 0.3]), np.array([1.0, 0.5, -2.0])
    exact = factors * [np.ones(3), 2 * mean, 3 * mean**2 + 3 * sigma**2][power - 1]
    noise = np.random.default_rng(1).standard_normal((200_000, 3))
    values = [(factors * (mean + sign * sigma * noise) ** power).sum(1) for sign in (1, -1)]
    estimate = pair_gradient(noise, np.concatenate(values)) / sigma
    assert estimate == pytest.approx(exact, abs=0.1)


def test_antithetic_pairs_cancel_what_is_even() -> None:
    noise = np.random.default_rng(1).standard_normal((10, 3))
    even = (noise**2).sum(1)  # the same for both of a pair, at the top of a hill
    assert pair_gradient(noise, np.concatenate([even, even])) == pytest.approx([0.0] * 3)


def test_candidates_are_mirrored_with_deviation_sigma() -> None:
    made = EvolutionStrategies(np.full(4000, 3.0), EsSettings(sigma=0.25), 2, seed=1)
    drawn = made.ask()
    assert drawn.shape == (4, 4000)
    assert drawn[:2] - 3.0 == pytest.approx(3.0 - drawn[2:])
    assert (drawn - 3.0).std() == pytest.approx(0.25, rel=0.02)
    assert np.array_equal(made.ask(), drawn)
    made.tell(np.arange(4.0))
    assert not np.array_equal(made.ask(), drawn)


def test_the_first_step_of_adam_has_the_length_of_the_learning_rate() -> None:
    made = search([1.0, -2.0], l2=0.0, learning_rate=0.01)
    noise = (made.ask() - made.mean)[:2] / 0.02
    made.tell(np.array([4.0, 3.0, 2.0, 1.0]))  # utilities 1/2, 1/6, -1/6, -1/2
    direction = (2 / 3) * noise.sum(0) / 4
    assert made.mean == pytest.approx(np.array([1.0, -2.0]) + 0.01 * np.sign(direction))
    assert made.generation == 1


def test_equal_returns_leave_only_the_penalty() -> None:
    made, free = search([1.0, -2.0]), search([1.0, -2.0], l2=0.0)
    made.tell(np.full(4, 7.0))
    free.tell(np.full(4, 7.0))
    assert made.mean == pytest.approx([0.99, -1.99])  # towards 0 by the learning rate
    assert free.mean == pytest.approx([1.0, -2.0])


def test_it_finds_the_maximum_of_a_quadratic() -> None:
    goal = np.random.default_rng(5).standard_normal(20)
    curvature = np.linspace(0.5, 5.0, 20)
    made = EvolutionStrategies(np.zeros(20), EsSettings(l2=0.0), 16, seed=1)
    for _ in range(600):
        made.tell(-(curvature * (made.ask() - goal) ** 2).sum(1))
    assert np.abs(goal).max() > 1.0
    assert made.mean == pytest.approx(goal, abs=0.1)


def test_it_goes_on_exactly_from_a_state() -> None:
    def play(made: EvolutionStrategies, generations: int) -> None:
        for _ in range(generations):
            made.tell(-(made.ask() ** 2).sum(1))

    whole, first, second = (search([1.0, -2.0, 0.5]) for _ in range(3))
    play(whole, 7)
    second.restore(first.state())  # at the start
    play(first, 3)
    second.restore(first.state())
    play(second, 4)
    assert second.generation == 7
    assert np.array_equal(second.mean, whole.mean)


def test_a_state_of_another_search_is_refused() -> None:
    with pytest.raises(ValueError, match=r"shape \(2,\)"):
        search([1.0]).restore(search([1.0, 2.0]).state())


def test_a_return_that_is_not_finite_is_refused() -> None:
    made = search([1.0])
    with pytest.raises(UserError, match="generation 0 is not finite"):
        made.tell(np.array([1.0, 2.0, np.nan, 3.0]))
    assert made.generation == 0 and made.mean == [1.0]
