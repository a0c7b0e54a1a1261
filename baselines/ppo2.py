"""PPO2 of OpenAI's retro-baselines (Nichol et al. 2018): `python -m baselines.ppo2`.

With the weights of `python -m baselines.pretrain ppo2` it is joint PPO, the best learning agent
of that report.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from agent import command_line
from baselines.learning.ppo.options import PpoOptions, play


@dataclass(frozen=True)
class Ppo2Options(PpoOptions):
    """Play PPO2 of OpenAI's baselines, which learns while it plays."""

    agent: ClassVar[str] = "ppo2"


def main() -> None:
    """Play until the server ends the run."""
    play(Ppo2Options)


if __name__ == "__main__":
    command_line.run(main)
