"""Rainbow, OpenAI's baseline for the contest: `python -m baselines.rainbow`.

Source: Nichol et al. 2018, "Gotta Learn Fast", section 4.
"""

from __future__ import annotations

from agent import command_line
from baselines.learning.rainbow.options import RainbowOptions
from baselines.playing import play_level


def main() -> None:
    """Play until the server ends the run."""
    options = command_line.parse(RainbowOptions, prog="python -m baselines.rainbow")
    from baselines.learning.rainbow.learner import (
        play_rainbow,  # loads torch, which --help does not need
    )

    play_level(options, lambda env: play_rainbow(options, env))


if __name__ == "__main__":
    command_line.run(main)
