"""Measures the speed and memory of training: of collecting, V, M and evolution.

    python -m benchmarks.speed.training_speed          measures, about five minutes on two cores
    python -m benchmarks.speed.training_speed --show   prints the tables and updates the documents

Collecting and evolving are compared with the bare emulator, which plays the same episodes, in turn,
round after round, so that other work on the machine slows all of them. Results are medians of the
ratios within each round. The networks have random weights, because speed does not depend on what
was learned. V and M are measured on the CPU, and on a CUDA device if there is one.
"""

from __future__ import annotations

import functools
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from agent import command_line
from agent.buttons import ACTION_BUTTONS, to_genesis
from agent.command_line import option
from agent.command_line.ranges import COUNT, PROCESSES, SECONDS
from agent.world_model.controller import n_parameters
from agent.world_model.packed_model import PRESETS, ModelSpec
from arena.environment.availability import check_available
from arena.environment.contest_env import ContestEnv
from arena.environment.levels import Level, select_one
from arena.workers.pool import Pool
from benchmarks.measured import show_measured, write_measured
from benchmarks.speed.rounds import median_ratio, medians, ratio_text
from benchmarks.speed.training_memory import (
    WARM_GENERATIONS,
    cma_memory,
    memory_over_generations,
)
from benchmarks.tables import markdown_table
from training.data.dataset import create_dataset
from training.experts.collector import Collector, EpisodeToCollect
from training.experts.policies import HELD_STEPS, HeldButtons, no_expert
from training.runs.stages import SPEC
from training.search import rollouts

# The worker processes import this module too, and they need no torch.

TABLE = "training speed"  # its name in the documents
PLAYERS = {
    "collect": "`collect`, one worker",
    "evolve": "`evolve` with `compact`, one worker",
    "evolve, 2 workers": "`evolve` with `compact`, two workers",
}
TARGETS = {
    "collect / bare": 0.8,
    "evolve / bare idle": 0.7,
    "evolve, 2 workers / evolve": 1.8,
}
CMA_MOST_MIB = 200.0

EpisodeTask = tuple[int, Level, int]  # number, level, seed


