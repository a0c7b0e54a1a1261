"""The progress of a level, as its server counts and writes it for any agent."""

from __future__ import annotations

import time
from pathlib import Path

from arena.evaluation.score import read_monitor
from arena.server.monitor import MONITOR_FILE, read_progress


class LevelProgress:
    """The progress of one level.

    Attributes:
        timesteps: timesteps used of the budget.
        refusals: number of requests that the server has refused.
        returns: returns of the episodes finished so far.
        changed: time.monotonic() of the last change of `timesteps`.
    """

    def __init__(self, folder: Path, progress_file: int) -> None:
        """Observe a level.

        Args:
            folder: the level's folder in the run folder.
            progress_file: descriptor of the file in which the server counts.
        """
        self.timesteps = 0
        self.refusals = 0
        self.returns: list[float] = []
        self.changed = time.monotonic()
        self._monitor = folder / MONITOR_FILE
        self._progress_file = progress_file
        self._monitor_bytes = 0

    def update(self) -> None:
        """Read what the server has written since the last call.

        Raises:
            MonitorFileError: monitor.csv was altered.
        """
        timesteps, self.refusals = read_progress(self._progress_file)
        if timesteps != self.timesteps:
            self.changed = time.monotonic()
        self.timesteps = timesteps
        size = self._monitor.lstat().st_size if self._monitor.exists() else 0
        if size != self._monitor_bytes:  # a long run has thousands of rows: read them rarely
            self._monitor_bytes = size
            self.returns = [episode.episode_return for episode in read_monitor(self._monitor)]
