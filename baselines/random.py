"""Presses B, DOWN, LEFT and RIGHT at random: `python -m baselines.random`."""

from __future__ import annotations

from agent import command_line
from baselines.playing import PlayOptions, play_level
from baselines.simple_agents import play_policy, random_buttons


def main() -> None:
    """Play until the server ends the run."""
    options = command_line.parse(PlayOptions, prog="python -m baselines.random")
    play_level(options, lambda env: play_policy(random_buttons, env, options.seed))


if __name__ == "__main__":
    command_line.run(main)
