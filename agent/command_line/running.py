"""Runs a command, and turns an error that its user can correct into one line and an exit code."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable
from typing import NoReturn

from agent.command_line.terminal import degrade_output, printable
from agent.errors import INTERRUPTED_EXIT_CODE, USER_ERROR_EXIT_CODE, UserError

# Reasons why the system refuses a path that the user has given.
REFUSALS = {
    *(errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT),
    *(errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENAMETOOLONG, errno.ELOOP),
}


def run(main: Callable[[], int | None]) -> NoReturn:
    """Call a command and exit with its code.

    A `UserError`, or an `OSError` about a path (`REFUSALS`), prints one line; the exit code is 2.
    """
    degrade_output()
    try:
        code = main() or 0
    except UserError as error:
        code = _mistake(str(error))
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr, flush=True)
        code = INTERRUPTED_EXIT_CODE
    except BrokenPipeError:  # the program that reads our output has ended (`| head`)
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except OSError as error:
        if error.filename is None or error.errno not in REFUSALS:
            raise
        code = _mistake(f"{os.fsdecode(error.filename)}: {error.strerror}")
    sys.exit(code)


def _mistake(text: str) -> int:
    print(f"error: {printable(text)}", file=sys.stderr, flush=True)
    return USER_ERROR_EXIT_CODE
