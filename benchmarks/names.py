"""Reads options that name the agents, variants or parts to measure, and checks numbers."""

from __future__ import annotations

from collections.abc import Collection

from agent.errors import UserError


def chosen(flag: str, text: str, known: Collection[str]) -> list[str]:
    """Returns the names in `--flag text`, separated by commas, in the order of `known`.

    An empty text means all names.

    Raises:
        UserError: a name is unknown.
    """
    names = [part.strip() for part in text.split(",") if part.strip()] or list(known)
    for name in names:
        if name not in known:
            raise UserError(
                f"--{flag} has the unknown name {name!r}: choose from {', '.join(known)}"
            )
    return [name for name in known if name in names]


def check_positive(options: object, names: Collection[str]) -> None:
    """Refuse options that are 0 or less.

    Raises:
        UserError: an option is 0 or less; the message names it.
    """
    for name in names:
        number = getattr(options, name)
        if not number > 0:
            raise UserError(f"--{name.replace('_', '-')} is {number}: give a positive number")
