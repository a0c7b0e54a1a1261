"""The errors that a user sees as one line, and the exit codes of every command.

An error of a more specific kind is defined beside the code that raises it, and derives from
`UserError`: `agent.command_line.run` prints its text and exits with code 2.
"""

USER_ERROR_EXIT_CODE = 2
INTERRUPTED_EXIT_CODE = 130


class UserError(Exception):
    """A mistake of the user or a fault of the input: the text says what is wrong and what to do."""


class ModelError(UserError):
    """A model that loads but computes values that are not finite."""
