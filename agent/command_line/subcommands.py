"""Runs the subcommand that the first argument names, and lists all of them in --help.

Each subcommand has an options dataclass; the first line of its docstring is the line in --help.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent import command_line
from agent.command_line import option
from agent.command_line.parser import Paragraphs, Parser
from agent.errors import USER_ERROR_EXIT_CODE, UserError, nearest_names

SHELLS = ("bash", "zsh")


@dataclass(frozen=True)
class Command:
    """A subcommand.

    Attributes:
        options: its options dataclass.
        main: function that runs it with its options and returns the exit code.
        synonyms: other words for it, which are not accepted but lead to a suggestion.
    """

    options: type[Any]
    main: Callable[[Any], int]
    synonyms: tuple[str, ...] = ()


@dataclass(frozen=True)
class CompletionOptions:
    """Print the script that completes commands and options in a shell.

    Add to ~/.bashrc: eval "$(COMMAND completion bash)", where COMMAND is the installed command.
    """

    shell: str = option("name of the shell", positional=True, choices=SHELLS)


def choose(
    commands: Mapping[str, Command],
    description: str,
    *,
    prog: str | None = None,
) -> int:
    """Run the subcommand that this process's first argument names, and return its exit code.

    Without an argument, print the help and return exit code 2.

    Args:
        commands: the subcommands by name, in the order of --help.
        description: what the program does, for --help.
        prog: the program's name in messages; None: the name of the started file.

    Raises:
        UserError: there is no such subcommand, or its options are invalid.
    """
    prog = prog or Path(sys.argv[0]).name
    name, *rest = sys.argv[1:] or [""]
    if name in ("", "-h", "--help"):
        _tree(commands, description, prog).print_help()
        return 0 if name else USER_ERROR_EXIT_CODE
    if name not in commands:
        raise UserError(_unknown(name, commands, prog))
    command = commands[name]
    return command.main(command_line.parse(command.options, rest, prog=f"{prog} {name}"))


def completion(commands: Mapping[str, Command], shell: str) -> str:
    """Return the script that lets a shell complete this program's commands and options.

    Raises:
        UserError: the package shtab is not installed.
    """
    try:
        import shtab
    except ModuleNotFoundError:
        raise UserError(
            "this Python has no package shtab, which completion needs: pip install shtab"
        ) from None
    script: str = shtab.complete(_tree(commands, "", Path(sys.argv[0]).name), shell)
    return script


def _tree(commands: Mapping[str, Command], description: str, prog: str) -> Parser:
    parser = Parser(
        prog=prog,
        usage="%(prog)s COMMAND [options]",
        description=description,
        epilog=f"`{prog} COMMAND --help` lists the options of a command.",
        formatter_class=Paragraphs,
    )
    listed = parser.add_subparsers(title="commands")
    for name, command in commands.items():
        options = command_line.make_parser(command.options, prog=f"{prog} {name}", environment={})
        summary = inspect.cleandoc(command.options.__doc__ or "").splitlines()[0]
        help_line = summary.replace("%", "%%")
        listed.add_parser(name, help=help_line, parents=[options], conflict_handler="resolve")
    return parser


def _unknown(name: str, commands: Mapping[str, Command], prog: str) -> str:
    words = {word: real for real, command in commands.items() for word in command.synonyms}
    words |= {real: real for real in commands}
    near = list(dict.fromkeys(words[word] for word in nearest_names(name, words)))
    hint = f"did you mean {' or '.join(near)}?" if near else f"use {', '.join(commands)}"
    return f"{name!r} is not a command: {hint} (see {prog} --help)"
