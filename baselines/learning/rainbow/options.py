"""Hyperparameters of Rainbow, and its command line. Nothing here needs torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from agent.command_line import option
from agent.command_line.ranges import COUNT
from baselines.learning.options import LearningOptions


@dataclass(frozen=True)
class RainbowOptions(LearningOptions):
    """Play Rainbow, which learns while it plays; the defaults are OpenAI's, two scaled down.

    OpenAI updated the network after every timestep, and kept 500,000 timesteps in the replay.
    With --weights FILE.safetensors, the replay begins with the frames of FILE.npz.
    """

    agent: ClassVar[str] = "rainbow"

    frame_size: int = option("width and height of a frame in pixels", 84, within=(36, 224))
    learning_starts: int = option(
        "timesteps before the first update, without --weights", 20_000, within=COUNT
    )
    update_steps: int = option("timesteps per update (OpenAI: 1)", 4, within=COUNT)
    target_steps: int = option("timesteps per copy to the target network", 8192, within=COUNT)
    batch: int = option("transitions per update", 32, within=(1, 10**5))
    learning_rate: float = option("learning rate of Adam", 1e-4, within=(0.0, 1.0))
    adam_epsilon: float = option("epsilon of Adam", 1.5e-4, within=(0.0, 1.0))
    discount: float = option("discount factor of rewards", 0.99, within=(0.0, 1.0))
    n_steps: int = option("rewards that a target sums up", 3, within=(1, 1000))
    atoms: int = option("atoms of the distribution of returns", 51, within=(2, 10**4))
    value_limit: float = option("largest return of the distribution", 200.0, within=(1e-3, 1e9))
    noise: float = option("initial noise of the noisy layers", 0.5, within=(0.0, 100.0))
    capacity: int = option("timesteps in the replay (OpenAI: 500,000)", 350_000, within=COUNT)
    priority_exponent: float = option("exponent of the priorities", 0.5, within=(0.0, 1.0))
    priority_correction: float = option(
        "exponent of the weights that correct for the priorities", 0.4, within=(0.0, 1.0)
    )
    priority_minimum: float = option("number added to each priority", 0.1, within=(1e-9, 1e9))
