"""Hyperparameters of the JERK/PPO2 hybrid, and its command line. Nothing here needs torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from agent.command_line import option
from agent.command_line.ranges import COUNT
from baselines.learning.pretrained_options import pretrained_weights
from baselines.playing import PlayOptions


@dataclass(frozen=True)
class HybridOptions(PlayOptions):
    """Play JERK with mutation, whose runs to the right use a memory of frames or PPO2.

    In a run of 100 steps with the memory, each step takes the action of the highest return among
    those of the nearest frames.
    """

    extra: ClassVar[str] = "baselines"

    weights: Path = pretrained_weights()
    memory: float = option(
        "probability that a run to the right uses the memory", 0.5, within=(0.0, 1.0)
    )
    policy: float = option(
        "probability that any other run to the right uses PPO2; the rest are JERK's random jumps",
        0.5,
        within=(0.0, 1.0),
    )
    neighbours: int = option("nearest frames whose actions are compared", 100, within=(1, 10_000))
    memory_episodes: int = option("remembered episodes before the memory is used", 6, within=COUNT)
    kept: float = option(
        "share of the best return that an episode must reach to be remembered",
        0.6,
        within=(0.0, 1.0),
    )
