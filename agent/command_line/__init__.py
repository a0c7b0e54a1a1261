"""The command line of every program: options of a dataclass, subcommands, ranges, output.

The names below are what a command needs. `ranges` has the ranges of its numbers, and `terminal` has
functions for what it prints.
"""

from agent.command_line.options import (
    Presets,
    described,
    make_parser,
    option,
    parse,
    peek,
)
from agent.command_line.running import run

__all__ = ["Presets", "described", "make_parser", "option", "parse", "peek", "run"]
