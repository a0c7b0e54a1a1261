"""Prints lines and waits in the same way in a terminal, a log and a pipe.

A line with a path is never wrapped, so that the path can be copied, and text from outside can't
control the terminal.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from agent.command_line.terminal import printable

SILENT_SECONDS = 3.0  # a shorter wait leaves no line in a log
WIDTH_OF_A_PIPE = 1000  # columns: more than any table needs


def output() -> Console:
    """Return a console on stdout; in a pipe or file it breaks no cell of a table.

    The variable COLUMNS sets another width.
    """
    console = Console()
    if console.is_terminal or os.environ.get("COLUMNS"):
        return console
    return Console(width=WIDTH_OF_A_PIPE)


def say(console: Console, *parts: str | tuple[str, str], prose: bool = False) -> None:
    """Print one line.

    Args:
        console: where it is printed.
        parts: texts, each alone or with its style.
        prose: wrap it between words; a line with a path is not wrapped.
    """
    line = Text()
    for part in parts:
        text, style = (part, "") if isinstance(part, str) else part
        line.append(printable(text), style=style or None)
    console.print(line, soft_wrap=not prose)


@contextmanager
def waiting(what: str) -> Iterator[Callable[[str], None]]:
    """Show on stderr what the block does: with the elapsed time on a terminal, else as lines.

    Args:
        what: what is done, such as "writing the report".

    Yields:
        A function that shows what is done from now on.
    """
    console = Console(stderr=True)
    if console.is_terminal:
        columns = (SpinnerColumn(spinner_of(console)), TextColumn("{task.description}"))
        with Progress(*columns, TimeElapsedColumn(), console=console, transient=True) as progress:
            task = progress.add_task(what, total=None)
            yield lambda now: progress.update(task, description=now)
        return
    timer = _line_later(console, what)

    def show(now: str) -> None:
        nonlocal timer
        timer.cancel()
        timer = _line_later(console, now)

    try:
        yield show
    finally:
        timer.cancel()


def _line_later(console: Console, what: str) -> threading.Timer:
    timer = threading.Timer(SILENT_SECONDS, say, (console, f"{what} ..."))
    timer.daemon = True
    timer.start()
    return timer


def spinner_of(console: Console) -> str:
    """Return the name of a spinner that the console's encoding has."""
    return "dots" if console.encoding.lower().startswith("utf") else "line"
