"""Reads options that name the agents, variants or parts to measure."""

from __future__ import annotations

from collections.abc import Collection

from agent.errors import UserError


def chosen(flag: str, text: str, known: Collection[str]) -> list[str]:
    """Return the names in `--flag text`, separated by commas, each once, in the given order.

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
    return list(dict.fromkeys(names))
