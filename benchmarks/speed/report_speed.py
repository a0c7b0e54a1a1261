"""Measures the time for the pages of a long run: writing the report, tuning, opening the report.

    python -m benchmarks.speed.report_speed

It writes a synthetic run folder of 11 levels with 1,000,000 timesteps each, because a real run
takes a day. The files have realistic sizes, and the movies of two levels are real. Results are in
wall-clock time and in processor time, which is more exact if other programs use the machine.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from agent import command_line
from agent.command_line import option
from agent.command_line.ranges import COUNT
from agent.errors import UserError
from arena.environment.contest_env import ContestEnv
from arena.environment.levels import Level, select
from arena.evaluation.run_folder import PROJECT_DIR
from baselines.simple_agents import LEFT, RIGHT, B, press
from benchmarks.made_runs import THRESHOLD, MadeLevel, write_run
from benchmarks.measured import write_measured

LEVELS = "pangolin-validation"
LEAST_STEPS, MOST_STEPS = 60, 4500  # shortest and longest episode; 4500 is the contest's limit
USUAL_STEPS = 200
TURN_STEPS = 40  # the recorded player turns often, so it survives and the pictures change
SAMPLE_SECONDS = 0.1  # time between two samples of the memory
CHROMIUM = Path("/usr/bin/chromium")
TARGETS = {
    "report seconds": 60,
    "report peak MB": 1000,
    "tune seconds": 30,
    "open seconds": 1,
    "page MB": 15,
}


@dataclass(frozen=True)
class Options:
    """Measure the report and the tuner on a generated run of the contest's length."""

    extra: ClassVar[str] = "dev"

    steps: int = option("timesteps of each level", 1_000_000, within=COUNT)
    levels: int = option("number of levels, 1 to 11", 11, within=(1, 11))
    openings: int = option(
        "number of openings of the page; the result is the median", 5, within=COUNT
    )
    out: Path = option("file of the results", PROJECT_DIR / "results/report_speed.json")

    def __post_init__(self) -> None:
        """Refuse numbers that are too small or too large.

        Raises:
            UserError: names the limits.
        """
        if self.steps < 10 * MOST_STEPS or self.openings < 1 or not 1 <= self.levels <= 11:
            raise UserError(
                f"--steps must be {10 * MOST_STEPS:,} or more, --levels 1 to 11, and --openings 1"
                " or more"
            )


@dataclass
class Cost:
    """Time and memory of a command, its child processes included."""

    seconds: float = 0.0
    processor_seconds: float = 0.0
    peak_megabytes: float = 0.0  # peak of all its processes together; shared memory counts once


def main() -> None:
    """Write the synthetic run, measure, write the result, print it."""
    options = command_line.parse(Options, prog="python -m benchmarks.speed.report_speed")
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="report-speed-") as folder:
        run = Path(folder, "run")
        episodes = make_run(run, options)
        command = [sys.executable, str(PROJECT_DIR / "local_eval.py")]
        report = measure([*command, "report", str(run)])
        tune = measure([*command, "tune", str(run)])
        page = run / "report.html"
        opened = open_page(page, options.openings)
        result = {
            "levels": options.levels,
            "steps": options.steps,
            "episodes": episodes,
            "machine": {
                "cpus": len(os.sched_getaffinity(0)),
                "processor": platform.machine(),
                "load before": round(load, 2),
            },
            "report": asdict(report),
            "tune": asdict(tune),
            "open": opened,
            "page MB": round(page.stat().st_size / 1e6, 2),
            "targets at most": TARGETS,
        }
    write_measured(options.out, result)
    print(json.dumps(result, indent=2))


def make_run(folder: Path, options: Options) -> int:
    """Write the run folder; return its number of episodes.

    Every second level locks in after a tenth of its episodes. Two levels have real movies.
    """
    levels = select(LEVELS)[: options.levels]
    made = []
    for number, level in enumerate(levels):
        movies = {}
        if number < 2:
            recorded = record(level, folder.with_name(f"movies-{number}"))
            movies = dict.fromkeys(("best", "typical"), recorded)
        made.append(long_level(level, number, options.steps, movies))
    write_run(folder, made, budget_steps=options.steps, pretrained=PROJECT_DIR / "pretrained")
    return sum(len(level.returns) for level in made)


