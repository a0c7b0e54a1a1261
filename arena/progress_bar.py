"""Progress of a training: a bar on a terminal, or a line every 30 seconds in a log."""

from __future__ import annotations

import time
from types import TracebackType

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

SECONDS_A_LINE = 30.0  # between two lines without a terminal


class ProgressBar:
    """Shows a count that grows to a total, on stderr."""

    def __init__(self, what: str, total: int, done: int = 0) -> None:
        """Start the display.

        Args:
            what: unit of the count, such as "steps".
            total: final count.
            done: initial count, from earlier runs; the speed excludes it.
        """
        self._console = Console(stderr=True)
        self._what, self._total = what, total
        self._first, self._began = done, time.monotonic()
        self._last_line = self._began
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[note]}"),
            TimeElapsedColumn(),
            TextColumn("[dim]left[/dim]"),
            TimeRemainingColumn(compact=True),
            console=self._console,
            speed_estimate_period=120.0,
            disable=not self._console.is_terminal,
        )
        self._task = self._progress.add_task(what, total=total, completed=done, note="")

    def update(self, done: int, note: str = "") -> None:
        """Show the new count and a short note, such as the loss."""
        self._progress.update(self._task, completed=done, note=note)
        now = time.monotonic()
        if self._console.is_terminal or now - self._last_line < SECONDS_A_LINE:
            return
        self._last_line = now
        speed = (done - self._first) / (now - self._began)
        left = f"{(self._total - done) / speed / 60:.1f} min left" if speed > 0 else ""
        shown = f"{speed:.1f}/s" if speed >= 1 else f"{60 * speed:.1f}/min"
        self._console.print(
            f"{self._what} {done}/{self._total} {note} {shown} {left}",
            highlight=False,
            soft_wrap=True,
        )

    def say(self, text: str) -> None:
        """Print a line above the bar."""
        self._progress.console.print(text, highlight=False, soft_wrap=True)

    def __enter__(self) -> ProgressBar:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.stop()
