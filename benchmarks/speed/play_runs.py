"""Runs the programs that play_speed compares, and measures their speed and memory."""

from __future__ import annotations

import contextlib
import csv
import os
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from agent.errors import UserError
from agent.world_model.packed_model import PRESETS
from arena.environment.levels import Level


@dataclass(frozen=True)
class ProgramRun:
    """Result of one run of a program.

    Attributes:
        steps_per_second: from the contest's log.csv, without the first 1,000 steps.
        emulator_share: share of the time since the agent's connection in which the emulator
            computed. The server measures it; None without a server.
    """

    steps_per_second: float
    emulator_share: float | None


def measure(name: str, level: Level, steps: int, models: dict[str, Path], seed: int) -> ProgramRun:
    """Run one program once."""
    with tempfile.TemporaryDirectory(prefix="speed-") as text:
        folder = Path(text)
        if name == "bare":
            command = [sys.executable, "-m", "benchmarks.speed.play_speed_agents", "bare"]
            command += ["--level", level.name, "--steps", str(steps), "--seed", str(seed)]
            subprocess.run([*command, "--monitor-dir", text], check=True)
            share = None
        else:
            with served(level, folder, steps, seed) as stderr:
                play(name, agent_environment(name, folder, models))
            share = emulator_share(stderr.read_text())
        with (folder / "log.csv").open() as file:
            rows = [(int(row["l"]), float(row["t"])) for row in csv.DictReader(file)]
    (first_steps, first_seconds), (last_steps, last_seconds) = rows[0], rows[-1]
    return ProgramRun(round((last_steps - first_steps) / (last_seconds - first_seconds), 1), share)


def emulator_share(stderr: str) -> float:
    """Return the emulator's share of a run's time, from the last line of its server."""
    seconds, emulator = re.findall(r"seconds=([\d.]+)", stderr.splitlines()[-1])
    return round(float(emulator) / float(seconds), 3)


def agent_command(name: str) -> list[str]:
    """Return the command of a program that plays through the socket."""
    if name in PRESETS:
        return [sys.executable, "-m", "agent"]
    return [sys.executable, "-m", "benchmarks.speed.play_speed_agents", name]


def play(name: str, environment: dict[str, str]) -> None:
    """Run a program to the end of the server's budget."""
    command = agent_command(name)
    subprocess.run(command, env=environment, check=True, stderr=subprocess.DEVNULL)


def agent_environment(name: str, folder: Path, models: dict[str, Path]) -> dict[str, str]:
    """Return a program's environment variables: its socket, its output folder and its model."""
    environment = {**os.environ, "SOCKET_DIR": str(folder), "OUTPUT_DIR": str(folder / "out")}
    if name in models:
        environment["PRETRAINED"] = str(models[name])
    return environment


@contextlib.contextmanager
def served(level: Level, folder: Path, timesteps: int, seed: int) -> Iterator[Path]:
    """Run a contest server in its own process; yield the file that receives its stderr.

    The server's socket and csv files are in the same folder.
    """
    command = [sys.executable, "-m", "arena", "serve", level.name]
    command += ["--socket-dir", str(folder), "--monitor-dir", str(folder)]
    command += ["--timestep-limit", str(timesteps), "--seed", str(seed)]
    stderr = folder / "server.txt"
    with stderr.open("w") as file:
        server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=file)
    try:
        while not (folder / "sock").exists():
            if server.poll() is not None:
                raise UserError(
                    f"the server ended with code {server.returncode}: {stderr.read_text().strip()}"
                )
            time.sleep(0.05)
        yield stderr
        server.wait(timeout=60)
    finally:
        server.kill()
        server.wait()


def seconds_to_first_action(level: Level, model: Path) -> float:
    """Return the seconds of a run with one reset and one action, as an upper bound."""
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
    """Return the agent's resident memory at a tenth and at the end of a run, and its peak."""
    samples: list[float] = []
    with tempfile.TemporaryDirectory(prefix="speed-") as text:
        folder = Path(text)
        environment = agent_environment("model", folder, {"model": model})
        with served(level, folder, timesteps, 1):
            command = agent_command("compact")
            agent = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
            statm = Path(f"/proc/{agent.pid}/statm")
            while agent.poll() is None:
                with contextlib.suppress(OSError, IndexError):  # it may end between the reads
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
