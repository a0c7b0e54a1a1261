"""Steps a second of the agent at play, of the emulator alone, and of the original 2018 agent's way.

    python -m benchmarks.speed.play_speed          measures
    python -m benchmarks.speed.play_speed --show   prints the table, and puts it into the README

All play the same level through the same server, in turn, round after round: the machine's
noise falls on each alike, and what is quoted are medians of ratios within a round. The share of a
run's time in which the emulator computed is known without a comparison, and so without that noise.
Speed does not depend on what a network has learnt, so the weights are random ones of the right
shapes.
"""

from __future__ import annotations

import contextlib
import csv
import json
import os
import platform
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent import command_line
from agent.command_line import option
from agent.errors import UserError
from agent.world_model.packed_model import PRESETS
from arena.environment.levels import Level, select
from benchmarks.measured import read_measured, show_measured, write_measured
from benchmarks.names import chosen
from benchmarks.speed.rounds import median_ratio, medians, ratio_text
from training.models.untrained import write_untrained

TABLE = "play speed"  # its name in the README
PROGRAMS = {
    "bare": "the emulator in process, no agent",
    "null": "an agent that does nothing, through the socket",
    "compact": "ours, the preset that is shipped",
    "original2018": "ours, the sizes of the original 2018 agent",
    "eager": "the original 2018 agent's way of playing: torch, eager, `nn.LSTM`",
}
FEWEST_STEPS = 3000  # also what `eager` plays, which takes minutes for them
TARGETS = {
    "null / bare": 0.9,
    "original2018 / null": 0.5,
    "original2018 / eager": 4.0,
    "compact / null": 0.8,
}


@dataclass(frozen=True)
class Options:
    """Measure steps/s at play: bare emulator, null agent, ours in both presets, eager torch."""

    level: str = option("the level that all play", "airstriker")
    steps: int = option("timesteps a program and round; the first 1,000 are warm-up", 10_000)
    rounds: int = option("rounds; each runs every program once", 5)
    memory_steps: int = option("timesteps of the memory run", 200_000)
    parts: str = option(
        "what to measure, separated by commas; the rest stays", "speed,first_action,memory"
    )
    out: Path = option("where the JSON goes", Path("results/play_speed.json"))
    show: bool = option("measure nothing: print --out as Markdown, and into the README", False)


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, write the JSON, print it."""
    options = command_line.parse(Options, argv, prog="python -m benchmarks.speed.play_speed")
    result = read_measured(options.out)
    if options.show:
        if missing := MEASUREMENTS.keys() - result.keys():
            raise UserError(f"{options.out} lacks {', '.join(sorted(missing))}: measure first")
        show_measured(options.out, TABLE, table)
        return
    if options.steps < FEWEST_STEPS or options.rounds < 1 or options.memory_steps < FEWEST_STEPS:
        raise UserError(f"at least {FEWEST_STEPS:,} steps and 1 round are needed")
    parts = chosen("parts", options.parts, MEASUREMENTS)
    level = select(options.level)[0]
    with tempfile.TemporaryDirectory(prefix="speed-") as folder:
        models = {
            name: write_untrained(Path(folder) / name, spec) for name, spec in PRESETS.items()
        }
        for part in parts:
            result[part] = MEASUREMENTS[part](options, level, models)
            write_measured(options.out, result)
    print(json.dumps({part: result[part] for part in parts}, indent=2))


def speed(options: Options, level: Level, models: dict[str, Path]) -> dict[str, Any]:
    """Steps/s of all programs in turn, round after round."""
    rounds: list[dict[str, float]] = []
    shares: list[dict[str, float]] = []
    for seed in range(1, options.rounds + 1):
        runs = {name: measure(name, level, options.steps, models, seed) for name in programs(seed)}
        rounds.append({name: run.steps_per_second for name, run in runs.items()})
        shares.append(
            {name: run.emulator_share for name, run in runs.items() if run.emulator_share}
        )
    return {
        "level": level.name,
        "steps": options.steps,
        "machine": {"cpus": os.cpu_count(), "processor": platform.machine()},
        "steps_per_second": rounds,
        "emulator_share": shares,
        "median_steps_per_second": medians(rounds),
        "median_emulator_share": medians(shares),
        "median_ratios": {pair: median_ratio(rounds, pair) for pair in TARGETS},
        "targets": TARGETS,
    }


def first_action(options: Options, level: Level, models: dict[str, Path]) -> dict[str, float]:
    """Seconds from an agent's start to its first action at most, by preset."""
    return {preset: seconds_to_first_action(level, model) for preset, model in models.items()}


