"""The contest's monitor: `monitor.csv`, a row per episode, and `log.csv`, a row per 1,000 steps.

The contest's score is computed from them, so they are written as its own code wrote them. The row
of an episode is written at the *next* reset, so an episode that the budget's end cuts has no row.
"""

from __future__ import annotations

import csv
import os
import struct
import time
from pathlib import Path
from typing import TextIO

from agent.errors import UserError

MONITOR_FILE = "monitor.csv"
LOG_FILE = "log.csv"
STEPS_PER_LOG_ROW = 1000
_PROGRESS = struct.Struct("<2Q")  # timesteps, refusals


class MonitorError(UserError):
    """The monitor's files are not writable."""


class Monitor:
    """Counts an environment's episodes.

    Call `reset` before the environment's `reset`, and `step` after its `step`.

    Attributes:
        episodes: number of episodes that have a row, which are those that count for the score.
    """

    def __init__(self, folder: Path | None, progress_file: int | None = None) -> None:
        """Create the files, and replace older ones.

        Args:
            folder: folder of the files; None counts without files.
            progress_file: descriptor of a file that `read_progress` reads in another process; the
                caller closes it.

        Raises:
            MonitorError: the folder or the files are not writable.
        """
        self.episodes = 0
        self._return = 0.0
        self._length = 0
        self._total_length = 0
        self._progress = [0, 0]
        self._progress_file = progress_file
        self._started: float | None = None
        self._files: dict[str, TextIO] = {}
        if folder is None:
            return
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for name in (MONITOR_FILE, LOG_FILE):
                self._files[name] = (folder / name).open("w", newline="", encoding="ascii")
        except OSError as error:
            self.close()
            raise MonitorError(
                f"can't create monitor files in {folder}: {error.strerror}"
            ) from None
        self._row(MONITOR_FILE, "r", "l", "t")
        self._row(LOG_FILE, "l", "t")

    def reset(self) -> None:
        """Count the start of an episode, and write the row of the previous one."""
        if self._started is None:
            self._started = time.time()
        else:
            self.episodes += 1
            self._row(MONITOR_FILE, self._return, self._length, time.time() - self._started)
        self._return = 0.0
        self._length = 0
        self._count(0)

    def step(self, reward: float) -> None:
        """Count a step and its reward."""
        assert self._started is not None, "a step before the first reset"
        self._length += 1
        self._total_length += 1
        self._return += reward
        if self._total_length % STEPS_PER_LOG_ROW == 0:
            self._row(LOG_FILE, self._total_length, time.time() - self._started)
        self._count(0)

    def refusal(self) -> None:
        """Count a refused request."""
        self._count(1)

    @property
    def episode_return(self) -> float:
        """Sum of the rewards of the current episode, or of the one that has just ended."""
        return self._return

    def close(self) -> None:
        """Close the files. The current episode gets no row."""
        for file in self._files.values():
            file.close()
        self._files = {}

    def _count(self, index: int) -> None:
        self._progress[index] += 1
        if self._progress_file is not None:
            os.pwrite(self._progress_file, _PROGRESS.pack(*self._progress), 0)

    def _row(self, name: str, *values: float | str) -> None:
        if name not in self._files:
            return
        try:
            csv.writer(self._files[name]).writerow(values)
            self._files[name].flush()  # an evaluation reads the file while it grows
        except OSError as error:
            raise MonitorError(f"{self._files[name].name}: {error.strerror}") from None


def read_progress(progress_file: int) -> tuple[int, int]:
    """Return the timesteps and the refused requests that a server has counted so far."""
    data = os.pread(progress_file, _PROGRESS.size, 0)
    if len(data) < _PROGRESS.size:  # nothing has been counted
        return 0, 0
    timesteps, refusals = _PROGRESS.unpack(data)
    return timesteps, refusals
