"""Actions, rewards and frames of OpenAI's baselines, computed by hand for a made-up level."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import pytest

from agent.errors import UserError
from arena.environment.contest_rules import MAX_STEPS
from baselines.learning.contest_wrappers import AllowBacktracking, wrap
from baselines.learning.socket_env import SocketEnv
from baselines.simple_agents import DOWN, LEFT, RIGHT, B


class Scripted(gym.Env[Any, Any]):
    """Gives the rewards of a list, and remembers the buttons."""

    def __init__(self, rewards: list[float], n_buttons: int = 12) -> None:
        self.rewards, self.pressed = rewards, []
        self.observation_space = gym.spaces.Box(0, 255, (224, 320, 3), np.uint8)
        self.action_space = gym.spaces.MultiBinary(n_buttons)

    def reset(self, **options: Any) -> tuple[Any, dict[str, Any]]:
        self.step_number = 0
        return np.zeros((224, 320, 3), np.uint8), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        self.pressed.append(np.flatnonzero(action).tolist())
        self.step_number += 1
        frame = np.full((224, 320, 3), 10 * self.step_number % 250, np.uint8)
        return frame, self.rewards[self.step_number - 1], False, False, {}


def test_the_seven_actions_are_those_of_openais_baselines() -> None:
    level = Scripted([0.0] * 7)
    env = wrap(level, frame_size=84, allow_backtracking=False)
    env.reset()
    for action in range(7):
        env.step(action)
    assert level.pressed == [[LEFT], [RIGHT], [DOWN, LEFT], [DOWN, RIGHT], [DOWN], [B, DOWN], [B]]


def test_going_back_costs_nothing_and_regaining_pays_nothing() -> None:
    env = AllowBacktracking(Scripted([5.0, -3.0, 2.0, 4.0]))
    env.reset()
    assert [env.step(0)[1] for _ in range(4)] == [5.0, 0.0, 0.0, 3.0]
    env.reset()
    assert env.step(0)[1] == 5.0


def test_rewards_are_scaled_and_frames_stacked_from_old_to_new() -> None:
    env = wrap(Scripted([200.0] * 3), frame_size=96, allow_backtracking=False)
    first, _ = env.reset()
    assert first.shape == (4, 96, 96) and not first.any()
    frames, reward, *_ = env.step(0)
    assert reward == 2.0
    frames, *_ = env.step(0)
    assert [int(frame[50, 50]) for frame in frames] == [0, 0, 10, 20]


def test_a_game_with_other_buttons_is_refused() -> None:
    with pytest.raises(UserError, match="8 buttons"):
        wrap(Scripted([], n_buttons=8), frame_size=84, allow_backtracking=False)


class Timed:
    """An episode that the game, or the time limit, ends after some steps."""

    def __init__(self, length: int) -> None:
        self.length = length

    def reset(self) -> Any:
        self.steps = 0
        return np.zeros((2, 2, 3), np.uint8)

    def step(self, buttons: Any) -> tuple[Any, float, bool, object]:
        self.steps += 1
        return np.zeros((2, 2, 3), np.uint8), 1.0, self.steps == self.length, {}


@pytest.mark.parametrize(("length", "ends"), [(30, (True, False)), (MAX_STEPS, (False, True))])
def test_only_the_time_limit_truncates(length: int, ends: tuple[bool, bool]) -> None:
    env = SocketEnv(Timed(length), (2, 2, 3), 12)
    for _ in range(2):  # the second episode counts anew
        env.reset()
        steps = [env.step(np.zeros(12, np.int8))[2:4] for _ in range(length)]
        assert steps[-1] == ends and set(steps[:-1]) == {(False, False)}
