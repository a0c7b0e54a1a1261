"""PPO as the contest's agents used it, on Stable-Baselines3: settings, networks, playing.

A settings object says in what an agent differs; `ppo2`, `aborghi` and the course's agents are such
objects. Sources of the values: OpenAI's retro-baselines, aborghi's agent (third place), and
the course's notebook; see `docs/baselines.md`.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from torch import nn

from agent.command_line import option
from agent.errors import UserError

LEARN_FOREVER = 10**12  # the server ends the run


@dataclass(frozen=True)
class PpoSettings:
    """Hyperparameters of PPO; each field says what it means.

    The defaults are those of OpenAI's PPO2 in the contest.
    """

    frame_size: int = option("width and height of a frame in pixels", 84, within=(36, 224))
    rollout_steps: int = option("timesteps between two updates", 4096, within=(8, 10**6))
    minibatches: int = option("minibatches of an update", 8, within=(1, 10**4))
    epochs: int = option("passes over the timesteps of an update", 3, within=(1, 1000))
    learning_rate: float = option("learning rate of Adam", 2e-4, within=(0.0, 1.0))
    discount: float = option("discount factor of rewards", 0.99, within=(0.0, 1.0))
    gae_lambda: float = option("lambda of the advantage estimates", 0.95, within=(0.0, 1.0))
    clip: float = option("clip range of the policy and of the value", 0.1, within=(1e-6, 100.0))
    entropy: float = option("weight of the entropy in the loss", 0.01, within=(0.0, 10.0))
    value: float = option("weight of the value in the loss", 0.5, within=(0.0, 10.0))
    max_gradient: float = option("largest norm of the gradient", 0.5, within=(1e-6, 1e6))
    allow_backtracking: bool = option("reward only progress beyond the farthest point", False)
    separable: bool = option("use aborghi's separable convolutions", False)


class SeparableCNN(BaseFeaturesExtractor):
    """Aborghi's network: three depthwise separable convolutions and 512 units."""

    def __init__(self, observation_space: gym.spaces.Box, features_dim: int = 512) -> None:
        """Build the network.

        Args:
            observation_space: frames, (channels, height, width).
            features_dim: number of features.
        """
        super().__init__(observation_space, features_dim)
        channels, height, width = observation_space.shape
        self.convolutions = nn.Sequential(
            *_separable(channels, 32, 8, 4),
            *_separable(32, 64, 4, 2),
            *_separable(64, 48, 3, 1),
            nn.Flatten(),
        )
        with torch.no_grad():
            n_inputs = self.convolutions(torch.zeros(1, channels, height, width)).shape[1]
        self.linear = nn.Sequential(nn.Linear(n_inputs, features_dim), nn.ReLU())

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        """Return the features, (batch, features_dim), of frames in 0-1."""
        features: torch.Tensor = self.linear(self.convolutions(observations))
        return features


def make_learner(settings: PpoSettings, env: Any, seed: int, **more: Any) -> PPO:
    """Make Stable-Baselines3's PPO with these settings.

    Args:
        settings: hyperparameters; `rollout_steps` counts the steps of all environments.
        env: wrapped environment, or a vector environment of Stable-Baselines3.
        seed: random seed of the weights and of the actions.
        more: further arguments of PPO, such as `tensorboard_log`.

    Raises:
        UserError: a rollout can't be divided among the environments or the minibatches.
    """
    n_envs = getattr(env, "num_envs", 1)
    for number, what in ((n_envs, "environments"), (settings.minibatches, "minibatches")):
        if settings.rollout_steps % number:
            raise UserError(
                f"rollout_steps is {settings.rollout_steps}, which is not a multiple of the"
                f" {number} {what}: give a multiple"
            )
    extractor = {"features_extractor_class": SeparableCNN} if settings.separable else {}
    return PPO(
        "CnnPolicy",
        env,
        learning_rate=settings.learning_rate,
        n_steps=settings.rollout_steps // n_envs,
        batch_size=settings.rollout_steps // settings.minibatches,
        n_epochs=settings.epochs,
        gamma=settings.discount,
        gae_lambda=settings.gae_lambda,
        clip_range=settings.clip,
        clip_range_vf=settings.clip,
        ent_coef=settings.entropy,
        vf_coef=settings.value,
        max_grad_norm=settings.max_gradient,
        policy_kwargs=extractor,
        seed=seed,
        device="cpu",
        **more,
    )


def play(learner: PPO, budget_steps: int) -> None:
    """Learn and play until the environment raises an exception, as the socket does at its limit."""
    if budget_steps < learner.n_steps:
        print(
            f"note: {budget_steps:,} timesteps are fewer than the {learner.n_steps:,} before the"
            " first update: the policy plays, but does not learn",
            file=sys.stderr,
        )
    torch.set_num_threads(1)  # more threads are slower for these small networks
    learner.learn(LEARN_FOREVER)


def _separable(inputs: int, outputs: int, size: int, stride: int) -> list[nn.Module]:
    depthwise = nn.Conv2d(inputs, inputs, size, stride, groups=inputs)
    return [depthwise, nn.Conv2d(inputs, outputs, 1), nn.ReLU()]
