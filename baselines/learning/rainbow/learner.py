"""Rainbow: noisy dueling networks that learn the distribution of returns, with double Q-learning.

Source: Hessel et al. 2018, "Rainbow: Combining Improvements in Deep Reinforcement Learning", and
OpenAI's baseline for the contest (Nichol et al. 2018, section 4).
"""

from __future__ import annotations

import copy
import sys
from collections.abc import Iterator
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from agent.compatibility.gym_remote.client import RemoteEnv
from baselines.learning.contest_wrappers import SONIC_ACTIONS, STACKED_FRAMES, wrap
from baselines.learning.rainbow.network import RainbowNetwork, project
from baselines.learning.rainbow.options import RainbowOptions
from baselines.learning.rainbow.replay import Recording, Replay
from baselines.learning.rainbow.replay_file import load_recording, recording_path
from baselines.learning.socket_env import SocketEnv
from baselines.learning.weights import DivergedError, load_weights


class Rainbow:
    """The learner: acts, stores what happened, and updates its network."""

    def __init__(
        self,
        options: RainbowOptions,
        n_actions: int = len(SONIC_ACTIONS),
    ) -> None:
        """Make a learner with random weights.

        Args:
            options: hyperparameters and random seed.
            n_actions: number of actions.
        """
        self.reseed(options.seed)
        self.options = options
        sizes = (options.frame_size, n_actions, options.atoms, options.noise)
        self.network = RainbowNetwork(*sizes)
        self.target = copy.deepcopy(self.network)
        self.optimizer = torch.optim.Adam(
            self.network.parameters(), options.learning_rate, eps=options.adam_epsilon, fused=True
        )
        self.atoms = torch.linspace(-options.value_limit, options.value_limit, options.atoms)
        self.replay = self._make_replay(options.budget_steps)
        self.steps = self.updates = 0
        self.loss = 0.0  # of the last update
        self._learning_starts = options.learning_starts

    def begin_with(self, recording: Recording) -> None:
        """Fill the replay with a recording; learning then begins with the first step."""
        self.replay = self._make_replay(len(recording.frames) + self.options.budget_steps)
        self.replay.extend(recording)
        self._learning_starts = 0

    def _make_replay(self, steps: int) -> Replay:
        return Replay(
            min(self.options.capacity, steps + STACKED_FRAMES),
            self.options.frame_size,
            n_steps=self.options.n_steps,
            discount=self.options.discount,
            exponent=self.options.priority_exponent,
            correction=self.options.priority_correction,
            minimum=self.options.priority_minimum,
        )

    def reseed(self, seed: int) -> None:
        """Set the random seed of the weights, the noise and the replay."""
        torch.manual_seed(seed)
        self._random = np.random.default_rng(seed)

    @torch.inference_mode()
    def act(self, frames: NDArray[np.uint8]) -> int:
        """Choose the action with the highest mean return, under new noise.

        Args:
            frames: (4, size, size) uint8.
        """
        self.network.renew_noise()
        probabilities = self.network(torch.from_numpy(np.asarray(frames))[None]).exp()
        return int((probabilities[0] @ self.atoms).argmax())

    def step(
        self,
        frames: NDArray[np.uint8],
        action: int,
        reward: float,
        next_frames: NDArray[np.uint8],
        terminated: bool,
        truncated: bool,
    ) -> None:
        """Store a step, and update the network at every `update_steps`-th step.

        Args:
            frames: (4, size, size) uint8, before the step.
            action: the action.
            reward: its reward.
            next_frames: the frames after the step.
            terminated: whether the game ended the episode.
            truncated: whether the time limit ended it.
        """
        self.replay.add(frames[-1], action, reward, terminated)
        if truncated:
            self.replay.cut(next_frames[-1])
        self.steps += 1
        options = self.options
        if self.steps >= self._learning_starts and self.replay.ready:
            if self.steps % options.update_steps == 0:
                self.loss = self.update()
            if self.steps % options.target_steps == 0:
                self.copy_to_target()

    def copy_to_target(self) -> None:
        """Copy the network's weights to the target network."""
        self.target.load_state_dict(self.network.state_dict())

    def update(self) -> float:
        """Learn from one batch, and return the loss.

        Raises:
            DivergedError: the loss is not finite.
        """
        batch = self.replay.sample(self.options.batch, self._random)
        rows = torch.arange(len(batch.items))
        with torch.no_grad():
            frames = torch.from_numpy(batch.next_frames)
            self.network.renew_noise()
            self.target.renew_noise()
            best = (self.network(frames).exp() @ self.atoms).argmax(1)
            after = self.target(frames)[rows, best].exp()
            goal = project(
                after,
                torch.from_numpy(batch.returns),
                torch.from_numpy(batch.discounts),
                self.atoms,
            )
        self.network.renew_noise()
        known = self.network(torch.from_numpy(batch.frames))[rows, torch.from_numpy(batch.actions)]
        # The divergence, unlike the cross-entropy, has the minimum 0, which suits a priority.
        errors = functional.kl_div(known, goal, reduction="none").sum(1)
        loss = (torch.from_numpy(batch.weights) * errors).mean()
        if not bool(torch.isfinite(loss)):
            raise DivergedError(self.steps)
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        self.updates += 1
        self.replay.update(batch.items, errors.detach().clamp(min=0).numpy())
        return float(loss.detach())


def play_rainbow(options: RainbowOptions, env: RemoteEnv) -> None:
    """Learn and play on a connected level until it raises an exception, for example at a limit.

    With weights, the replay begins with the frames beside them, and learning with the first step.

    Raises:
        UserError: the weights can't be used, the game has other buttons, or training diverged.
    """
    torch.set_num_threads(1)  # more threads are slower for these small networks
    level = SocketEnv(env, env.observation_space.shape, env.action_space.n)
    env_of_level = wrap_for_rainbow(level, options)
    learner = Rainbow(options)
    weights = options.weights_file()
    if weights is not None:
        load_weights(learner.network, weights)
        learner.copy_to_target()
        learner.begin_with(load_recording(recording_path(weights), options.frame_size))
    elif options.budget_steps <= options.learning_starts:
        print(
            f"note: the first update comes after {options.learning_starts:,} timesteps: with"
            f" {options.budget_steps:,} the network plays, but does not learn",
            file=sys.stderr,
        )
    for _ in play_episodes(learner, env_of_level):
        pass


def wrap_for_rainbow(env: gym.Env[Any, Any], options: RainbowOptions) -> gym.Env[Any, Any]:
    """Wrap an environment as Rainbow needs it: a step back is free, and rewards are unscaled."""
    return wrap(env, frame_size=options.frame_size, allow_backtracking=True, scale_reward=False)


def play_episodes(learner: Rainbow, env: gym.Env[Any, Any]) -> Iterator[tuple[float, int] | None]:
    """Learn and play without end; yield after each step.

    Yields:
        The return and the steps of an episode that has ended, otherwise None.
    """
    frames, _ = env.reset()
    total, steps = 0.0, 0
    while True:
        action = learner.act(frames)
        after, reward, terminated, truncated, _ = env.step(action)
        learner.step(frames, action, float(reward), after, terminated, truncated)
        total, steps = total + float(reward), steps + 1
        if terminated or truncated:
            yield total, steps
            frames, _ = env.reset()
            total, steps = 0.0, 0
        else:
            frames = after
            yield None
