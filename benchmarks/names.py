"""Names that an option lists: which of a benchmark's agents, variants or parts are measured."""

from __future__ import annotations

from collections.abc import Collection

from agent.errors import UserError


def chosen(flag: str, text: str, known: Collection[str]) -> list[str]:
    """The names that `--flag text` gives, separated by commas, in the order of `known`; "": all.

    Raises:
        UserError: an unknown one.
    """
    names = [part.strip() for part in text.split(",") if part.strip()] or list(known)
    for name in names:
        if name not in known:
            raise UserError(f"--{flag} has no {name!r}: give some of {', '.join(known)}")
    return [name for name in known if name in names]
