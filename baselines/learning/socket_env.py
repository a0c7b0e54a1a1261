"""The contest's socket as a Gymnasium environment, for agents that learn while they play."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from arena.environment.contest_rules import MAX_STEPS
from baselines.simple_agents import BaselineEnv


class SocketEnv(gym.Env[NDArray[np.uint8], NDArray[np.int8]]):
    """A level of the contest, with Gymnasium's interface in place of OpenAI's old one.

    The contest says only that an episode is done. An episode of `MAX_STEPS` steps was cut by
    the time limit (`truncated`), so a learner may bootstrap from its last frame; any other was
    ended by the game (`terminated`).
    """

    def __init__(self, env: BaselineEnv, frame_shape: tuple[int, ...], n_buttons: int) -> None:
        """Wrap a connected environment.

        Args:
            env: environment of the level; it raises an exception when the budget is used.
            frame_shape: height, width and 3.
            n_buttons: number of buttons of an action.
        """
        self._env = env
        self._steps = 0
        self.observation_space = gym.spaces.Box(0, 255, frame_shape, np.uint8)
        self.action_space = gym.spaces.MultiBinary(n_buttons)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.uint8], dict[str, Any]]:
        """Start an episode; the server chooses the seed."""
        super().reset(seed=seed)
        self._steps = 0
        return np.array(self._env.reset()), {}

    def step(
        self, action: NDArray[np.int8]
    ) -> tuple[NDArray[np.uint8], float, bool, bool, dict[str, Any]]:
        """Play a step."""
        frame, reward, done, _ = self._env.step(np.asarray(action, np.uint8))
        self._steps += 1
        truncated = done and self._steps >= MAX_STEPS
        return np.array(frame), float(reward), done and not truncated, truncated, {}
