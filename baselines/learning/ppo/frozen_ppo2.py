"""The pretrained network of PPO2 for agents that use its features and do not train it."""

from __future__ import annotations

from pathlib import Path

import gymnasium as gym
import numpy as np
import torch
from numpy.typing import NDArray
from stable_baselines3.common.policies import ActorCriticCnnPolicy

from baselines.learning.contest_wrappers import SONIC_ACTIONS, STACKED_FRAMES
from baselines.learning.pretrained_options import ppo2_weights
from baselines.learning.weights import load_weights

FRAME_SIZE = 84  # pixels
N_FEATURES = 512
N_ACTIONS = len(SONIC_ACTIONS)
N_PARAMETERS = (N_FEATURES + 1) * N_ACTIONS  # of the last layer


class FrozenPpo2:
    """Maps frames to 512 features, and features to an action.

    Attributes:
        policy: Stable-Baselines3's policy with the pretrained weights.
    """

    def __init__(self, weights: Path) -> None:
        """Load the network.

        Args:
            weights: file that `python -m baselines.pretrain ppo2` wrote, or `pretrained` for the
                one that comes with the project.

        Raises:
            UserError: the weights are missing or belong to another network.
        """
        torch.set_num_threads(1)  # more threads are slower for this small network
        frames = gym.spaces.Box(0, 255, (STACKED_FRAMES, FRAME_SIZE, FRAME_SIZE), np.uint8)
        self.policy = ActorCriticCnnPolicy(frames, gym.spaces.Discrete(N_ACTIONS), lambda _: 0.0)
        load_weights(self.policy, ppo2_weights(weights))
        self.policy.set_training_mode(False)

    @torch.inference_mode()
    def features(self, frames: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the features, (512,) float32, of the last frames, (4, 84, 84) uint8."""
        batch = torch.from_numpy(np.asarray(frames))[None]
        features = self.policy.extract_features(batch, self.policy.features_extractor)
        assert isinstance(features, torch.Tensor)  # policy and value share them
        return np.asarray(features[0].numpy())

    @property
    def last_layer(self) -> NDArray[np.float64]:
        """Weights and biases from the features to the actions, (3591,) float64; a copy."""
        layer = self.policy.action_net
        assert isinstance(layer, torch.nn.Linear)
        with torch.no_grad():
            parts = (layer.weight.reshape(-1), layer.bias)
            return torch.cat(parts).double().numpy()

    @last_layer.setter
    def last_layer(self, parameters: NDArray[np.float64]) -> None:
        layer = self.policy.action_net
        assert isinstance(layer, torch.nn.Linear)
        assert parameters.shape == (N_PARAMETERS,), parameters.shape
        values = torch.from_numpy(parameters)
        with torch.no_grad():
            layer.weight.copy_(values[:-N_ACTIONS].view(N_ACTIONS, N_FEATURES))
            layer.bias.copy_(values[-N_ACTIONS:])


def logits(parameters: NDArray[np.float64], features: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the logits of the actions, (7,).

    Args:
        parameters: (3591,), as `FrozenPpo2.last_layer`.
        features: (512,).
    """
    weight = parameters[:-N_ACTIONS].reshape(N_ACTIONS, N_FEATURES)
    return np.asarray(weight @ features + parameters[-N_ACTIONS:])
