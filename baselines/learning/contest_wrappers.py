"""The environment of OpenAI's baselines for the contest: actions, rewards and frames.

Source: `sonic_util.py` of OpenAI's retro-baselines (Nichol et al. 2018, "Gotta Learn Fast",
section 4). Gymnasium's wrappers do the rest.
"""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.wrappers import (
    FrameStackObservation,
    GrayscaleObservation,
    ResizeObservation,
    TransformReward,
)
from numpy.typing import NDArray

from agent.errors import UserError
from baselines.simple_agents import DOWN, LEFT, N_BUTTONS, RIGHT, B, press

# LEFT, RIGHT, LEFT+DOWN, RIGHT+DOWN, DOWN, DOWN+B, B.
SONIC_ACTIONS = np.stack(
    [
        press(*buttons)
        for buttons in ((LEFT,), (RIGHT,), (LEFT, DOWN), (RIGHT, DOWN), (DOWN,), (DOWN, B), (B,))
    ]
)
REWARD_SCALE = 0.01
STACKED_FRAMES = 4


class DiscreteActions(gym.ActionWrapper[NDArray[np.uint8], np.int64, NDArray[np.int8]]):
    """Takes the index of one of several combinations of buttons as the action."""

    def __init__(self, env: gym.Env[Any, Any], actions: NDArray[np.uint8]) -> None:
        """Wrap an environment with the contest's buttons.

        Args:
            env: the environment.
            actions: buttons of each action, uint8 (n_actions, 12).

        Raises:
            UserError: the game has other buttons.
        """
        check_buttons(int(np.prod(env.action_space.shape or (0,))))
        super().__init__(env)
        self.action_space = gym.spaces.Discrete(len(actions))
        self._actions = actions

    def action(self, action: np.int64) -> NDArray[np.int8]:
        """Return the buttons, int8 (12,)."""
        return np.asarray(self._actions[int(action)], np.int8)


class AllowBacktracking(gym.Wrapper[Any, Any, Any, Any]):
    """Rewards a step by its gain over the highest return so far, so that going back is free.

    The contest's reward is the change of x. With it, an agent loses reward when it goes back, and
    never learns to go round an obstacle.
    """

    def reset(self, **options: Any) -> tuple[Any, dict[str, Any]]:
        """Start an episode."""
        self._return = self._highest = 0.0
        return self.env.reset(**options)

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Play a step; the reward is at least 0."""
        frame, reward, terminated, truncated, info = self.env.step(action)
        self._return += float(reward)
        gain = max(0.0, self._return - self._highest)
        self._highest += gain
        return frame, gain, terminated, truncated, info


def wrap(
    env: gym.Env[Any, Any], *, frame_size: int, allow_backtracking: bool, scale_reward: bool = True
) -> gym.Env[Any, Any]:
    """Wrap an environment of the contest as OpenAI's baselines did.

    Args:
        env: environment with RGB frames, the contest's buttons and the contest's reward.
        frame_size: width and height of the grey frames in pixels.
        allow_backtracking: whether a step back costs nothing; see `AllowBacktracking`.
        scale_reward: whether rewards are multiplied by `REWARD_SCALE`.

    Returns:
        An environment with 7 actions, whose observation is the last 4 frames, uint8
        (4, frame_size, frame_size).
    """
    env = DiscreteActions(env, SONIC_ACTIONS)
    if scale_reward:
        env = TransformReward(env, lambda reward: float(reward) * REWARD_SCALE)
    if allow_backtracking:
        env = AllowBacktracking(env)
    return stack_frames(env, frame_size)


def stack_frames(env: gym.Env[Any, Any], frame_size: int) -> gym.Env[Any, Any]:
    """Make the last 4 frames in grey the observation, uint8 (4, frame_size, frame_size)."""
    env = GrayscaleObservation(ResizeObservation(env, (frame_size, frame_size)))
    return FrameStackObservation(env, STACKED_FRAMES)


def check_buttons(buttons: int) -> None:
    """Check the number of buttons of a game.

    Raises:
        UserError: they are not those of a Mega Drive.
    """
    if buttons != N_BUTTONS:
        raise UserError(
            f"the game has {buttons} buttons, and this agent needs the {N_BUTTONS} of a Mega"
            " Drive: use a level of a Mega Drive game"
        )