def long_level(level: Level, number: int, steps: int, movies: dict[str, bytes]) -> MadeLevel:
    """Return a level with episodes over the whole budget, of realistic lengths."""
    random = np.random.default_rng(number + 1)
    lengths = random.lognormal(np.log(USUAL_STEPS), 0.8, steps // LEAST_STEPS)
    lengths = lengths.clip(LEAST_STEPS, MOST_STEPS).astype(int)
    count = int(np.searchsorted(np.cumsum(lengths + 1), steps))
    returns = random.normal(900, 250, count).clip(50)
    locked_from = None
    if number % 2 == 0:
        locked_from = count // 10
        returns = np.minimum(returns, THRESHOLD)
        returns[locked_from - 1] = THRESHOLD + 500
        returns[locked_from:] = random.normal(1800, 300, count - locked_from)
    return MadeLevel(
        level.name,
        returns.tolist(),
        locked_from,
        lengths[:count].tolist(),
        scenario=level.scenario,
        integration=level.integration,
        movies=movies,
    )


def record(level: Level, folder: Path) -> bytes:
    """Return the movie of a player that runs right and left and jumps."""
    env = ContestEnv(level, seed=1, movies=folder)
    try:
        env.reset()
        for step in range(MOST_STEPS):
            direction = RIGHT if step // TURN_STEPS % 2 == 0 else LEFT
            buttons = press(direction, B) if step % 16 < 4 else press(direction)
            if env.step(buttons)[2]:
                break
    finally:
        env.close()
    (movie,) = folder.glob("*.bk2")
    return movie.read_bytes()


def measure(command: list[str]) -> Cost:
    """Run a command to its end.

    Raises:
        UserError: it failed.
    """
    cost = Cost()
    began = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    with watching_memory(process.pid, cost):
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise UserError(f"{' '.join(command)} ended with exit code {process.returncode}: see above")
    cost.seconds = round(time.monotonic() - began, 2)
    cost.processor_seconds = round(usage.ru_utime + usage.ru_stime, 2)
    return cost


@contextmanager
def watching_memory(pid: int, cost: Cost) -> Iterator[None]:
    """Measure the peak memory of a process and its children while the block runs."""
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(SAMPLE_SECONDS):
            used = sum(map(proportional_memory, family(pid))) / 1e6
            cost.peak_megabytes = max(cost.peak_megabytes, round(used, 1))

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def family(pid: int) -> list[int]:
    """Return the ids of a process and of all its descendants that still run."""
    found = [pid]
    for one in found:  # the list grows during the loop
        try:
            for task in Path(f"/proc/{one}/task").iterdir():
                found += map(int, (task / "children").read_text().split())
        except OSError:
            continue
    return found


def proportional_memory(pid: int) -> int:
    """Return the proportional set size of a process in bytes; 0 if it has ended."""
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0


def open_page(page: Path, openings: int) -> dict[str, Any]:
    """Open the page in Chromium; return the seconds to its load event with the first plots.

    Raises:
        UserError: Chromium is missing.
    """
    from playwright.sync_api import sync_playwright  # --help does not need it

    if not CHROMIUM.exists():
        raise UserError(f"there is no {CHROMIUM}: run `make chromium`")
    seconds, processor = [], []
    with sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=str(CHROMIUM), args=["--headless", "--no-sandbox", "--disable-gpu"]
        )
        for _ in range(openings + 1):  # the first one is warm-up
            context = browser.new_context(viewport={"width": 1440, "height": 900})
            opened = context.new_page()
            tools = context.new_cdp_session(opened)
            tools.send("Performance.enable")
            opened.goto(page.as_uri(), wait_until="load", timeout=600_000)
            seconds.append(opened.evaluate(_SECONDS_TO_LOAD))
            metrics = tools.send("Performance.getMetrics")["metrics"]
            processor.append(next(m["value"] for m in metrics if m["name"] == "ProcessTime"))
            context.close()
        browser.close()
    return {
        "seconds to the load event": round(float(np.median(seconds[1:])), 3),
        "each": [round(value, 3) for value in seconds[1:]],
        "processor seconds of the page": round(float(np.median(processor[1:])), 3),
        "first of a fresh browser": round(seconds[0], 3),
    }


_SECONDS_TO_LOAD = """() => {
  const timing = performance.getEntriesByType("navigation")[0];
  return (timing.loadEventEnd || performance.now()) / 1000;
}"""


if __name__ == "__main__":
    command_line.run(main)