@dataclass(frozen=True)
class Options:
    """Measure speed and memory of the training stages."""

    extra: ClassVar[str] = "train"

    level: str = option("level that is played", "PangolinDash-Genesis:MeadowZone.Act1")
    steps: int = option("agent steps of an episode", 400, within=COUNT)
    episodes: int = option("episodes of each worker in a measurement", 3, within=COUNT)
    rounds: int = option(
        "number of rounds; each measures collecting and evolving once", 3, within=COUNT
    )
    seconds: float = option(
        "seconds of training V and M, each in both presets", 20.0, within=SECONDS
    )
    generations: int = option(
        "generations over which memory is measured", 50, within=(WARM_GENERATIONS + 1, COUNT[1])
    )
    threads: int = option("number of threads in the training of V and M", 1, within=PROCESSES)
    out: Path = option("file of the results", Path("results/training_speed.json"))
    show: bool = option(
        "measure nothing: print the results in --out and update the documents", False
    )


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, write the result, print it."""
    options = command_line.parse(Options, argv, prog="python -m benchmarks.speed.training_speed")
    if options.show:
        show_measured(options.out, TABLE, table)
        return
    level = select_one(options.level)
    check_available(level)
    result = measure(level, options)
    write_measured(options.out, result)
    print(json.dumps(result, indent=2))


def table(result: Mapping[str, Any]) -> str:
    """Return the result as Markdown: speed of the stages that play, speed of V and M, memory."""
    rows = []
    for pair in TARGETS:
        name = pair.split(" / ")[0]
        speed = f"{result['median_steps_per_second'][name]:.0f}"
        target = f"{result['targets'][pair]:.1f}"
        rows.append([PLAYERS[name], speed, ratio_text(result, pair), target])
    head = ["stage", f"steps/s (median of {len(result['steps_per_second'])})"]
    play = markdown_table([*head, "median ratio (lowest to highest)", "target"], rows)
    learning = markdown_table(
        ["preset", "device", "training of V, frames/s", "training of M, frames/s"],
        [
            [
                f"`{row['preset']}`",
                f"{row['device']}, {row['precision']}",
                f"{row['vision']:,.0f}",
                f"{row['memory']:,.0f}",
            ]
            for row in result["training_frames_per_second"]
        ],
    )
    memory, cma = result["memory_mib"], result["cma_es"]
    driver, worker = memory["grown"]["driver"], memory["grown"]["worker"]
    growth = (
        f"Over {memory['generations']} generations, the memory of the driver grew by {driver:.1f}"
        f" MiB and that of a worker by {worker:.1f} MiB. A process that runs CMA-ES with"
        f" {cma['parameters']:,} parameters needs at most {cma['process_peak_mib']:.0f} MiB (target"
        f" {result['targets']['CMA-ES MiB']:.0f})."
    )
    return "\n\n".join([play, learning, growth])


def measure(level: Level, options: Options) -> dict[str, Any]:
    """Return the whole result."""
    from benchmarks.speed.learning_speed import learning_speeds

    load = round(os.getloadavg()[0], 1)  # load of other programs
    with tempfile.TemporaryDirectory(prefix="training-") as text:
        folder = Path(text)
        networks = write_networks(folder / "networks", PRESETS["compact"])
        rounds = []
        for number in range(options.rounds):
            _say(f"collecting and evolving, round {number + 1} of {options.rounds}")
            rounds.append(play_all(folder, networks, level, options))
        _say(f"memory over {options.generations} generations")
        memory = memory_over_generations(folder, networks, level, options.generations)
    _say("V and M")
    learning = learning_speeds(PRESETS, options.seconds, options.threads)
    ratios = {pair: median_ratio(rounds, pair) for pair in TARGETS}
    cma = cma_memory()
    return {
        "level": level.name,
        "options": {
            name: getattr(options, name)
            for name in ("steps", "episodes", "rounds", "seconds", "generations", "threads")
        },
        "machine": {
            "cores": len(os.sched_getaffinity(0)),
            "processor": platform.machine(),
            "load_average_before": load,
        },
        "steps_per_second": rounds,
        "median_steps_per_second": medians(rounds),
        "median_ratios": ratios,
        "targets": {**TARGETS, "CMA-ES MiB": CMA_MOST_MIB},
        "missed": [pair for pair, target in TARGETS.items() if ratios[pair] < target]
        + ["CMA-ES MiB"] * (cma["process_peak_mib"] > CMA_MOST_MIB),
        "training_frames_per_second": learning,
        "memory_mib": memory,
        "cma_es": cma,
    }


def play_all(folder: Path, networks: Path, level: Level, options: Options) -> dict[str, float]:
    """Return the steps/s of the emulator, of collecting and of evolving, measured in turn."""
    with tempfile.TemporaryDirectory(dir=folder) as data:
        create_dataset(Path(data))
        player = functools.partial(Evolve, networks, options.steps)
        measured: dict[str, tuple[Callable[[], Callable[[EpisodeTask], int]], int]] = {
            "bare": (functools.partial(Bare, options.steps, True), 1),
            "collect": (functools.partial(Collect, Path(data), options.steps), 1),
            "bare idle": (functools.partial(Bare, options.steps, False), 1),
            "evolve": (player, 1),
            "evolve, 2 workers": (player, 2),
        }
        return {
            name: steps_per_second(make, level, options.episodes, workers)
            for name, (make, workers) in measured.items()
        }


def steps_per_second(
    make: Callable[[], Callable[[EpisodeTask], int]], level: Level, episodes: int, workers: int
) -> float:
    """Return the steps/s of all workers together; each first plays one episode as warm-up."""
    tasks = [(number, level, number + 1) for number in range(workers * (episodes + 1))]
    with Pool(make, workers) as pool:
        for _ in pool.run(tasks[:workers]):
            pass
        started = time.perf_counter()
        steps = sum(steps for _, steps in pool.run(tasks[workers:]))
        return round(steps / (time.perf_counter() - started), 1)


class Bare:
    """Plays with the emulator alone, with the buttons of collecting or with none."""

    def __init__(self, steps: int, held: bool) -> None:
        self.steps, self.held = steps, held

    def __call__(self, task: EpisodeTask) -> int:
        number, level, seed = task
        policy = HeldButtons(np.random.default_rng((seed, 1)), HELD_STEPS)
        still = np.zeros(len(ACTION_BUTTONS), np.uint8)
        env = ContestEnv(level, seed=seed, max_steps=self.steps)
        try:
            frame, done, steps = env.reset(), False, 0
            while not done:
                action = policy(frame, 0.0, no_expert) if self.held else still
                frame, _, done, _ = env.step(to_genesis(action))
                steps += 1
            return steps
        finally:
            env.close()


class Collect:
    """Plays and stores episodes as `training.collect` does."""

    def __init__(self, dataset: Path, steps: int) -> None:
        self.collector = Collector(dataset, None, None, steps)

    def __call__(self, task: EpisodeTask) -> int:
        number, level, seed = task
        return self.collector(EpisodeToCollect(number, level, "held", seed)).stored.steps


class Evolve:
    """Plays episodes as `training.evolve` does; a controller of zeros presses nothing."""

    def __init__(self, networks: Path, steps: int) -> None:
        self.player = rollouts.CandidatePlayer(networks, steps, None)
        self.parameters = np.zeros(n_parameters(PRESETS["compact"].n_features), np.float32)

    def __call__(self, task: EpisodeTask) -> int:
        number, level, seed = task
        return self.player(rollouts.RolloutRequest(number, self.parameters, level, seed)).steps


def write_networks(folder: Path, spec: ModelSpec) -> Path:
    """Write random networks in the form that evolution's workers load; return the folder."""
    from training.models.untrained import write_untrained

    write_untrained(folder, spec)
    (folder / SPEC).write_text(json.dumps({"spec": spec.to_json(), "weights": {}}))
    return folder


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    command_line.run(main)
