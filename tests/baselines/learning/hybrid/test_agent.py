"""The hybrid: what it remembers, and which actions its runs to the right take."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from typing import Any

import numpy as np
import pytest

from agent.errors import UserError
from baselines.jerk import Solution
from baselines.learning.contest_wrappers import SONIC_ACTIONS
from baselines.learning.hybrid.agent import Hybrid, WatchedLevel
from baselines.learning.hybrid.options import HybridOptions
from baselines.simple_agents import LEFT, RIGHT, B, Buttons, press
from tests.baselines.test_jerk import Corridor

OPTIONS = HybridOptions(budget_steps=2000, memory_episodes=1)


class Network:
    """Features that show the place in the corridor; the policy always presses B."""

    last_layer = np.zeros(3591)
    last_layer[-1] = 100.0  # bias of the last action

    def features(self, frames: np.ndarray) -> np.ndarray:
        features = np.zeros(512, np.float32)
        features[0] = frames[-1].mean()
        return features


class Seen(Corridor):
    """A corridor whose frames are as bright as twice x; grey rounds to neighbouring values."""

    def reset(self) -> Any:
        super().reset()
        return self.frame()

    def step(self, buttons: Buttons) -> Any:
        _, reward, done, info = super().step(buttons)
        return self.frame(), reward, done, info

    def frame(self) -> np.ndarray:
        return np.full((10, 10, 3), 2 * self.x % 256, np.uint8)


def make(corridor: Seen, **options: Any) -> Hybrid:
    level = WatchedLevel(corridor, (10, 10, 3), 12)
    network: Any = Network()
    return Hybrid(level, network, replace(OPTIONS, **options))


def test_the_defaults_are_those_of_the_source() -> None:
    options = HybridOptions()
    assert (options.memory, options.policy, options.neighbours) == (0.5, 0.5, 100)
    assert (options.kept, options.memory_episodes) == (0.6, 6)


def test_it_remembers_the_frame_before_each_right_with_the_return_after_it() -> None:
    corridor = Seen(length=5)
    hybrid = make(corridor, memory=0.0, policy=0.0)
    hybrid._reset()
    for action in (press(LEFT), press(RIGHT, B), press(LEFT), press(RIGHT), press(RIGHT)):
        hybrid._step(action)  # x is 0, 1, 0, 1, 2
    assert len(hybrid.memory) == 2 and hybrid.remembered == 1
    start, next_place = (Network().features(np.full((4, 10, 10), 2 * x)) for x in (0, 1))
    # At x = 0 both RIGHT had the return 1, so the first is kept; at x = 1, RIGHT had 2.
    assert hybrid.memory.best_action(start, 1).tolist() == press(RIGHT, B).tolist()
    assert hybrid.memory.best_action(next_place, 1).tolist() == press(RIGHT).tolist()
    assert hybrid.memory.best_action(start, 2).tolist() == press(RIGHT).tolist()


@pytest.mark.parametrize(("best", "kept"), [(3.0, True), (5.0, False)])
def test_only_episodes_near_the_best_are_remembered(best: float, kept: bool) -> None:
    hybrid = make(Seen(length=2))
    hybrid._solutions = [Solution([press(RIGHT)], [best])]
    hybrid._reset()
    for _ in range(2):
        hybrid._step(press(RIGHT))  # a return of 2: two thirds of 3, and less than 0.6 x 5
    assert (len(hybrid.memory), hybrid.remembered) == ((2, 1) if kept else (0, 0))


def test_runs_follow_the_memory_the_policy_or_chance() -> None:
    def run(
        direction: int = RIGHT, played: tuple[int, ...] = (RIGHT, B), **options: Any
    ) -> list[list[int]]:
        hybrid = make(Seen(length=3), **options)
        hybrid._reset()
        for _ in range(3):
            hybrid._step(press(*played))
        hybrid._reset()
        return [np.flatnonzero(action).tolist() for action in islice(hybrid._run(direction), 20)]

    policy = [np.flatnonzero(SONIC_ACTIONS[-1]).tolist()] * 20
    assert run(memory=1.0, policy=1.0) == [[B, RIGHT]] * 20
    assert run(memory=1.0, policy=1.0, played=(B,)) == policy  # it has a return of 0
    assert run(memory=1.0, policy=1.0, memory_episodes=2) == policy
    assert run(memory=0.0, policy=1.0) == policy
    assert all(RIGHT in pressed for pressed in run(memory=0.0, policy=0.0))
    assert all(LEFT in pressed for pressed in run(LEFT, memory=1.0, policy=1.0))


def test_a_run_with_the_memory_repeats_what_was_best_there() -> None:
    hybrid = make(Seen(length=100), memory=1.0)
    hybrid._reset()
    for step in range(100):
        hybrid._step(press(RIGHT, B) if step % 2 else press(RIGHT))
    assert len(hybrid.memory) == 100
    hybrid._options = replace(hybrid._options, neighbours=1)
    hybrid._reset()
    for step, action in enumerate(islice(hybrid._run(RIGHT), 50)):
        assert action.tolist() == (press(RIGHT, B) if step % 2 else press(RIGHT)).tolist()
        hybrid._step(action)


def test_it_plays_the_whole_budget_and_the_same_with_the_same_seed() -> None:
    played = []
    for seed in (1, 1, 2):
        corridor = Seen(wall=150)
        hybrid = make(corridor, seed=seed, budget_steps=4000)
        hybrid.run()
        assert hybrid.steps >= 4000 and hybrid.remembered > 1
        played.append(np.concatenate(corridor.played))
    assert np.array_equal(played[0], played[1])
    assert not np.array_equal(played[0], played[2])


def test_another_number_of_buttons_is_refused() -> None:
    with pytest.raises(UserError, match="8 buttons"):
        WatchedLevel(Seen(), (10, 10, 3), 8)
