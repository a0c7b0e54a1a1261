"""Holds RIGHT: `python -m baselines.right`."""

from __future__ import annotations

from agent import command_line
from baselines.playing import PlayOptions, play_level
from baselines.simple_agents import hold_right, play_policy


def main() -> None:
    """Play until the server ends the run."""
    options = command_line.parse(PlayOptions, prog="python -m baselines.right")
    play_level(options, lambda env: play_policy(hold_right, env, options.seed))


if __name__ == "__main__":
    command_line.run(main)
