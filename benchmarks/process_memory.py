"""Measures the peak memory of processes, read from /proc ten times a second.

The kernel keeps the peak of each process, so a peak between two readings is not missed.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable
from pathlib import Path

SECONDS = 0.1  # between two readings
PEAK = re.compile(r"^VmHWM:\s+(\d+) kB$", re.MULTILINE)


class PeakMemory:
    """Measures processes in a thread.

    Attributes:
        mib: highest sum so far of the peaks of processes that lived at the same time, in MiB. A
            page that two processes share counts twice.
    """

    def __init__(self, processes: Callable[[], Iterable[int]]) -> None:
        """Start to measure.

        Args:
            processes: function that returns the ids of the processes that live at present.
        """
        self.mib = 0.0
        self._processes = processes
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="memory", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the measurement; `mib` keeps its value."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while True:
            self.mib = max(self.mib, sum(map(_peak, self._processes())))
            if self._stop.wait(SECONDS):
                return


def _peak(pid: int) -> float:
    try:
        found = PEAK.search(Path(f"/proc/{pid}/status").read_text())
    except OSError:  # it has ended
        return 0.0
    return int(found[1]) / 1024 if found else 0.0
