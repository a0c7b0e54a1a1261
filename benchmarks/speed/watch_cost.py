"""What the live view costs a run: nobody watching, a page that could be opened, a page that is.

The same levels are played in turn, round after round, so that the machine's noise falls on each
way alike. Speed is the contest's own log.csv, without its first 1,000 steps. Processor time says
more where the machine has other work too: that of the watching process by itself, and that of the
whole run, its emulators and agents included.
"""

from __future__ import annotations

import contextlib
import csv
import json
import os
import platform
import re
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
from agent.errors import UserError
from arena.environment.levels import select
from arena.evaluation.run_folder import PROJECT_DIR
from benchmarks.measured import write_measured

WAYS = ("plain", "unseen", "watched")
ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+/[\w-]+/")
TARGETS = {"unseen / plain": 1.0, "watched / plain": 0.95}


@dataclass(frozen=True)
class Options:
    """Measure steps/s of a run without --watch, with it, and with an open page."""

    levels: str = option("levels, the first of which are played", "pangolin-validation")
    workers: int = option("how many of them, all at once", 2)
    steps: int = option("timesteps a level; the first 1,000 are warm-up", 5000)
    rounds: int = option("rounds; each plays every way once", 3)
    out: Path = option("where the JSON goes", PROJECT_DIR / "results/watch_cost.json")


def main() -> None:
    """Measure, write the JSON, print it."""
    options = command_line.parse(Options, prog="python -m benchmarks.speed.watch_cost")
    if options.steps < 3000 or options.rounds < 1 or options.workers < 1:
        raise UserError("at least 3,000 steps, 1 worker and 1 round are needed")
    rounds = []
    for number in range(options.rounds):
        ways = WAYS[number % 3 :] + WAYS[: number % 3]
        rounds.append({way: measure(way, options) for way in ways})
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
            way: round(
                statistics.median(
                    (one[way]["watching_seconds"] - one["plain"]["watching_seconds"])
                    / one["plain"]["processor_seconds"]
                    for one in rounds
                ),
                4,
            )
            for way in WAYS[1:]
        },
        "targets_of_speed": TARGETS,
    }
    write_measured(options.out, result)
    print(json.dumps(result, indent=2))


def chosen(options: Options) -> list[str]:
    """As many of the levels as there are workers: all play from start to end."""
    levels = select(options.levels)[: options.workers]
    if len(levels) < options.workers:
        raise UserError(f"{options.levels} has {len(levels)} levels: give {options.workers}")
    return [level.name for level in levels]


def ratio(rounds: list[dict[str, dict[str, float]]], pair: str, name: str) -> float:
    """Median over the rounds of one way's figure by another's."""
    above, below = pair.split(" / ")
    return round(statistics.median(one[above][name] / one[below][name] for one in rounds), 4)


def measure(way: str, options: Options) -> dict[str, float]:
    """Play once; steps/s of all workers together, and processor seconds: of the run, of watching.

    `watching_seconds` are those of the process that the user starts, in which the pictures are
    made. Its start is not in them, nor what its children use.
    """
    with tempfile.TemporaryDirectory(prefix="watch-") as folder:
        out = Path(folder) / "run"
        command = [sys.executable, str(PROJECT_DIR / "local_eval.py"), "run", "--seed", "1"]
        command += ["--levels", ",".join(chosen(options)), "--workers", str(options.workers)]
        command += ["--budget-steps", str(options.steps), "--out", str(out)]
        if way != "plain":
            command.append("--watch")
        environment = {**os.environ, "SSH_CONNECTION": "none"}  # no browser of its own accord
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, cwd=PROJECT_DIR, env=environment
        )
        assert process.stdout is not None
        with contextlib.ExitStack() as stack:
            reader: Reader | None = None
            watching = stack.enter_context(processor_time_of(process.pid))
            for line in process.stdout:
                address = ADDRESS.search(line)
                if way == "watched" and address and reader is None:
                    reader = stack.enter_context(reading(address[0]))
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
    return {**figures, "states": states} if way == "watched" else figures


class ProcessorTime:
    """Seconds of a process by itself: after its start, and at the last look."""

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


class Reader:
    """An open page without a browser: takes the states as they come."""

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
def reading(address: str) -> Iterator[Reader]:
    """A page that is open to the end of the run."""
    reader = Reader()
    thread = threading.Thread(target=reader.read, args=(address,), daemon=True)
    thread.start()
    yield reader
    thread.join(30)


def speed_of(path: Path) -> float:
    """Steps/s of a level, its first 1,000 steps left out."""
    with path.open() as file:
        rows = [(int(row["l"]), float(row["t"])) for row in csv.DictReader(file)]
    (first_steps, first_seconds), (last_steps, last_seconds) = rows[0], rows[-1]
    return (last_steps - first_steps) / (last_seconds - first_seconds)


if __name__ == "__main__":
    command_line.run(main)
