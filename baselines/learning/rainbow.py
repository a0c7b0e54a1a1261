"""Rainbow: noisy dueling networks that learn the distribution of returns, with double Q-learning.

Source: Hessel et al. 2018, "Rainbow: Combining Improvements in Deep Reinforcement Learning", and
OpenAI's baseline for the contest (Nichol et al. 2018, section 4).
"""

from __future__ import annotations

import copy

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from agent.compatibility.gym_remote.client import RemoteEnv
from agent.errors import UserError
from baselines.learning.contest_wrappers import SONIC_ACTIONS, STACKED_FRAMES, wrap
from baselines.learning.rainbow_network import RainbowNetwork, project
from baselines.learning.rainbow_options import RainbowOptions
from baselines.learning.replay import Replay
from baselines.learning.socket_env import SocketEnv
from baselines.learning.weights import load_weights


class Rainbow:
    """The learner: acts, stores what happened, and updates its network."""

    def __init__(self, options: RainbowOptions, n_actions: int = len(SONIC_ACTIONS)) -> None:
        """Make a learner with random weights.

        Args:
            options: hyperparameters and random seed.
            n_actions: number of actions.
        """
        torch.manual_seed(options.seed)
        self._random = np.random.default_rng(options.seed)
        self.options = options
        sizes = (options.frame_size, n_actions, options.atoms, options.noise)
        self.network = RainbowNetwork(*sizes)
        self._target = copy.deepcopy(self.network)
        self._adam = torch.optim.Adam(
            self.network.parameters(), options.learning_rate, eps=options.adam_epsilon, fused=True
        )
        self.atoms = torch.linspace(-options.value_limit, options.value_limit, options.atoms)
        self.replay = Replay(
            min(options.capacity, options.budget_steps + STACKED_FRAMES),
            options.frame_size,
            n_steps=options.n_steps,
            discount=options.discount,
            exponent=options.priority_exponent,
            correction=options.priority_correction,
            minimum=options.priority_minimum,
        )
        self.steps = self.updates = 0

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
        if self.steps >= options.learning_starts and self.replay.ready:
            if self.steps % options.update_steps == 0:
                self.update()
            if self.steps % options.target_steps == 0:
                self.copy_to_target()

    def copy_to_target(self) -> None:
        """Copy the network's weights to the target network."""
        self._target.load_state_dict(self.network.state_dict())

    def update(self) -> float:
        """Learn from one batch, and return the loss.

        Raises:
            UserError: the loss is not finite.
        """
        batch = self.replay.sample(self.options.batch, self._random)
        rows = torch.arange(len(batch.items))
        with torch.no_grad():
            frames = torch.from_numpy(batch.next_frames)
            self.network.renew_noise()
            self._target.renew_noise()
            best = (self.network(frames).exp() @ self.atoms).argmax(1)
            after = self._target(frames)[rows, best].exp()
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
            raise UserError(
                f"training diverged after {self.updates:,} updates: lower the learning rate"
            )
        self._adam.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self._adam.step()
        self.updates += 1
        self.replay.update(batch.items, errors.detach().clamp(min=0).numpy())
        return float(loss.detach())


def play_rainbow(options: RainbowOptions, env: RemoteEnv) -> None:
    """Learn and play on a connected level until it raises an exception, for example at a limit.

    Raises:
        UserError: the weights can't be used, the game has other buttons, or training diverged.
    """
    torch.set_num_threads(1)  # more threads are slower for these small networks
    level = SocketEnv(env, env.observation_space.shape, env.action_space.n)
    wrapped = wrap(
        level, frame_size=options.frame_size, allow_backtracking=True, scale_reward=False
    )
    learner = Rainbow(options)
    weights = options.weights_file()
    if weights is not None:
        load_weights(learner.network, weights)
        learner.copy_to_target()
    frames, _ = wrapped.reset()
    while True:
        action = learner.act(frames)
        after, reward, terminated, truncated, _ = wrapped.step(action)
        learner.step(frames, action, float(reward), after, terminated, truncated)
        frames = wrapped.reset()[0] if terminated or truncated else after
