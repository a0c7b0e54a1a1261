"""Hyperparameters of the joint world model, and its command line. Nothing here needs torch."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from agent.command_line import option
from agent.command_line.ranges import COUNT, COUNT_OR_ZERO
from baselines.playing import PlayOptions


@dataclass(frozen=True)
class JointWorldModelOptions(PlayOptions):
    """Play PPO on the latents and the memory of a pretrained world model, which stays as it is.

    Scaled down: the source used frames of 128x128 pixels, 512 latent dimensions and 1,024 LSTM
    units, and trained on a GPU.
    """

    extra: ClassVar[str] = "baselines"

    weights: Path = option(
        "weights of the world model and of the policy (.safetensors)",
        Path("baselines/pretrained/joint_world_model.safetensors"),
    )
    frame_size: int = option("width and height of a frame in pixels (source: 128)", 64, within=(16, 128))
    latent: int = option("latent dimensions of the VAE (source: 512)", 128, within=(1, 4096))
    filters: int = option(
        "filters of the VAE's first convolution (source: 64)", 32, within=(1, 1024)
    )
    hidden: int = option("units of the LSTM (source: 1024)", 512, within=(1, 8192))
    mixtures: int = option("Gaussians per latent dimension", 5, within=(1, 100))
    inverse_units: int = option("units of the inverse model", 64, within=(1, 4096))
    rollout_steps: int = option("timesteps between two updates", 4096, within=(8, 10**6))
    minibatches: int = option("minibatches of an update", 8, within=(1, 10**4))
    epochs: int = option("passes over the timesteps of an update", 3, within=(1, 1000))
    learning_rate: float = option("learning rate of PPO", 1e-4, within=(0.0, 1.0))
    discount: float = option("discount factor of rewards", 0.99, within=(0.0, 1.0))
    gae_lambda: float = option("lambda of the advantage estimates", 0.95, within=(0.0, 1.0))
    clip: float = option("clip range of the policy and of the value", 0.1, within=(1e-6, 1e6))
    entropy: float = option("weight of the entropy in the loss", 0.02, within=(0.0, 10.0))
    value: float = option("weight of the value in the loss", 0.5, within=(0.0, 10.0))
    max_gradient: float = option("largest norm of the gradient", 0.5, within=(1e-6, 1e6))
    curiosity: bool = option("reward steps from which the world model learns", False)
    curiosity_weight: float = option("weight of that reward", 0.01, within=(0.0, 1e6))
    boredom: float = option(
        "standard deviations above the mean at which that reward is 0", 1.0, within=(-100.0, 100.0)
    )
    curiosity_rate: float = option(
        "learning rate of the copy of the world model that learns for curiosity", 4e-5, within=(0.0, 1.0)
    )
    sequence_steps: int = option(
        "timesteps of a sequence from which the world model learns (source: 36)", 32, within=(1, 10**4)
    )
    sequences: int = option("sequences of an update of the world model", 16, within=(1, 10**4))
