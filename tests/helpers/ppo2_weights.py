"""Random weights of PPO2 as a file, for agents that need pretrained ones."""

from __future__ import annotations

from pathlib import Path

import gymnasium as gym
import numpy as np
import torch
from stable_baselines3.common.policies import ActorCriticCnnPolicy

from baselines.learning.weights import save_weights


def random_policy(seed: int = 1, frame_size: int = 84) -> ActorCriticCnnPolicy:
    torch.manual_seed(seed)
    frames = gym.spaces.Box(0, 255, (4, frame_size, frame_size), np.uint8)
    policy = ActorCriticCnnPolicy(frames, gym.spaces.Discrete(7), lambda _: 0.0)
    torch.nn.init.normal_(policy.action_net.bias)  # SB3's start at zero
    return policy


def write_random_weights(path: Path, seed: int = 1, frame_size: int = 84) -> Path:
    save_weights(random_policy(seed, frame_size), path)
    return path