def memory(options: Options, level: Level, models: dict[str, Path]) -> dict[str, dict[str, float]]:
    """Resident memory over a long run in MiB, by preset."""
    return {
        preset: resident_memory(level, model, options.memory_steps)
        for preset, model in models.items()
    }


MEASUREMENTS = {"speed": speed, "first_action": first_action, "memory": memory}


def table(result: Mapping[str, Any]) -> str:
    """The result as Markdown."""
    found = result["speed"]
    rounds = len(found["steps_per_second"])
    lines = [
        f"| program | steps/s (median of {rounds}) | median ratio (lowest to highest) | asked"
        " | the emulator's share of the time |",
        "| --- " * 5 + "|",
    ]
    for name, words in PROGRAMS.items():
        pairs = [pair for pair in found["targets"] if pair.startswith(f"{name} / ")]
        ratios = ", ".join(ratio_text(found, pair) for pair in pairs)
        asked = ", ".join(f"{found['targets'][pair]:.1f}" for pair in pairs)
        of_program = found["median_steps_per_second"][name]
        share = found["median_emulator_share"].get(name)
        of_time = f"{100 * share:.0f}%" if share else ""
        lines.append(f"| `{name}`: {words} | {of_program:.0f} | {ratios} | {asked} | {of_time} |")
    timesteps = result["memory"]["compact"]["timesteps"]
    lines += ["", f"| ours | first action after | MiB at a tenth of {timesteps:,} timesteps |"]
    lines[-1] += " at their end | at the peak |"
    lines.append("| --- " * 5 + "|")
    for preset, of in result["memory"].items():
        figures = " | ".join(f"{of[when]:.0f}" for when in ("at_a_tenth", "at_the_end", "peak"))
        lines.append(f"| `{preset}` | {result['first_action'][preset]} s | {figures} |")
    return "\n".join(lines)


def programs(seed: int) -> list[str]:
    """The five programs, in an order that turns with the round."""
    names = list(PROGRAMS)
    return names[seed % 5 :] + names[: seed % 5]


@dataclass(frozen=True)
class Run:
    """What one program's run gave.

    Attributes:
        steps_per_second: from the contest's own log.csv, the first 1,000 steps left out.
        emulator_share: of the time from the agent's connection on, in which the emulator computed;
            None without a server to measure it.
    """

    steps_per_second: float
    emulator_share: float | None


def measure(name: str, level: Level, steps: int, models: dict[str, Path], seed: int) -> Run:
    """Run one program."""
    steps = FEWEST_STEPS if name == "eager" else steps
    with tempfile.TemporaryDirectory(prefix="speed-") as text:
        folder = Path(text)
        if name == "bare":
            command = [sys.executable, "-m", "benchmarks.speed.play_speed_agents", "bare"]
            command += ["--level", level.name, "--steps", str(steps), "--seed", str(seed)]
            subprocess.run([*command, "--monitor-dir", text], check=True)
            share = None
        else:
            with served(level, folder, steps, seed) as said:
                play(name, agent_environment(name, folder, models))
            share = emulator_share(said.read_text())
        with (folder / "log.csv").open() as file:
            rows = [(int(row["l"]), float(row["t"])) for row in csv.DictReader(file)]
    (first_steps, first_seconds), (last_steps, last_seconds) = rows[0], rows[-1]
    return Run(round((last_steps - first_steps) / (last_seconds - first_seconds), 1), share)


def emulator_share(said: str) -> float:
    """The emulator's share of a run's time, from the last line of its server."""
    seconds, emulator = re.findall(r"seconds=([\d.]+)", said.splitlines()[-1])
    return round(float(emulator) / float(seconds), 3)


def agent_command(name: str) -> list[str]:
    """The command of a program that plays through the socket."""
    if name in PRESETS:
        return [sys.executable, "-m", "agent"]
    return [sys.executable, "-m", "benchmarks.speed.play_speed_agents", name]


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
def served(level: Level, folder: Path, timesteps: int, seed: int) -> Iterator[Path]:
    """A contest server in a process of its own; yields the file with what it says on stderr.

    Its socket and csv files are in the folder too.
    """
    command = [sys.executable, "-m", "arena", "serve", level.game, level.state]
    command += ["--socket-dir", str(folder), "--monitor-dir", str(folder)]
    command += ["--timestep-limit", str(timesteps), "--seed", str(seed)]
    said = folder / "server.txt"
    with said.open("w") as file:
        server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=file)
    try:
        while not (folder / "sock").exists():
            if server.poll() is not None:
                raise UserError(
                    f"the server ended with code {server.returncode}: {said.read_text().strip()}"
                )
            time.sleep(0.05)
        yield said
        server.wait(timeout=60)
    finally:
        server.kill()
        server.wait()


def seconds_to_first_action(level: Level, model: Path) -> float:
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
    command_line.run(main)
