"""The live view of a run: a page on this machine that shows the current frames of each level.

A thread collects the levels' states while a page is open, and waits otherwise. It uses at most a
fixed small share of the CPUs: with a larger model or more levels, the page is updated less often.
The thread and the page's connections run at the lowest priority.
"""

from __future__ import annotations

import json
import os
import threading
import time
import webbrowser
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

from rich.console import Console

from agent.command_line.terminal import printable
from arena.evaluation.level_run import LevelRun
from arena.evaluation.score import level_score, mean_score
from arena.pages.live.server import LiveServer
from arena.pages.live.state import LevelObserver, finite
from arena.replay.decoded_views import DecodedViews

FRAME_SECONDS = 1 / 15  # the contest's agents act 15 times per second of game time
BUSY_SHARE = 0.015  # share of all cores together
WAKE_SECONDS = 1.0  # longest time between two messages; a message shows whether a page is gone
GOODBYE_SECONDS = 2.0  # time for open pages to receive the last state
REPORT_SECONDS = 10.0  # time for open pages to receive the last state and the report
LOWEST_PRIORITY = 19


class LiveView:
    """Serves the page; a context manager. `show` sets the levels."""

    def __init__(self, about: Mapping[str, Any], views: DecodedViews | None) -> None:
        """Bind a free port on 127.0.0.1.

        Args:
            about: JSON values for the page: `agent`, the agent's name, and `lock_in`, its
                lock-in threshold or None.
            views: decoder of the agent's model; None: the page shows the game's frames only.
        """
        self._about = dict(about)
        self._views = views
        self._observers: list[LevelObserver] = []
        self._began = time.monotonic()
        self._open_pages = 0
        self._number = 0  # of the last state
        self._state = b"{}"
        self._changed = threading.Condition()
        self._closing = self._ended = False
        self._report: Path | None = None
        self._reports_sent = 0
        self._server = LiveServer(self.states, self._send_report)
        self._thread = threading.Thread(target=self._observe, name="live view", daemon=True)

    @property
    def address(self) -> str:
        """The page's address; it contains a secret token."""
        return self._server.address

    @property
    def open_pages(self) -> int:
        """Number of pages that receive states at present."""
        return self._open_pages

    def show(self, runs: Sequence[LevelRun]) -> None:
        """Set the levels that the page shows."""
        self._observers = [LevelObserver(run, self._views) for run in runs]

    def offer_report(self, page: Path) -> None:
        """Let the open pages link to the run's report, which is sent to them at the end."""
        self._report = page

    def states(self) -> Generator[bytes]:
        """Yield states as JSON for one page: always the newest, whenever the page takes one.

        Empty bytes mean that nothing is new; sending them finds out whether the page is still
        connected. The last state has `ended` set.
        """
        with self._viewing():
            sent, ended = self._number, False
            while not ended:
                with self._changed:
                    if self._number == sent:
                        self._changed.wait(WAKE_SECONDS)
                    state = self._state if self._number > sent else b""
                    sent, ended = self._number, self._ended or not self._thread.is_alive()
                yield state

    def __enter__(self) -> LiveView:
        self._thread.start()
        self._server.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._changed:
            self._closing = True
            pages = self._open_pages
            self._changed.notify_all()
        self._thread.join()
        wanted = pages if self._report else 0
        deadline = time.monotonic() + (REPORT_SECONDS if wanted else GOODBYE_SECONDS)
        while self._open_pages or self._reports_sent < wanted:
            if time.monotonic() > deadline:
                break
            time.sleep(FRAME_SECONDS)
        self._server.stop()

    def _send_report(self) -> bytes | None:
        if self._report is None:
            return None
        try:
            return self._report.read_bytes()
        except OSError:
            return None
        finally:
            self._reports_sent += 1

    @contextmanager
    def _viewing(self) -> Iterator[None]:
        with self._changed:
            self._open_pages += 1
            self._changed.notify_all()
        try:
            yield
        finally:
            with self._changed:
                self._open_pages -= 1

    def _observe(self) -> None:
        lower_priority()
        share = BUSY_SHARE * len(os.sched_getaffinity(0))
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._open_pages > 0 or self._closing)
                closing = self._closing
            began, busy = time.monotonic(), time.thread_time()
            state = json.dumps(self._look(ended=closing)).encode()
            with self._changed:
                self._number += 1
                self._state, self._ended = state, closing
                self._changed.notify_all()
            if closing:
                return
            busy = time.thread_time() - busy
            pause = max(FRAME_SECONDS, busy / share) - (time.monotonic() - began)
            with self._changed:
                self._changed.wait_for(lambda: self._closing, max(pause, 0))

    def _look(self, *, ended: bool) -> dict[str, Any]:
        levels = [observer.look() for observer in self._observers]
        scores = [level_score(observer.run.returns) for observer in self._observers]
        return {
            **self._about,
            "ended": ended,
            "seconds": round(time.monotonic() - self._began, 1),
            "mean": finite(mean_score(scores)),
            "levels": levels,
            "report": self._report_state(),
        }

    def _report_state(self) -> dict[str, str] | None:
        if self._report is None:
            return None
        name = f"{self._report.absolute().parent.name}-{self._report.name}"
        return {"name": printable(name), "path": printable(str(self._report))}


def lower_priority() -> None:
    """Give this thread the lowest priority.

    On Linux each thread has its own priority, and the threads that it starts inherit it.
    """
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), LOWEST_PRIORITY)


def announce(console: Console, address: str, environment: Mapping[str, str]) -> None:
    """Print the page's address, and open it in a browser if there is a display."""
    console.print(f"watch   {address}", soft_wrap=True, highlight=False, markup=False)
    port = address.split(":")[2].partition("/")[0]
    if environment.get("SSH_CONNECTION"):
        console.print(
            f"        from another machine, first run: ssh -L {port}:127.0.0.1:{port} THIS-MACHINE",
            style="dim",
            soft_wrap=True,
            highlight=False,
            markup=False,
        )
    elif environment.get("DISPLAY") or environment.get("WAYLAND_DISPLAY"):
        threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()
