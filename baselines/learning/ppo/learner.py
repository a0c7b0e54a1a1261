"""PPO as agents of the contest used it, on Stable-Baselines3: networks, learner, playing."""

from __future__ import annotations

import math
import sys
from typing import Any

import gymnasium as gym
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from torch import nn
from torch.optim import RMSprop

from agent.compatibility.gym_remote.client import RemoteEnv
from agent.errors import UserError
from baselines.learning.contest_wrappers import wrap
from baselines.learning.ppo.options import PpoOptions, PpoUpdateOptions
from baselines.learning.socket_env import SocketEnv
from baselines.learning.weights import DivergedError, load_weights

LEARN_FOREVER = 10**12  # the server ends the run
RMSPROP_DECAY, EPSILON = 0.99, 1e-5  # as in OpenAI's A2C


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


def make_learner(options: PpoOptions, env: Any, seed: int, **more: Any) -> PPO:
    """Make PPO that acts on frames; see `make_ppo`."""
    policy: dict[str, Any] = {}
    if options.separable:
        policy["features_extractor_class"] = SeparableCNN
    if options.optimizer == "rmsprop":
        policy["optimizer_class"] = RMSprop
        policy["optimizer_kwargs"] = {"alpha": RMSPROP_DECAY, "eps": EPSILON}
    more["normalize_advantage"] = options.normalise_advantages
    return make_ppo("CnnPolicy", policy, options, env, seed, **more)


def make_ppo(
    policy: str,
    policy_options: dict[str, Any],
    options: PpoUpdateOptions,
    env: Any,
    seed: int,
    **more: Any,
) -> PPO:
    """Make Stable-Baselines3's PPO with any policy.

    Args:
        policy: Stable-Baselines3's name of the policy.
        policy_options: arguments of the policy.
        options: hyperparameters; `rollout_steps` counts the steps of all environments.
        env: environment, or a vector environment of Stable-Baselines3.
        seed: random seed of the weights and of the actions.
        more: further arguments of PPO, such as `tensorboard_log`.

    Raises:
        UserError: a rollout can't be divided among the environments or the minibatches.
    """
    n_envs = getattr(env, "num_envs", 1)
    for number, what in ((n_envs, "environments"), (options.minibatches, "minibatches")):
        if options.rollout_steps % number:
            raise UserError(
                f"rollout_steps is {options.rollout_steps}, which is not a multiple of the"
                f" {number} {what}: give a multiple"
            )
    return PPO(
        policy,
        env,
        learning_rate=options.learning_rate,
        n_steps=options.rollout_steps // n_envs,
        batch_size=options.rollout_steps // options.minibatches,
        n_epochs=options.epochs,
        gamma=options.discount,
        gae_lambda=options.gae_lambda,
        clip_range=options.clip,
        clip_range_vf=options.clip,
        ent_coef=options.entropy,
        vf_coef=options.value,
        max_grad_norm=options.max_gradient,
        policy_kwargs=policy_options,
        seed=seed,
        device="cpu",
        **more,
    )


def say_if_it_never_learns(budget_steps: int, rollout_steps: int) -> None:
    """Print a note if the budget ends before the first update."""
    if budget_steps < rollout_steps:
        print(
            f"note: {budget_steps:,} timesteps are fewer than the {rollout_steps:,}"
            " before the first update: the policy plays, but does not learn",
            file=sys.stderr,
        )


def play_ppo(options: PpoOptions, env: RemoteEnv) -> None:
    """Learn and play on a connected level until it raises an exception, for example at a limit.

    Raises:
        UserError: the weights can't be used, or the game has other buttons.
    """
    torch.set_num_threads(1)  # more threads are slower for these small networks
    level = SocketEnv(env, env.observation_space.shape, env.action_space.n)
    wrapped = wrap(
        level, frame_size=options.frame_size, allow_backtracking=options.allow_backtracking
    )
    learner = make_learner(options, wrapped, options.seed)
    weights = options.weights_file()
    if weights is not None:
        load_weights(learner.policy, weights)
    say_if_it_never_learns(options.budget_steps, options.rollout_steps)
    learn(learner, LEARN_FOREVER)


class FiniteLoss(BaseCallback):
    """Stops the training before the next rollout if the last loss is not finite."""

    def _on_step(self) -> bool:
        return True

    def _on_rollout_start(self) -> None:
        if not math.isfinite(self.logger.name_to_value.get("train/loss", 0.0)):
            raise DivergedError(self.num_timesteps)


def learn(learner: PPO, steps: int, *callbacks: BaseCallback, **more: Any) -> None:
    """Call Stable-Baselines3's `learn`.

    Args:
        learner: the learner.
        steps: number of timesteps.
        callbacks: callbacks of the training.
        more: further arguments of `PPO.learn`.

    Raises:
        DivergedError: the loss or the policy is no longer finite.
    """
    try:
        learner.learn(steps, [FiniteLoss(), *callbacks], **more)
    except ValueError as error:
        if "invalid values" in str(error):  # torch refuses a distribution with NaN
            raise DivergedError(learner.num_timesteps) from None
        raise


def _separable(inputs: int, outputs: int, size: int, stride: int) -> list[nn.Module]:
    depthwise = nn.Conv2d(inputs, inputs, size, stride, groups=inputs)
    return [depthwise, nn.Conv2d(inputs, outputs, 1), nn.ReLU()]
