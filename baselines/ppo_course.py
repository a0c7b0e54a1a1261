"""PPO of a course about the contest (torinrettig, 2018): `python -m baselines.ppo_course`.

The course trained one level with 13 environments of 2,048 steps each. The contest has one
environment, so an update has 2,048 timesteps here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from agent import command_line
from baselines.learning.ppo.options import PpoOptions, default, play


@dataclass(frozen=True)
class PpoCourseOptions(PpoOptions):
    """Play the course's PPO, scaled down from 13 environments to one."""

    agent: ClassVar[str] = "ppo_course"

    frame_size: int = default("frame_size", 96)
    rollout_steps: int = default("rollout_steps", 2048)
    epochs: int = default("epochs", 4)
    optimizer: str = default("optimizer", "rmsprop")
    allow_backtracking: bool = default("allow_backtracking", True)


def main() -> None:
    """Play until the server ends the run."""
    play(PpoCourseOptions)


if __name__ == "__main__":
    command_line.run(main)
