"""JERK with mutation, pretrained PPO2, and a memory of frames.

Source: gardenermike's agent for the contest (2018), which scored 3,631. The idea of the memory is
that of Pritzel et al. 2017, "Neural Episodic Control". Three slips of the program of 2018 are
corrected: it stored each action with the frame that followed it, it kept the actions that press
LEFT where it meant RIGHT, and it compared scaled returns with the unscaled 10,000.
"""

from __future__ import annotations

from collections.abc import Iterator

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from agent.compatibility.gym_remote.client import RemoteEnv
from baselines.jerk_mutating import JerkMutating
from baselines.learning.contest_wrappers import SONIC_ACTIONS, check_buttons, stack_frames
from baselines.learning.hybrid.neighbour_memory import NeighbourMemory
from baselines.learning.hybrid.options import HybridOptions
from baselines.learning.ppo.frozen_ppo2 import FRAME_SIZE, N_FEATURES, FrozenPpo2, logits
from baselines.learning.socket_env import SocketEnv
from baselines.simple_agents import RIGHT, BaselineEnv, Buttons


class WatchedLevel:
    """A level for JERK that keeps what PPO2 sees.

    Attributes:
        frames: the last four frames in grey, (4, 84, 84) uint8.
    """

    def __init__(self, env: BaselineEnv, frame_shape: tuple[int, ...], n_buttons: int) -> None:
        """Wrap a connected environment; see `SocketEnv`.

        Raises:
            UserError: the game has other buttons.
        """
        check_buttons(n_buttons)
        level: gym.Env[NDArray[np.uint8], NDArray[np.int8]]
        level = SocketEnv(env, frame_shape, n_buttons)
        self._env = stack_frames(level, FRAME_SIZE)
        self.frames = np.zeros(self._env.observation_space.shape or (), np.uint8)

    def reset(self) -> NDArray[np.uint8]:
        """Start an episode; return the frames."""
        self.frames = np.asarray(self._env.reset()[0])
        return self.frames

    def step(self, buttons: Buttons) -> tuple[NDArray[np.uint8], float, bool, object]:
        """Play a step; return frames, reward, whether the episode is done, and variables."""
        frames, reward, terminated, truncated, info = self._env.step(buttons)
        self.frames = np.asarray(frames)
        return self.frames, float(reward), terminated or truncated, info


class Hybrid(JerkMutating):
    """The agent and the episodes that it has played; see `Jerk`.

    Attributes:
        memory: frames of the good episodes.
        remembered: number of episodes in the memory.
    """

    def __init__(self, level: WatchedLevel, ppo2: FrozenPpo2, options: HybridOptions) -> None:
        """Prepare to play.

        Args:
            level: level to play.
            ppo2: pretrained network.
            options: hyperparameters, budget and random seed.
        """
        super().__init__(level, options.budget_steps, options.seed)
        self._level, self._ppo2, self._options = level, ppo2, options
        self._layer = ppo2.last_layer
        self.memory = NeighbourMemory(N_FEATURES)
        self.remembered = 0

    def _reset(self) -> None:
        super()._reset()
        self._features = [self._ppo2.features(self._level.frames)]

    def _step(self, action: Buttons) -> tuple[float, bool]:
        reward, done = super()._step(action)
        if done:
            self._remember()
        else:
            self._features.append(self._ppo2.features(self._level.frames))
        return reward, done

    def _remember(self) -> None:
        """Add the episode's frames before a RIGHT to the memory, if the episode was good."""
        returns, actions = np.cumsum(self._rewards), np.array(self._actions, np.uint8)
        if self._solutions and returns[-1] <= self._options.kept * self._best().mean:
            return
        kept = (returns > 0) & (actions[:, RIGHT] == 1)
        if kept.any():
            features = np.array(self._features)[kept]
            self.memory.add(features, actions[kept], returns[kept])
            self.remembered += 1

    def _run(self, direction: int) -> Iterator[Buttons]:
        options = self._options
        if direction == RIGHT:
            ready = self.remembered >= options.memory_episodes
            if self._random.random() < options.memory and ready:
                return self._recall()
            if self._random.random() < options.policy:
                return self._follow_policy()
        return super()._run(direction)

    def _recall(self) -> Iterator[Buttons]:
        while True:
            yield self.memory.best_action(self._features[-1], self._options.neighbours)

    def _follow_policy(self) -> Iterator[Buttons]:
        while True:
            scores = logits(self._layer, self._features[-1])
            # The largest of the logits plus Gumbel noise is a draw from their softmax.
            noise = self._random.gumbel(size=len(scores))
            yield SONIC_ACTIONS[int(np.argmax(scores + noise))]


def play_hybrid(options: HybridOptions, env: RemoteEnv) -> None:
    """Play on a connected level until the budget is used or a limit is reached.

    Raises:
        UserError: the weights can't be used, or the game has other buttons.
    """
    level = WatchedLevel(env, env.observation_space.shape, env.action_space.n)
    Hybrid(level, FrozenPpo2(options.weights), options).run()
