"""Aborghi's agent, third in the contest: `python -m baselines.aborghi`.

PPO with separable convolutions; going back costs no reward. In the contest it began with the
weights of joint training (`python -m baselines.pretrain aborghi`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from agent import command_line
from baselines.learning.ppo.options import PpoOptions, default, play


@dataclass(frozen=True)
class AborghiOptions(PpoOptions):
    """Play aborghi's PPO, which learns while it plays."""

    agent: ClassVar[str] = "aborghi"

    frame_size: int = default("frame_size", 96)
    minibatches: int = default("minibatches", 4)
    epochs: int = default("epochs", 4)
    learning_rate: float = default("learning_rate", 7.5e-5)
    allow_backtracking: bool = default("allow_backtracking", True)
    separable: bool = default("separable", True)


def main() -> None:
    """Play until the server ends the run."""
    play(AborghiOptions)


if __name__ == "__main__":
    command_line.run(main)
