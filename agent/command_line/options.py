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
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from agent.command_line.parser import AsTuple, Paragraphs, Parser
from agent.command_line.ranges import check_ranges
from agent.errors import UserError, nearest_names

Options = TypeVar("Options")
Presets = Mapping[str, Mapping[str, Any]]
# How shtab completes the path of a file, by shell.
FILES = {"bash": "_shtab_compgen_files", "zsh": "_files"}


def option(
    help: str,
    default: Any = dataclasses.MISSING,
    *,
    env: str | None = None,
    choices: Sequence[str] | None = None,
    positional: bool = False,
    group: str | None = None,
    within: tuple[float, float] | None = None,
) -> Any:
    """Declare one field of an options dataclass.

    Args:
        help: one line for --help, which begins with a noun or a verb. With the default None, text
            in brackets at its end says what None means: `number of workers [one per core]`.
        default: value if neither flag nor variable is given; without a default, the option is
            required.
        env: environment variable that sets the option; an empty variable counts as unset.
        choices: the accepted values.
        positional: the option is given by position, without a flag; the type `tuple[X, ...]` takes
            one value or more.
        group: heading that --help shows the option under.
        within: the lowest and the highest accepted number; every option of type int or float has a
            range.
    """
    metadata = {
        "help": help,
        "env": env,
        "choices": choices,
        "positional": positional,
        "group": group,
        "within": within,
    }
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
    defaults. A class attribute `extra` names the extra of the project that the command needs. The
    docstring of the class is the description in --help.

    Args:
        options_class: a dataclass whose fields are declared with `option`.
        argv: the arguments; None reads those of this process.
        prog: the program's name in messages.
        environment: the variables; None reads those of this process.
        defaults: field -> value of a settings file; replaces the defaults of the class.

    Raises:
        UserError: an unknown flag, a value of the wrong type or out of its range, a
            missing required option, or packages of the extra that are not installed.
    """
    argv = sys.argv[1:] if argv is None else argv
    extra: str | None = getattr(options_class, "extra", None)
    if extra is not None and not {"-h", "--help"} & set(argv):
        from agent.command_line.extras import check_extra  # slow, and the agent has no extra

        check_extra(extra)
    presets: Presets = getattr(options_class, "presets", {})
    defaults = {**(defaults or {}), **_chosen_preset(presets, argv)}
    parser = make_parser(options_class, prog=prog, environment=environment, defaults=defaults)
    values, unknown = parser.parse_known_args(argv)
    if unknown:
        near = nearest_names(unknown[0].partition("=")[0].strip("-"), parser.flags)
        hint = f": did you mean --{' or --'.join(near)}?" if near else ""
        parser.error(f"unrecognized arguments: {' '.join(unknown)}{hint}")
    given = vars(values)
    given.pop("preset", None)
    options = options_class(**given)
    check_ranges(options)
    return options


def make_parser(
    options_class: type[Any],
    *,
    prog: str | None = None,
    environment: Mapping[str, str] | None = None,
    defaults: Mapping[str, Any] | None = None,
) -> Parser:
    """Build the parser of an options dataclass; the arguments are those of `parse`.

    Raises:
        UserError: a variable has an invalid value.
    """
    environment = os.environ if environment is None else environment
    parser = Parser(
        prog=prog,
        usage=f"%(prog)s [options]{_required(options_class)}",
        description=options_class.__doc__,
        formatter_class=Paragraphs,
        allow_abbrev=False,
    )
    if presets := getattr(options_class, "presets", {}):
        parser.add_argument("--preset", choices=sorted(presets), help="named set of default values")
    hints = typing.get_type_hints(options_class)
    groups: dict[str, argparse._ArgumentGroup] = {}
    for field in dataclasses.fields(options_class):
        title = field.metadata["group"]
        if title is not None and title not in groups:
            groups[title] = parser.add_argument_group(title)
        place = parser if title is None else groups[title]
        _add(place, field, hints[field.name], defaults or {}, environment)
    return parser


def described(field: dataclasses.Field[Any], default: Any) -> tuple[str, str]:
    """Split the help of an option into its meaning and its default, which is "" if it has none.

    Args:
        field: the option.
        default: its value without flag and variable; dataclasses.MISSING if it is required.
    """
    meaning, shown = field.metadata["help"], ""
    if field.default is None:
        meaning, _, shown = meaning.removesuffix("]").partition(" [")
    if default is None:
        return meaning, shown
    if default is dataclasses.MISSING or default is False or default == "":
        default = ""
    elif default is True:
        default = "yes"
    return meaning, str(default)


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
    parser = Parser(add_help=False, allow_abbrev=False)
    (field,) = (field for field in dataclasses.fields(options_class) if field.name == name)
    _add(parser, field, typing.get_type_hints(options_class)[name], {}, environment)
    return getattr(parser.parse_known_args(argv)[0], name)


def _chosen_preset(presets: Presets, argv: Sequence[str]) -> Mapping[str, Any]:
    """Return the values of the preset that --preset names, before the other flags are read."""
    finder = Parser(add_help=False, allow_abbrev=False)
    finder.add_argument("--preset", choices=sorted(presets))
    chosen = finder.parse_known_args(argv)[0].preset if presets else None
    return presets[chosen] if chosen else {}


def _required(options_class: type[Any]) -> str:
    """Return the options that the usage names: those that are required, or given by position."""
    usage = ""
    for field in dataclasses.fields(options_class):
        is_required = field.default is dataclasses.MISSING
        if field.metadata["positional"]:
            usage += f" {field.name.upper()}" if is_required else f" [{field.name.upper()}]"
        elif is_required:
            usage += f" {_flag(field)} ..."
    return usage


def _flag(field: dataclasses.Field[Any]) -> str:
    return "--" + field.name.replace("_", "-")


def _add(
    parser: argparse._ActionsContainer,
    field: dataclasses.Field[Any],
    hint: Any,
    defaults: Mapping[str, Any],
    environment: Mapping[str, str],
) -> None:
    default = defaults.get(field.name, field.default)
    several = typing.get_origin(hint) is tuple
    value_type = _value_type(typing.get_args(hint)[0] if several else hint)
    variable, choices = field.metadata["env"], field.metadata["choices"]
    if variable and environment.get(variable):
        default = _from_text(variable, environment[variable], value_type, field)
    positional = field.metadata["positional"]
    assert positional or not several, f"{field.name}: only positional options take several values"
    arguments: dict[str, Any] = {}
    if value_type is bool:
        # A flag that is off by default needs one that turns it off only if a variable can set it.
        off = default is False and not variable
        arguments["action"] = "store_true" if off else argparse.BooleanOptionalAction
    else:
        metavar = field.name if positional else value_type.__name__
        arguments |= {"type": value_type, "choices": choices}
        arguments["metavar"] = None if choices else metavar.upper()
    if default is not dataclasses.MISSING:
        arguments["default"] = default
        arguments |= {"nargs": "?"} if positional else {}
    elif not positional:
        arguments["required"] = True
    if several:
        arguments |= {"nargs": "+", "action": AsTuple}
    action = parser.add_argument(field.name if positional else _flag(field), **arguments)
    action.help = _help(field, default)  # argparse would add (default: None) to a flag with --no-
    if value_type is Path:
        action.complete = FILES  # type: ignore[attr-defined]


def _help(field: dataclasses.Field[Any], default: Any) -> str:
    meaning, shown = described(field, default)
    notes = [f"default: {shown}"] if shown else []
    if field.metadata["env"]:
        notes.append(f"variable: {field.metadata['env']}")
    return (f"{meaning} ({'; '.join(notes)})" if notes else meaning).replace("%", "%%")


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
