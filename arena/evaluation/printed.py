"""Prints lines and waits in the same way in a terminal, a log and a pipe.

A line is never wrapped, so that a path in it can be copied, and text from outside can't control
the terminal.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from agent.command_line.terminal import printable

SILENT_SECONDS = 3.0  # a shorter wait leaves no line in a log


def say(console: Console, *parts: str | tuple[str, str]) -> None:
    """Print one line.

    Args:
        console: where it is printed.
        parts: texts, each alone or with its style.
    """
    line = Text()
    for part in parts:
        text, style = (part, "") if isinstance(part, str) else part
        line.append(printable(text), style=style or None)
    console.print(line, soft_wrap=True)


@contextmanager
def waiting(what: str) -> Iterator[None]:
    """Show on stderr that the block takes time: with its seconds on a terminal, else as a line.

    Args:
        what: what is done, such as "writing the report".
    """
    console = Console(stderr=True)
    if console.is_terminal:
        columns = (SpinnerColumn(spinner_of(console)), TextColumn("{task.description}"))
        with Progress(*columns, TimeElapsedColumn(), console=console, transient=True) as progress:
            progress.add_task(what, total=None)
            yield
        return
    timer = threading.Timer(SILENT_SECONDS, say, (console, f"{what} ..."))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def spinner_of(console: Console) -> str:
    """Return the name of a spinner that the console's encoding has."""
    return "dots" if console.encoding.lower().startswith("utf") else "line"
