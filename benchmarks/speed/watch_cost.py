"""Measures the cost of the live view: runs without it, with it, and with an open page.

The same levels are played in turn, round after round, so that other work on the machine slows all
modes. Speed is read from the contest's log.csv, without its first 1,000 steps. Processor time is
more exact if other programs use the machine. It is measured for the process that serves the live
view, and for the whole run with its emulators and agents.
"""

from __future__ import annotations

import contextlib
import csv
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import threading
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from agent import command_line
from agent.command_line import option
from agent.command_line.ranges import COUNT, PROCESSES
from agent.errors import UserError
from arena.environment.levels import select
from arena.evaluation.run_folder import PROJECT_DIR
from benchmarks.live_page import find_address
from benchmarks.measured import write_measured

# The run without --watch, with --watch but no open page, and with an open page.
MODES = ("no_watch", "closed_page", "open_page")
TARGETS = {"closed_page / no_watch": 1.0, "open_page / no_watch": 0.95}


@dataclass(frozen=True)
class Options:
    """Measure steps/s of a run without --watch, with it, and with an open page."""

    levels: str = option(
        "levels or a level set; the first --workers levels are played", "pangolin-validation"
    )
    workers: int = option("number of levels, all played at once", 2, within=PROCESSES)
    steps: int = option("timesteps of each level; the first 1,000 are warm-up", 5000, within=COUNT)
    rounds: int = option("number of rounds; each plays every mode once", 3, within=COUNT)
    out: Path = option("file of the results", PROJECT_DIR / "results/watch_cost.json")


def main() -> None:
    """Measure, write the result, print it."""
    options = command_line.parse(Options, prog="python -m benchmarks.speed.watch_cost")
    if options.steps < 3000 or options.rounds < 1 or options.workers < 1:
        raise UserError("--steps must be 3,000 or more, --workers and --rounds 1 or more")
    rounds = []
    for number in range(options.rounds):
        modes = MODES[number % 3 :] + MODES[: number % 3]
        rounds.append({mode: measure(mode, options) for mode in modes})
        print(f"round {number + 1}: {rounds[-1]}", file=sys.stderr, flush=True)
    result = {
        "levels": chosen(options),
        "workers": options.workers,
        "steps": options.steps,
        "machine": {"cpus": os.cpu_count(), "processor": platform.machine()},
        "rounds": rounds,
        "median_ratios_of_speed": {
            pair: ratio(rounds, pair, "steps_per_second") for pair in TARGETS
        },
        "median_ratios_of_processor_time": {
            pair: ratio(rounds, pair, "processor_seconds") for pair in TARGETS
        },
        "median_share_of_watching": {
            mode: round(
                statistics.median(
                    (one[mode]["watching_seconds"] - one["no_watch"]["watching_seconds"])
                    / one["no_watch"]["processor_seconds"]
                    for one in rounds
                ),
                4,
            )
            for mode in MODES[1:]
        },
        "targets_of_speed": TARGETS,
    }
    write_measured(options.out, result)
    print(json.dumps(result, indent=2))


def chosen(options: Options) -> list[str]:
    """Return the names of the played levels, one for each worker."""
    levels = select(options.levels)[: options.workers]
    if len(levels) < options.workers:
        raise UserError(
            f"--levels {options.levels} has {len(levels)} levels: give {options.workers} or more,"
            " or fewer --workers"
        )
    return [level.name for level in levels]


def ratio(rounds: list[dict[str, dict[str, float]]], pair: str, name: str) -> float:
    """Return the median, over the rounds, of one mode's value divided by another mode's."""
    above, below = pair.split(" / ")
    return round(statistics.median(one[above][name] / one[below][name] for one in rounds), 4)


def measure(mode: str, options: Options) -> dict[str, float]:
    """Play once; return steps/s of all workers together, and processor seconds.

    `watching_seconds` are the processor seconds of the process that the user starts, which also
    draws the live view's pictures. Its start-up and its child processes are excluded.
    """
    with tempfile.TemporaryDirectory(prefix="watch-") as folder:
        out = Path(folder) / "run"
        command = [sys.executable, str(PROJECT_DIR / "local_eval.py"), "run", "--seed", "1"]
        command += ["--levels", ",".join(chosen(options)), "--workers", str(options.workers)]
        command += ["--budget-steps", str(options.steps), "--out", str(out)]
        if mode != "no_watch":
            command.append("--watch")
        environment = {**os.environ, "SSH_CONNECTION": "none"}  # so that it opens no browser
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, cwd=PROJECT_DIR, env=environment
        )
        assert process.stdout is not None
        with contextlib.ExitStack() as stack:
            reader: PageReader | None = None
            watching = stack.enter_context(processor_time_of(process.pid))
            for line in process.stdout:
                address = find_address(line)
                if mode == "open_page" and address and reader is None:
                    reader = stack.enter_context(reading(address))
            states = reader.states if reader else 0
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if status:
            raise UserError(f"the run ended with status {status}: see above")
        speed = sum(speed_of(path) for path in out.glob("levels/*/log.csv"))
    seconds = usage.ru_utime + usage.ru_stime
    figures = {
        "steps_per_second": round(speed, 1),
        "processor_seconds": round(seconds, 2),
        "watching_seconds": round(watching.last - watching.first, 2),
    }
    return {**figures, "states": states} if mode == "open_page" else figures


class ProcessorTime:
    """Processor seconds of a process without its children: after its start, and at its end."""

    def __init__(self) -> None:
        self.first = self.last = 0.0

    def follow(self, pid: int, ended: threading.Event) -> None:
        ticks = os.sysconf("SC_CLK_TCK")
        with contextlib.suppress(OSError, IndexError):  # the process has ended
            while not ended.wait(0.25):
                fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                self.last = (int(fields[11]) + int(fields[12])) / ticks
                if not self.first and Path(f"/proc/{pid}/task/{pid}/children").read_text():
                    self.first = self.last  # it has started its first level


@contextlib.contextmanager
def processor_time_of(pid: int) -> Iterator[ProcessorTime]:
    """Follow a process to its end."""
    time, ended = ProcessorTime(), threading.Event()
    thread = threading.Thread(target=time.follow, args=(pid, ended), daemon=True)
    thread.start()
    yield time
    ended.set()
    thread.join()


class PageReader:
    """Reads the states as an open page does, without a browser."""

    def __init__(self) -> None:
        self.states = 0

    def read(self, address: str) -> None:
        with (
            contextlib.suppress(OSError),
            urllib.request.urlopen(f"{address}events", timeout=60) as stream,
        ):
            for line in stream:
                self.states += line.startswith(b"data:")


@contextlib.contextmanager
def reading(address: str) -> Iterator[PageReader]:
    """Keep a page open until the end of the run."""
    reader = PageReader()
    thread = threading.Thread(target=reader.read, args=(address,), daemon=True)
    thread.start()
    yield reader
    thread.join(30)


def speed_of(path: Path) -> float:
    """Return the steps/s of a level without its first 1,000 steps."""
    with path.open() as file:
        rows = [(int(row["l"]), float(row["t"])) for row in csv.DictReader(file)]
    (first_steps, first_seconds), (last_steps, last_seconds) = rows[0], rows[-1]
    return (last_steps - first_steps) / (last_seconds - first_seconds)


if __name__ == "__main__":
    command_line.run(main)
