"""argparse as the project uses it: errors are a `UserError`, and paragraphs stay apart."""

from __future__ import annotations

import argparse
import inspect
import json
from typing import Any, NoReturn

from agent.errors import UserError


class Parser(argparse.ArgumentParser):
    """A parser whose errors are a `UserError`."""

    @property
    def flags(self) -> list[str]:
        """The flags that it knows, without their dashes."""
        return [flag[2:] for flag in self._option_string_actions if flag.startswith("--")]

    def error(self, message: str) -> NoReturn:
        """Raise the error that `run` prints."""
        raise UserError(f"{message} (see {self.prog} --help)")


def json_argument(description: str) -> dict[str, Any]:
    """Read the only argument of a process that this project starts: a JSON object.

    Args:
        description: text of --help, for people who start the process by hand.

    Raises:
        UserError: the argument is missing, or is not a JSON object.
    """
    raw = argparse.RawDescriptionHelpFormatter
    parser = Parser(description=description, formatter_class=raw)
    parser.add_argument("request", metavar="JSON", type=_json_object, help="what to do")
    request: dict[str, Any] = parser.parse_args().request
    return request


def _json_object(text: str) -> dict[str, Any]:
    try:
        values = json.loads(text)
    except (ValueError, RecursionError):
        values = None
    if not isinstance(values, dict):
        raise argparse.ArgumentTypeError(f"{text!r:.40} is not a JSON object")
    return values


class Paragraphs(argparse.HelpFormatter):
    """Keeps paragraphs and the lines of a list apart, and lists subcommands without a heading."""

    def _format_action(self, action: argparse.Action) -> str:
        if isinstance(action, argparse._SubParsersAction):
            listed = action._get_subactions()
            return "".join(super(Paragraphs, self)._format_action(entry) for entry in listed)
        return super()._format_action(action)

    def _split_lines(self, text: str, width: int) -> list[str]:
        split = super()._split_lines
        return [line for part in text.split("\n") for line in split(part, width)]

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        fill = super()._fill_text
        paragraphs = inspect.cleandoc(text).split("\n\n")
        return "\n\n".join(fill(paragraph, width, indent) for paragraph in paragraphs)


class AsTuple(argparse.Action):
    """Stores several values as a tuple, so that the frozen dataclass stays hashable."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        setattr(namespace, self.dest, tuple(values))
