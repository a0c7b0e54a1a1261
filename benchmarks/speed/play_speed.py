"""Measures the agent's speed, and compares it with the emulator and the original 2018 agent.

    python -m benchmarks.speed.play_speed          measures
    python -m benchmarks.speed.play_speed --show   prints the tables and updates the documents

All programs play the same level through the same server, in turn, round after round, so that other
work on the machine slows all of them. Results are medians of the ratios within each round. The
server measures the emulator's share of a run's time. Speed does not depend on what a network has
learned, so the weights are random.
"""

from __future__ import annotations

import json
import os
import platform
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from agent import command_line
from agent.command_line import option
from agent.command_line.ranges import COUNT
from agent.errors import UserError
from agent.world_model.packed_model import PRESETS
from arena.environment.levels import Level, select_one
from benchmarks.measured import read_measured, show_measured, write_measured
from benchmarks.names import chosen
from benchmarks.speed.play_runs import measure, resident_memory, seconds_to_first_action
from benchmarks.speed.rounds import median_ratio, medians, ratio_text
from benchmarks.tables import markdown_table

TABLE = "play speed"  # its name in the documents
PROGRAMS = {
    "bare": "the emulator in process, no agent",
    "null": "an agent that does nothing, through the socket",
    "compact": "our agent, with the preset of the shipped model",
    "original2018": "our agent, with the sizes of the original 2018 agent",
    "eager": "torch in eager mode with `nn.LSTM`, like the original 2018 agent",
}
FEWEST_STEPS = 3000  # `eager` always plays this number of steps, which takes minutes
TARGETS = {
    "null / bare": 0.9,
    "original2018 / null": 0.5,
    "original2018 / eager": 4.0,
    "compact / null": 0.8,
}


@dataclass(frozen=True)
class Options:
    """Measure steps/s of the emulator, a null agent, our agent in both presets, and eager torch."""

    extra: ClassVar[str] = "train"

    level: str = option("level that all programs play", "airstriker")
    steps: int = option(
        "timesteps of each program in a round; the first 1,000 are warm-up", 10_000, within=COUNT
    )
    rounds: int = option("number of rounds; each runs every program once", 5, within=COUNT)
    memory_steps: int = option("timesteps of the run that measures memory", 200_000, within=COUNT)
    parts: str = option(
        "parts to measure, separated by commas; other parts of the file are kept",
        "speed,first_action,memory",
    )
    out: Path = option("file of the results", Path("results/play_speed.json"))
    show: bool = option(
        "measure nothing: print the results in --out and update the documents", False
    )


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, write the result, print it."""
    options = command_line.parse(Options, argv, prog="python -m benchmarks.speed.play_speed")
    result = read_measured(options.out)
    if options.show:
        if missing := MEASUREMENTS.keys() - result.keys():
            raise UserError(f"{options.out} has no {', '.join(sorted(missing))}: measure first")
        show_measured(options.out, TABLE, table)
        return
    if options.steps < FEWEST_STEPS or options.rounds < 1 or options.memory_steps < FEWEST_STEPS:
        raise UserError(
            f"--steps and --memory-steps must be {FEWEST_STEPS:,} or more, --rounds 1 or more"
        )
    from training.models.untrained import write_untrained  # --help does not need torch

    parts = chosen("parts", options.parts, MEASUREMENTS)
    level = select_one(options.level)
    with tempfile.TemporaryDirectory(prefix="speed-") as folder:
        models = {
            name: write_untrained(Path(folder) / name, spec) for name, spec in PRESETS.items()
        }
        for part in parts:
            result[part] = MEASUREMENTS[part](options, level, models)
            write_measured(options.out, result)
    print(json.dumps({part: result[part] for part in parts}, indent=2))


def speed(options: Options, level: Level, models: dict[str, Path]) -> dict[str, Any]:
    """Return the steps/s of all programs, round after round."""
    rounds: list[dict[str, float]] = []
    shares: list[dict[str, float]] = []
    for seed in range(1, options.rounds + 1):
        runs = {
            name: measure(name, level, steps_of(name, options), models, seed)
            for name in programs(seed)
        }
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
    """Return, by preset, an upper bound of the seconds until the agent's first action."""
    return {preset: seconds_to_first_action(level, model) for preset, model in models.items()}


def memory(options: Options, level: Level, models: dict[str, Path]) -> dict[str, dict[str, float]]:
    """Return, by preset, the resident memory during a long run, in MiB."""
    return {
        preset: resident_memory(level, model, options.memory_steps)
        for preset, model in models.items()
    }


MEASUREMENTS = {"speed": speed, "first_action": first_action, "memory": memory}


def table(result: Mapping[str, Any]) -> str:
    """Return the result as Markdown: the programs' speeds, and memory and start by preset."""
    found = result["speed"]
    rows = []
    for name, about in PROGRAMS.items():
        pairs = [pair for pair in found["targets"] if pair.startswith(f"{name} / ")]
        share = found["median_emulator_share"].get(name)
        rows.append(
            [
                f"`{name}`: {about}",
                f"{found['median_steps_per_second'][name]:.0f}",
                ", ".join(ratio_text(found, pair) for pair in pairs),
                ", ".join(f"{found['targets'][pair]:.1f}" for pair in pairs),
                f"{100 * share:.0f}%" if share else "",
            ]
        )
    rounds = len(found["steps_per_second"])
    head = ["program", f"steps/s (median of {rounds})", "median ratio (lowest to highest)"]
    return "\n\n".join(
        [
            markdown_table([*head, "target", "emulator's share of the time"], rows),
            _preset_table(result),
        ]
    )


def _preset_table(result: Mapping[str, Any]) -> str:
    timesteps = result["memory"]["compact"]["timesteps"]
    rows = [
        [
            f"`{preset}`",
            f"{result['first_action'][preset]} s",
            *(f"{memory[when]:.0f}" for when in ("at_a_tenth", "at_the_end", "peak")),
        ]
        for preset, memory in result["memory"].items()
    ]
    head = ["preset", "first action after", f"MiB after a tenth of {timesteps:,} timesteps"]
    return markdown_table([*head, "MiB at the end", "MiB at the peak"], rows)


def steps_of(name: str, options: Options) -> int:
    """Return the timesteps of a program in a round."""
    return FEWEST_STEPS if name == "eager" else options.steps


def programs(seed: int) -> list[str]:
    """Return the programs in an order that rotates from round to round."""
    names = list(PROGRAMS)
    return names[seed % 5 :] + names[: seed % 5]


if __name__ == "__main__":
    command_line.run(main)
