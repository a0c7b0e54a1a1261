"""PPO on the latents and the memory of a world model, on Stable-Baselines3: learner, playing."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import torch
from gymnasium.wrappers import ResizeObservation, TransformReward
from stable_baselines3 import PPO
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from stable_baselines3.common.vec_env import DummyVecEnv
from torch import nn

from agent.compatibility.gym_remote.client import RemoteEnv
from baselines.learning.contest_wrappers import SONIC_ACTIONS, DiscreteActions
from baselines.learning.ppo.learner import LEARN_FOREVER, learn, make_ppo, say_if_it_never_learns
from baselines.learning.socket_env import SocketEnv
from baselines.learning.weights import load_weights
from baselines.learning.world_model.curiosity import Curiosity
from baselines.learning.world_model.frame_memory import FrameMemory
from baselines.learning.world_model.latent_env import LatentVecEnv
from baselines.learning.world_model.networks import JointWorldModel
from baselines.learning.world_model.options import JointWorldModelOptions
from baselines.simple_agents import LEFT, RIGHT, B, press

# The source's: those of OpenAI's baselines, and no button, LEFT+B, RIGHT+B.
ACTIONS = np.stack([press(), *SONIC_ACTIONS, press(LEFT, B), press(RIGHT, B)])
REWARD_SCALE = 0.005
ADAM_EPSILON = 1e-6
UNITS = 64


class SharedLayers(BaseFeaturesExtractor):
    """The source's MLP of two layers, which policy and value share."""

    def __init__(self, observation_space: gym.spaces.Box) -> None:
        """Build the layers for observations [z, h]."""
        super().__init__(observation_space, UNITS)
        inputs = observation_space.shape[0]
        self.layers = nn.Sequential(
            nn.Linear(inputs, UNITS), nn.ReLU(), nn.Linear(UNITS, UNITS), nn.ReLU()
        )

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        """Return (batch, UNITS)."""
        features: torch.Tensor = self.layers(observations)
        return features


def wrap_frames(env: gym.Env[Any, Any], frame_size: int) -> gym.Env[Any, Any]:
    """Wrap an environment of the contest as the source did.

    Args:
        env: environment with RGB frames, the contest's buttons and the contest's reward.
        frame_size: width and height of the frames in pixels.

    Returns:
        An environment with 10 actions, whose observation is the frame, uint8 (S, S, 3).
    """
    env = TransformReward(DiscreteActions(env, ACTIONS), lambda r: float(r) * REWARD_SCALE)
    return ResizeObservation(env, (frame_size, frame_size))


def make_world_model(options: JointWorldModelOptions, seed: int) -> JointWorldModel:
    """Make a world model with random weights, which depend on the random seed."""
    torch.manual_seed(seed)
    return JointWorldModel(options, len(ACTIONS))


def make_latent_learner(
    options: JointWorldModelOptions, env: LatentVecEnv, seed: int, **more: Any
) -> PPO:
    """Make PPO that acts on [z, h]; see `make_ppo`."""
    policy = {
        "features_extractor_class": SharedLayers,
        "net_arch": [],
        "optimizer_kwargs": {"eps": ADAM_EPSILON},
    }
    return make_ppo("MlpPolicy", policy, options, env, seed, **more)


def networks(model: JointWorldModel, learner: PPO) -> nn.Module:
    """Return what the file of the weights contains."""
    return nn.ModuleDict({"world_model": model, "policy": learner.policy})


def play_joint_world_model(options: JointWorldModelOptions, env: RemoteEnv) -> None:
    """Learn and play on a connected level until it raises an exception, for example at a limit.

    Raises:
        UserError: the weights can't be used, or the game has other buttons.
    """
    torch.set_num_threads(1)  # more threads are slower for these small networks
    level = SocketEnv(env, env.observation_space.shape, env.action_space.n)
    wrapped = DummyVecEnv([lambda: wrap_frames(level, options.frame_size)])
    model = make_world_model(options, options.seed)
    steps = options.rollout_steps
    memory = (
        FrameMemory(steps + 1, 1, options.frame_size, options.hidden) if options.curiosity else None
    )
    learner = make_latent_learner(options, LatentVecEnv(wrapped, model, memory), options.seed)
    weights = options.weights_file()
    assert weights is not None
    load_weights(networks(model, learner), weights)
    model.requires_grad_(False)
    say_if_it_never_learns(options.budget_steps, steps)
    curiosity = [] if memory is None else [Curiosity(model, memory, options)]
    learn(learner, LEARN_FOREVER, *curiosity)
