"""Steps a second of the agent at play, beside the bare emulator and the seed's way of playing.

All play the same level through the same server, in turn, round after round: the machine's
noise falls on each alike, and what is quoted are medians of ratios within a round. Speed does
not depend on what a network has learnt, so the weights are random ones of the right shapes.
"""

from __future__ import annotations

import contextlib
import csv
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from agent import commandline
from agent.commandline import UserError, option
from agent.files import write_atomically
from agent.pretrained import PRESETS
from arena.levels import Level, select
from training.untrained import write_untrained

TARGETS = {
    "null / bare": 0.9,
    "seed / null": 0.5,
    "seed / eager": 4.0,
    "compact / null": 0.8,
}


@dataclass(frozen=True)
class Options:
    """Measure steps/s at play: bare emulator, null agent, ours in both presets, eager torch."""

    level: str = option("the level that all play", "airstriker")
    steps: int = option("timesteps a program and round; the first 1,000 are warm-up", 5000)
    rounds: int = option("rounds; each runs every program once", 5)
    memory_steps: int = option("timesteps of the memory run, 0 for none", 200_000)
    out: Path = option("where the JSON goes", Path("results/play_speed.json"))


def main() -> None:
    """Measure, write the JSON, print it."""
    options = commandline.parse(Options, prog="python -m benchmarks.play_speed")
    if options.steps < 3000 or options.rounds < 1:
        raise UserError("at least 3,000 steps and 1 round are needed to measure a speed")
    level = select(options.level)[0]
    with tempfile.TemporaryDirectory(prefix="speed-") as folder:
        models = {
            name: write_untrained(Path(folder) / name, spec) for name, spec in PRESETS.items()
        }
        rounds = [
            {name: measure(name, level, options.steps, models, seed) for name in programs(seed)}
            for seed in range(1, options.rounds + 1)
        ]
        result = {
            "level": level.name,
            "steps": options.steps,
            "machine": {"cpus": os.cpu_count(), "processor": platform.machine()},
            "steps_per_second": rounds,
            "median_steps_per_second": {
                name: statistics.median(one[name] for one in rounds) for name in rounds[0]
            },
            "median_ratios": {pair: median_ratio(rounds, pair) for pair in TARGETS},
            "targets": TARGETS,
            "agent": {
                preset: agent_figures(level, models[preset], options.memory_steps)
                for preset in models
            },
        }
    text = json.dumps(result, indent=2)
    write_atomically(options.out, text.encode() + b"\n")
    print(text)


def programs(seed: int) -> list[str]:
    """The five programs, in an order that turns with the round."""
    names = ["bare", "null", "compact", "seed", "eager"]
    return names[seed % 5 :] + names[: seed % 5]


def median_ratio(rounds: list[dict[str, float]], pair: str) -> float:
    """Median over the rounds of `a / b`."""
    above, below = pair.split(" / ")
    return statistics.median(one[above] / one[below] for one in rounds)


def measure(name: str, level: Level, steps: int, models: dict[str, Path], seed: int) -> float:
    """Steps/s of one program from the contest's own log.csv, its first 1,000 steps left out."""
    with tempfile.TemporaryDirectory(prefix="speed-") as text:
        folder = Path(text)
        if name == "bare":
            command = [sys.executable, "-m", "benchmarks.play_speed_agents", "bare"]
            command += ["--level", level.name, "--steps", str(steps), "--seed", str(seed)]
            subprocess.run([*command, "--monitor-dir", text], check=True)
        else:
            with served(level, folder, steps, seed):
                play(name, agent_environment(name, folder, models))
        with (folder / "log.csv").open() as file:
            rows = [(int(row["l"]), float(row["t"])) for row in csv.DictReader(file)]
    (first_steps, first_seconds), (last_steps, last_seconds) = rows[0], rows[-1]
    return round((last_steps - first_steps) / (last_seconds - first_seconds), 1)


def agent_command(name: str) -> list[str]:
    """The command of a program that plays through the socket."""
    if name in PRESETS:
        return [sys.executable, "-m", "agent"]
    return [sys.executable, "-m", "benchmarks.play_speed_agents", name]


def play(name: str, environment: dict[str, str]) -> None:
    """Run a program to the end of the server's budget."""
    command = agent_command(name)
    subprocess.run(command, env=environment, check=True, stderr=subprocess.DEVNULL)


def agent_environment(name: str, folder: Path, models: dict[str, Path]) -> dict[str, str]:
    """Environment variables that tell a program where to play and with which model."""
    environment = {**os.environ, "SOCKET_DIR": str(folder), "OUTPUT_DIR": str(folder / "out")}
    if name in models:
        environment["PRETRAINED"] = str(models[name])
    return environment


@contextlib.contextmanager
def served(level: Level, folder: Path, timesteps: int, seed: int) -> Iterator[None]:
    """A contest server in a process of its own, its socket and csv files in the folder."""
    command = [sys.executable, "-m", "arena", "serve", level.game, level.state]
    command += ["--socket-dir", str(folder), "--monitor-dir", str(folder)]
    command += ["--timestep-limit", str(timesteps), "--seed", str(seed)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        while not (folder / "sock").exists():
            if server.poll() is not None:
                raise UserError(f"the server ended with code {server.returncode}; see above")
            time.sleep(0.05)
        yield
        server.wait(timeout=60)
    finally:
        server.kill()
        server.wait()


def agent_figures(level: Level, model: Path, memory_steps: int) -> dict[str, object]:
    """Seconds from start to first action, and resident memory over a long run, in MiB."""
    figures: dict[str, object] = {"seconds_to_first_action_at_most": first_action(level, model)}
    if memory_steps:
        figures["resident_mib"] = resident_memory(level, model, memory_steps)
    return figures


def first_action(level: Level, model: Path) -> float:
    """Seconds of a whole run of one reset and one action: an upper bound, its exit included."""
    seconds = []
    for seed in range(1, 6):
        with tempfile.TemporaryDirectory(prefix="speed-") as text:
            folder = Path(text)
            environment = agent_environment("model", folder, {"model": model})
            with served(level, folder, 2, seed):
                started = time.perf_counter()
                play("compact", environment)
                seconds.append(time.perf_counter() - started)
    return round(statistics.median(seconds), 2)


def resident_memory(level: Level, model: Path, timesteps: int) -> dict[str, float]:
    """Resident memory of the agent at a tenth and at the end of a run, and its peak."""
    samples: list[float] = []
    with tempfile.TemporaryDirectory(prefix="speed-") as text:
        folder = Path(text)
        environment = agent_environment("model", folder, {"model": model})
        with served(level, folder, timesteps, 1):
            command = agent_command("compact")
            agent = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
            statm = Path(f"/proc/{agent.pid}/statm")
            while agent.poll() is None:
                with contextlib.suppress(OSError, IndexError):  # it may end while we look
                    pages = int(statm.read_text().split()[1])
                    samples.append(pages * resource.getpagesize() / 2**20)
                time.sleep(0.25)
    samples = [sample for sample in samples if sample > 0]
    tenth = samples[len(samples) // 10]
    return {
        "at_a_tenth": round(tenth, 1),
        "at_the_end": round(samples[-1], 1),
        "peak": round(max(samples), 1),
        "timesteps": timesteps,
    }


if __name__ == "__main__":
    commandline.run(main)
