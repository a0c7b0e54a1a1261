"""The live view of a run: a page on this machine with what each level looks like right now.

A thread looks at the levels while a page is open, and rests otherwise. It may take a fixed small
share of the machine, whatever the model and the number of levels cost: then the pictures come more
slowly. It and the page's connections run at the lowest priority besides.
"""

from __future__ import annotations

import json
import os
import threading
import time
import webbrowser
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any

from rich.console import Console

from arena.evaluation.level_run import LevelRun
from arena.evaluation.score import level_score, mean_score
from arena.pages.live.server import LiveServer
from arena.pages.live.state import Spectator, finite
from arena.replay.imagination import Imagination

FRAME_SECONDS = 1 / 15  # the contest's agents act 15 times in a second of the game
BUSY_SHARE = 0.015  # of all cores together
WAKE_SECONDS = 1.0  # an open page hears something at least so often, or is found to be gone
GOODBYE_SECONDS = 2.0  # for open pages to get the last state
LOWEST_PRIORITY = 19


class LiveView:
    """Serves the page; a context manager. `show` says which levels there are."""

    def __init__(self, about: Mapping[str, Any], imagination: Imagination | None) -> None:
        """Bind a free port on 127.0.0.1.

        Args:
            about: JSON values for the page: `agent`, its name, and `lock_in`, its threshold or
                None.
            imagination: of the agent's model; None: the page shows the frames alone.
        """
        self._about = dict(about)
        self._imagination = imagination
        self._spectators: list[Spectator] = []
        self._began = time.monotonic()
        self._viewers = 0
        self._number = 0  # of the last state
        self._state = b"{}"
        self._changed = threading.Condition()
        self._closing = self._ended = False
        self._server = LiveServer(self.states)
        self._thread = threading.Thread(target=self._look_on, name="live view", daemon=True)

    @property
    def address(self) -> str:
        """Where the page is: only who knows it can open it."""
        return self._server.address

    def show(self, runs: Sequence[LevelRun]) -> None:
        """Show these levels from now on."""
        self._spectators = [Spectator(run, self._imagination) for run in runs]

    def states(self) -> Generator[bytes]:
        """The states as JSON from now on, for one page: the newest whenever it can take one.

        A state may be empty bytes: there is nothing new, but the page's connection has to be
        tried. The last one has `ended` set.
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
            self._changed.notify_all()
        self._thread.join()
        deadline = time.monotonic() + GOODBYE_SECONDS
        while self._viewers and time.monotonic() < deadline:
            time.sleep(FRAME_SECONDS)
        self._server.stop()

    @contextmanager
    def _viewing(self) -> Iterator[None]:
        with self._changed:
            self._viewers += 1
            self._changed.notify_all()
        try:
            yield
        finally:
            with self._changed:
                self._viewers -= 1

    def _look_on(self) -> None:
        lower_priority()
        share = BUSY_SHARE * len(os.sched_getaffinity(0))
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._viewers > 0 or self._closing)
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
        levels = [spectator.look() for spectator in self._spectators]
        scores = [level_score(spectator.run.returns) for spectator in self._spectators]
        return {
            **self._about,
            "ended": ended,
            "seconds": round(time.monotonic() - self._began, 1),
            "mean": finite(mean_score(scores)),
            "levels": levels,
        }


def lower_priority() -> None:
    """Let this thread run only where the machine has nothing else to do.

    On Linux a priority is a thread's own; threads that it starts inherit it.
    """
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), LOWEST_PRIORITY)


def announce(console: Console, address: str, environment: Mapping[str, str]) -> None:
    """Print the address of the page, and open it where there is a display."""
    console.print(f"watch   {address}", soft_wrap=True, highlight=False, markup=False)
    port = address.split(":")[2].partition("/")[0]
    if environment.get("SSH_CONNECTION"):
        console.print(
            f"        from your own machine, after: ssh -L {port}:127.0.0.1:{port} THIS-MACHINE",
            style="dim",
            soft_wrap=True,
            highlight=False,
            markup=False,
        )
    elif environment.get("DISPLAY") or environment.get("WAYLAND_DISPLAY"):
        threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()
