"""Turns a frozen dataclass into flags and environment variables, and an error into one line.

Every command of the project is a dataclass whose fields are its options: name, type, default and
help are written in one place. The contest starts its container without flags, so a field may also
name an environment variable.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import sys
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from agent.errors import INTERRUPTED_EXIT_CODE, USER_ERROR_EXIT_CODE, UserError

Options = TypeVar("Options")
Presets = Mapping[str, Mapping[str, Any]]


def option(
    help: str,
    default: Any = dataclasses.MISSING,
    *,
    env: str | None = None,
    choices: Sequence[str] | None = None,
    positional: bool = False,
) -> Any:
    """Declare one field of an options dataclass.

    Args:
        help: one line for --help, which begins with a noun or a verb.
        default: value if neither flag nor variable is given; without a default, the option is
            required.
        env: environment variable that sets the option; an empty variable counts as unset.
        choices: the accepted values.
        positional: the option is given by position, without a flag; the type `tuple[X, ...]` takes
            one value or more.
    """
    metadata = {"help": help, "env": env, "choices": choices, "positional": positional}
    return dataclasses.field(default=default, metadata=metadata)


def parse(
    options_class: type[Options],
    argv: Sequence[str] | None = None,
    *,
    prog: str | None = None,
    environment: Mapping[str, str] | None = None,
    defaults: Mapping[str, Any] | None = None,
) -> Options:
    """Read an options dataclass from the command line and the environment; flags take precedence.

    A class attribute `presets` (name -> field -> value) adds `--preset`, whose values replace the
    defaults. The docstring of the class is the description in --help.

    Args:
        options_class: a dataclass whose fields are declared with `option`.
        argv: the arguments; None reads those of this process.
        prog: the program's name in messages.
        environment: the variables; None reads those of this process.
        defaults: field -> value of a settings file; replaces the defaults of the class.

    Raises:
        UserError: an unknown flag, a value of the wrong type, or a missing required option.
    """
    environment = os.environ if environment is None else environment
    argv = sys.argv[1:] if argv is None else argv
    presets: Presets = getattr(options_class, "presets", {})
    defaults = {**(defaults or {}), **_chosen_preset(presets, argv)}
    parser = _Parser(
        prog=prog,
        description=options_class.__doc__,
        allow_abbrev=False,
        formatter_class=_HelpFormatter,
    )
    if presets:
        parser.add_argument("--preset", choices=sorted(presets), help="named set of default values")
    hints = typing.get_type_hints(options_class)
    for field in dataclasses.fields(options_class):  # type: ignore[arg-type]
        _add(parser, field, hints[field.name], defaults, environment)
    values = vars(parser.parse_args(argv))
    values.pop("preset", None)
    return options_class(**values)


def peek(
    options_class: type[Any],
    name: str,
    argv: Sequence[str] | None = None,
    *,
    environment: Mapping[str, str] | None = None,
) -> Any:
    """Read a single option, whose value is needed before the others can be read.

    Raises:
        UserError: the value has the wrong type.
    """
    environment = os.environ if environment is None else environment
    parser = _Parser(add_help=False, allow_abbrev=False)
    (field,) = (field for field in dataclasses.fields(options_class) if field.name == name)
    _add(parser, field, typing.get_type_hints(options_class)[name], {}, environment)
    return getattr(parser.parse_known_args(argv)[0], name)


def run(main: Callable[[], int | None]) -> NoReturn:
    """Call a command and exit with its code; a `UserError` becomes one line and exit code 2."""
    try:
        code = main() or 0
    except UserError as error:
        print(f"error: {error}", file=sys.stderr, flush=True)
        code = USER_ERROR_EXIT_CODE
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr, flush=True)
        code = INTERRUPTED_EXIT_CODE
    except BrokenPipeError:  # the program that reads our output has ended (`| head`)
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    sys.exit(code)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message} (see {self.prog} --help)")


def _chosen_preset(presets: Presets, argv: Sequence[str]) -> Mapping[str, Any]:
    """Return the values of the preset that --preset names, before the other flags are read."""
    finder = _Parser(add_help=False, allow_abbrev=False)
    finder.add_argument("--preset", choices=sorted(presets))
    chosen = finder.parse_known_args(argv)[0].preset if presets else None
    return presets[chosen] if chosen else {}


def _add(
    parser: argparse.ArgumentParser,
    field: dataclasses.Field[Any],
    hint: Any,
    defaults: Mapping[str, Any],
    environment: Mapping[str, str],
) -> None:
    flag = field.name if field.metadata["positional"] else "--" + field.name.replace("_", "-")
    arguments: dict[str, Any] = {"help": field.metadata["help"].replace("%", "%%")}
    default = defaults.get(field.name, field.default)
    several = typing.get_origin(hint) is tuple
    value_type = _value_type(typing.get_args(hint)[0] if several else hint)
    variable = field.metadata["env"]
    if variable:
        arguments["help"] += f" [{variable}]"
        if environment.get(variable):
            default = _from_text(variable, environment[variable], value_type, field)
    if value_type is bool:
        arguments["action"] = argparse.BooleanOptionalAction
    else:
        arguments["type"] = value_type
        arguments["choices"] = field.metadata["choices"]
        if not field.metadata["positional"]:
            arguments["metavar"] = (
                None if field.metadata["choices"] else value_type.__name__.upper()
            )
    if default is dataclasses.MISSING:
        if not field.metadata["positional"]:
            arguments["required"] = True
    else:
        arguments["default"] = default
        if field.metadata["positional"]:
            arguments["nargs"] = "?"
        if default is not None:
            arguments["help"] += f" (default: {default})"
    if several:
        assert field.metadata["positional"], (
            f"{field.name}: only positional options take several values"
        )
        arguments |= {"nargs": "+", "action": _AsTuple}
    parser.add_argument(flag, **arguments)


class _HelpFormatter(argparse.HelpFormatter):
    """Keeps the line ends of a help text that lists values."""

    def _split_lines(self, text: str, width: int) -> list[str]:
        return [
            line
            for part in text.split("\n")
            for line in argparse.HelpFormatter._split_lines(self, part, width)
        ]


class _AsTuple(argparse.Action):
    """Stores several values as a tuple, so that the frozen dataclass stays hashable."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        setattr(namespace, self.dest, tuple(values))


def _value_type(hint: Any) -> type:
    """Return the type to convert to; `X | None` converts to X."""
    if typing.get_origin(hint) in (types.UnionType, typing.Union):
        hint = next(part for part in typing.get_args(hint) if part is not type(None))
    assert isinstance(hint, type), f"option of an unsupported type {hint}"
    assert hint in (str, int, float, bool, Path), f"option of an unsupported type {hint}"
    return hint


def _from_text(variable: str, text: str, value_type: type, field: dataclasses.Field[Any]) -> Any:
    if value_type is bool:
        words = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}
        if text.lower() not in words:
            raise UserError(f"{variable}={text!r} is not a boolean: use 1 or 0")
        return words[text.lower()]
    try:
        value = value_type(text)
    except ValueError:
        raise UserError(f"{variable}={text!r}: use a value of type {value_type.__name__}") from None
    if field.metadata["choices"] and value not in field.metadata["choices"]:
        choices = ", ".join(field.metadata["choices"])
        raise UserError(f"{variable}={text!r}: use one of {choices}")
    return value
