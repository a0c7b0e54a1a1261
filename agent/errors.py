"""The errors that a user sees as one line, and the exit codes of every command.

More specific errors derive from `UserError` and are defined in the module that raises them.
`agent.command_line.run` prints the text of such an error and exits with code 2.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

USER_ERROR_EXIT_CODE = 2
INTERRUPTED_EXIT_CODE = 130


class UserError(Exception):
    """A mistake of the user or invalid input; the text says what is wrong and what to do."""


class ModelError(UserError):
    """The model was loaded, but it computes values that are not finite."""


def nearest_names(name: str, known: Iterable[str]) -> list[str]:
    """Return the known names that a misspelled name may stand for, the nearest first; at most 3.

    Upper and lower case count as equal.
    """
    lower = {candidate.lower(): candidate for candidate in known}
    return [lower[match] for match in difflib.get_close_matches(name.lower(), lower, 3, 0.6)]
