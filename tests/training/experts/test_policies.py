"""The policies that play while data is collected."""

from __future__ import annotations

import numpy as np

from training.experts.policies import HELD_STEPS, Alternating, HeldButtons, RunnerPolicy, no_expert

NO_FRAME = np.zeros((1, 1, 3), np.uint8)


def test_held_buttons_are_held_for_half_a_second() -> None:
    policy = HeldButtons(np.random.default_rng(1))
    actions = np.array([policy(NO_FRAME, 0.0, no_expert) for _ in range(4000)])
    changes = int((actions[1:] != actions[:-1]).any(1).sum())
    assert 0.7 < 4000 / changes / (HELD_STEPS * 16 / 15) < 1.4  # one choice in 16 repeats itself
    np.testing.assert_allclose(actions.mean(0), 0.5, atol=0.1)


def test_a_runner_runs_left_when_it_gains_no_reward() -> None:
    policy = RunnerPolicy(np.random.default_rng(1))
    gaining = np.array([policy(NO_FRAME, 1.0, no_expert) for _ in range(300)])
    assert (gaining[:, 3] == 1).all() and 0.1 < gaining[:, 0].mean() < 0.5
    stuck = np.array([policy(NO_FRAME, 0.0, no_expert) for _ in range(340)])
    assert (stuck[:, 2] + stuck[:, 3] == 1).all()
    assert 70 <= stuck[:, 2].sum() <= 140


class Stubborn:
    """An agent that presses nothing, and records its calls."""

    def __init__(self) -> None:
        self.chosen, self.remembered = 0, np.zeros((0, 4), np.uint8)

    def choose(self, frame: np.ndarray) -> np.ndarray:
        self.chosen += 1
        return np.zeros(4, np.uint8)

    def remember(self, action: np.ndarray) -> None:
        self.remembered = np.vstack((self.remembered, action))


def test_turns_alternate_and_the_agent_remembers_both_players() -> None:
    agent, expert_action = Stubborn(), np.array([1, 0, 0, 1], np.uint8)
    policy = Alternating(np.random.default_rng(1), agent)
    actions = np.array([policy(NO_FRAME, 0.0, lambda: expert_action) for _ in range(3000)])
    np.testing.assert_array_equal(agent.remembered, actions)
    assert agent.chosen == 3000
    own = (actions == 0).all(1)
    changes = int((own[1:] != own[:-1]).sum())
    assert 0.55 < own.mean() < 0.8 and 40 < changes < 200
