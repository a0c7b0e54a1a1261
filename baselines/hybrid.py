"""The JERK/PPO2 hybrid with a memory of frames, by gardenermike: `python -m baselines.hybrid`.

It needs pretrained weights of PPO2, which it does not change while it plays.
"""

from __future__ import annotations

from agent import command_line
from baselines.learning.hybrid.options import HybridOptions
from baselines.playing import play_level


def main() -> None:
    """Play until the server ends the run."""
    options = command_line.parse(HybridOptions, prog="python -m baselines.hybrid")
    from baselines.learning.hybrid.agent import (
        play_hybrid,  # loads torch, which --help does not need
    )

    play_level(options, lambda env: play_hybrid(options, env))


if __name__ == "__main__":
    command_line.run(main)
