"""A2C of a course about the contest (torinrettig, 2018): `python -m baselines.a2c_course`.

What the course calls A2C is its PPO without clipping and without normalised advantages. In the
course's own log its policy lost all its entropy within ten updates.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from agent import command_line
from baselines.learning.ppo.options import default, play
from baselines.ppo_course import PpoCourseOptions

NO_CLIPPING = 1e6


@dataclass(frozen=True)
class A2cCourseOptions(PpoCourseOptions):
    """Play the course's A2C, scaled down from 13 environments to one."""

    agent: ClassVar[str] = "a2c_course"

    clip: float = default("clip", NO_CLIPPING)
    normalise_advantages: bool = default("normalise_advantages", False)


def main() -> None:
    """Play until the server ends the run."""
    play(A2cCourseOptions)


if __name__ == "__main__":
    command_line.run(main)
