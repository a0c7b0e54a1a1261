"""Reads the progress of a level from the files that the server writes for any agent."""

from __future__ import annotations

import time
from pathlib import Path

from arena.evaluation.score import read_monitor
from arena.server.monitor import LOG_FILE, MONITOR_FILE


class LevelProgress:
    """The progress of one level, read from its folder.

    Attributes:
        timesteps: timesteps used of the budget, according to the files.
        returns: returns of the episodes finished so far.
        changed: time.monotonic() of the last change of `timesteps`.
    """

    def __init__(self, folder: Path) -> None:
        self.timesteps = 0
        self.returns: list[float] = []
        self.changed = time.monotonic()
        self._folder = folder
        self._monitor_bytes = 0
        self._steps_finished = 0

    def update(self) -> None:
        """Read what the server has written since the last call."""
        monitor = self._folder / MONITOR_FILE
        size = _size(monitor)
        if size != self._monitor_bytes:  # a long run has thousands of rows: read them rarely
            self._monitor_bytes = size
            episodes = read_monitor(monitor)
            self.returns = [episode.episode_return for episode in episodes]
            self._steps_finished = sum(episode.length for episode in episodes)
        steps = max(_last_logged(self._folder / LOG_FILE), self._steps_finished)
        timesteps = steps + len(self.returns) + 1 if steps else 0  # each reset counts as one
        if timesteps != self.timesteps:
            self.changed = time.monotonic()
        self.timesteps = timesteps


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _last_logged(path: Path) -> int:
    """Steps played according to the last whole line of log.csv; there is a row per 1,000 steps."""
    try:
        lines = path.read_text(encoding="ascii").split("\n")[:-1]
    except FileNotFoundError:
        return 0
    return int(lines[-1].partition(",")[0]) if len(lines) > 1 else 0
