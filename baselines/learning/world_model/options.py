"""Hyperparameters of the joint world model, and its command line. Nothing here needs torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from agent.command_line import option
from agent.command_line.ranges import COUNT, COUNT_OR_ZERO
from baselines.learning.options import PRETRAINED
from baselines.learning.ppo.options import PpoUpdateOptions, default


@dataclass(frozen=True)
class JointWorldModelOptions(PpoUpdateOptions):
    """Play PPO on the latents and the memory of a pretrained world model, which stays as it is.

    Scaled down for two cores without a GPU: frames of 64x64 pixels (source: 128x128), 128 latent
    dimensions (512), 512 LSTM units (1,024), and 32 filters in the first convolution (64).
    """

    agent: ClassVar[str] = "joint_world_model"

    weights: Path = option(
        "weights to begin with (.safetensors), or `pretrained` for those of the project",
        PRETRAINED,
    )
    learning_rate: float = default("learning_rate", 1e-4)
    entropy: float = default("entropy", 0.02)
    frame_size: int = option(
        "width and height of a frame in pixels (source: 128)", 64, within=(16, 128)
    )
    latent: int = option("latent dimensions of the VAE (source: 512)", 128, within=(1, 4096))
    filters: int = option(
        "filters of the VAE's first convolution (source: 64)", 32, within=(1, 1024)
    )
    hidden: int = option("units of the LSTM (source: 1,024)", 512, within=(1, 8192))
    mixtures: int = option("Gaussians per latent dimension", 5, within=(1, 100))
    inverse_units: int = option("units of the inverse model", 64, within=(1, 4096))
    curiosity: bool = option("reward steps from which a copy of the world model learns", False)
    curiosity_weight: float = option("weight of that reward", 0.01, within=(0.0, 1e6))
    boredom: float = option(
        "standard deviations above the mean at which that reward is 0", 1.0, within=(-100.0, 100.0)
    )
    world_model_rate: float = option(
        "learning rate of the world model, or of its copy", 4e-5, within=(0.0, 1.0)
    )
    sequence_steps: int = option(
        "timesteps of a sequence of the world model (source: 36)", 32, within=(1, 10**4)
    )
    sequences: int = option("sequences of an update of the world model", 16, within=(1, 10**4))


@dataclass(frozen=True)
class JointWorldModelTraining(JointWorldModelOptions):
    """Hyperparameters of pretraining.

    At first the world model learns from the frames of PPO's own play, as in the source; then it
    stays as it is, because PPO learns little while its inputs change.
    """

    world_model_rate: float = 3e-4
    world_model_steps: int = option(
        "timesteps in which the world model learns", 600_000, within=COUNT_OR_ZERO
    )
    passes: int = option("times that the world model sees a frame, on average", 2, within=COUNT)
    memory_steps: int = option(
        "latest timesteps from which the world model learns", 40_000, within=COUNT
    )
