"""Runs one agent in the arena, and measures its speed, its CPU time and its peak memory."""

from __future__ import annotations

import contextlib
import csv
import os
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from arena.environment.levels import Level
from arena.evaluation.supervisor import descendants
from benchmarks.process_memory import PeakMemory
from benchmarks.speed.play_runs import served

POLL_SECONDS = 0.05
HEAD_LINES = 1  # of log.csv
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class AgentRun:
    """Result of one run of an agent, without its first 1,000 timesteps.

    Attributes:
        steps_per_second: timesteps per second of time.
        steps_per_cpu_second: timesteps per second of CPU time of the agent, the server and the
            emulator together: the speed on one core that nothing else uses.
        peak_mib: peak memory of the agent's processes in MiB.
    """

    steps_per_second: float
    steps_per_cpu_second: float
    peak_mib: float


def measure_agent(
    command: Sequence[str], variables: Mapping[str, str], level: Level, steps: int, seed: int
) -> AgentRun:
    """Run an agent to the end of its budget.

    Args:
        command: command of a program that plays through the socket.
        variables: environment variables that it gets in addition.
        level: level that it plays.
        steps: timesteps of the budget, more than 2,000.
        seed: random seed of the sticky actions.

    Raises:
        UserError: the server did not start.
        CalledProcessError: the agent failed.
    """
    with tempfile.TemporaryDirectory(prefix="speed-") as text:
        folder = Path(text)
        log, stderr = folder / "log.csv", folder / "agent.txt"
        places = {"SOCKET_DIR": text, "OUTPUT_DIR": str(folder / "out")}
        with served(level, folder, steps, seed), stderr.open("w") as output:
            agent = subprocess.Popen(
                command,
                env={**os.environ, **places, **variables},
                stdout=subprocess.DEVNULL,
                stderr=output,
            )
            memory = PeakMemory(lambda: [agent.pid, *descendants(agent.pid)])
            with cpu_seconds_by_row(log) as cpu_seconds:
                code = agent.wait()
            memory.stop()
        if code:
            raise subprocess.CalledProcessError(code, command, stderr=stderr.read_text())
        with log.open() as file:
            rows = [(int(row["l"]), float(row["t"])) for row in csv.DictReader(file)]
    last = max(cpu_seconds)
    (first_steps, first_seconds), (last_steps, last_seconds) = rows[0], rows[last - 1]
    played = last_steps - first_steps
    return AgentRun(
        round(played / (last_seconds - first_seconds), 1),
        round(played / (cpu_seconds[last] - cpu_seconds[1]), 1),
        round(memory.mib, 1),
    )


@contextlib.contextmanager
def cpu_seconds_by_row(log: Path) -> Iterator[dict[int, float]]:
    """Measure the CPU time of this process's children during the block.

    Yields:
        Number of rows of a growing csv file -> CPU seconds of all child processes and their
        descendants when the file had that number of rows for the first time. A row that was not
        seen when it was written has the time of the next reading.
    """
    found: dict[int, float] = {}
    stop = threading.Event()

    def watch() -> None:
        ended = False
        while not ended:
            ended = stop.wait(POLL_SECONDS)
            with contextlib.suppress(OSError):
                rows = log.read_bytes().count(b"\n") - HEAD_LINES
                for row in range(len(found) + 1, rows + 1):
                    found[row] = sum(map(_cpu_seconds, descendants(os.getpid())))

    thread = threading.Thread(target=watch, name="cpu", daemon=True)
    thread.start()
    try:
        yield found
    finally:
        stop.set()
        thread.join()


def _cpu_seconds(pid: int) -> float:
    """Return the CPU seconds of a process and of its children that have ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:  # it has ended
        return 0.0
    return sum(map(int, fields[11:15])) / TICKS  # utime, stime, cutime, cstime
