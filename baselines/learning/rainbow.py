"""Rainbow: noisy dueling networks that learn the distribution of returns, with double Q-learning.

Source: Hessel et al. 2018, "Rainbow: Combining Improvements in Deep Reinforcement Learning", and
OpenAI's baseline for the contest (Nichol et al. 2018, section 4).
"""

from __future__ import annotations

import copy
import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from agent.compatibility.gym_remote.client import RemoteEnv
from agent.errors import UserError
from baselines.learning.contest_wrappers import SONIC_ACTIONS, STACKED_FRAMES, wrap
from baselines.learning.rainbow_options import RainbowOptions
from baselines.learning.replay import Replay
from baselines.learning.socket_env import SocketEnv
from baselines.learning.weights import load_weights


class NoisyLinear(nn.Module):
    """A linear layer with factorised Gaussian noise on its weights (Fortunato et al. 2018)."""

    def __init__(self, inputs: int, outputs: int, noise: float) -> None:
        """Make a layer.

        Args:
            inputs: number of inputs.
            outputs: number of outputs.
            noise: initial scale of the noise, sigma0 of the paper.
        """
        super().__init__()
        bound, scale = 1 / math.sqrt(inputs), noise / math.sqrt(inputs)
        self.weight = nn.Parameter(torch.empty(outputs, inputs).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(outputs).uniform_(-bound, bound))
        self.weight_scale = nn.Parameter(torch.full((outputs, inputs), scale))
        self.bias_scale = nn.Parameter(torch.full((outputs,), scale))
        self.renew_noise()

    def renew_noise(self) -> None:
        """Draw new noise."""
        outputs, inputs = self.weight.shape
        self._input_noise, self._output_noise = _scaled(inputs), _scaled(outputs)

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """Return (batch, outputs)."""
        noise = self._output_noise[:, None] * self._input_noise[None, :]
        weight = self.weight + self.weight_scale * noise
        return functional.linear(values, weight, self.bias + self.bias_scale * self._output_noise)


class RainbowNetwork(nn.Module):
    """Computes the log probabilities of the return's atoms for each action from frames."""

    def __init__(self, frame_size: int, n_actions: int, atoms: int, noise: float) -> None:
        """Make a network.

        Args:
            frame_size: width and height of a frame.
            n_actions: number of actions.
            atoms: number of atoms.
            noise: initial scale of the noise.
        """
        super().__init__()
        self.convolutions = nn.Sequential(
            *(nn.Conv2d(STACKED_FRAMES, 32, 8, 4), nn.ReLU(), nn.Conv2d(32, 64, 4, 2), nn.ReLU()),
            *(nn.Conv2d(64, 64, 3, 1), nn.ReLU(), nn.Flatten()),
        )
        with torch.no_grad():
            frames = torch.zeros(1, STACKED_FRAMES, frame_size, frame_size)
            features = self.convolutions(frames).shape[1]
        self.value = nn.Sequential(
            NoisyLinear(features, 512, noise), nn.ReLU(), NoisyLinear(512, atoms, noise)
        )
        self.advantage = nn.Sequential(
            NoisyLinear(features, 512, noise), nn.ReLU(), NoisyLinear(512, n_actions * atoms, noise)
        )
        self._shape = (n_actions, atoms)

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        """Return log probabilities, (batch, actions, atoms), of uint8 frames (batch, 4, S, S)."""
        features = self.convolutions(frames.float() / 255)
        advantage = self.advantage(features).view(-1, *self._shape)
        value = self.value(features)[:, None]
        return torch.log_softmax(value + advantage - advantage.mean(1, keepdim=True), -1)

    def renew_noise(self) -> None:
        """Draw new noise for all noisy layers."""
        for module in self.modules():
            if isinstance(module, NoisyLinear):
                module.renew_noise()


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
            self.network.parameters(), options.learning_rate, eps=options.adam_epsilon
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

    @torch.no_grad()
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


def project(
    probabilities: torch.Tensor,
    returns: torch.Tensor,
    discounts: torch.Tensor,
    atoms: torch.Tensor,
) -> torch.Tensor:
    """Shift and shrink distributions of returns, and put them back on the atoms.

    Source: Bellemare et al. 2017, "A Distributional Perspective on Reinforcement Learning",
    algorithm 1.

    Args:
        probabilities: (B, A), the distribution of the value after n steps.
        returns: (B,), sum of the rewards.
        discounts: (B,), discount factors of the value.
        atoms: (A,), evenly spaced returns.

    Returns:
        (B, A) probabilities.
    """
    low, high, count = float(atoms[0]), float(atoms[-1]), len(atoms)
    moved = (returns[:, None] + discounts[:, None] * atoms).clamp(low, high)
    place = (moved - low) * (count - 1) / (high - low)
    below = place.floor().long().clamp(max=count - 2)
    share = place - below
    result = torch.zeros_like(probabilities)
    result.scatter_add_(1, below, probabilities * (1 - share))
    result.scatter_add_(1, below + 1, probabilities * share)
    return result


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


def _scaled(count: int) -> torch.Tensor:
    noise = torch.randn(count)
    return noise.sign() * noise.abs().sqrt()
