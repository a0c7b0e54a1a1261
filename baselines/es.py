"""Evolution strategies on the last layer of PPO2, by gardenermike: `python -m baselines.es`.

It evolves on the level that it plays; `python -m baselines.evolve` evolves on many levels at once.
"""

from __future__ import annotations

from agent import command_line
from baselines.learning.evolution.options import EsOptions
from baselines.playing import play_level


def main() -> None:
    """Play until the server ends the run."""
    options = command_line.parse(EsOptions, prog="python -m baselines.es")
    from baselines.learning.evolution.agent import (
        play_es,  # loads torch, which --help does not need
    )

    play_level(options, lambda env: play_es(options, env))


if __name__ == "__main__":
    command_line.run(main)
