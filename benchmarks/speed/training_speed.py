"""Speed and memory of training: collecting, V, M, evolution, each beside what bounds it.

    python -m benchmarks.speed.training_speed          about five minutes on two idle cores
    python -m benchmarks.speed.training_speed --show   prints the table, and puts it into the README

Collecting and evolving are held against the bare emulator that plays the same episodes, in turn,
round after round, so that the machine's noise falls on each alike; what is quoted are medians of
ratios within a round. The networks are random ones of the right shapes: speed does not depend on
what was learnt. V and M are measured on the CPU, and on a CUDA device where there is one.
"""

from __future__ import annotations

import functools
import json
import os
import platform
import re
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from agent import command_line
from agent.buttons import ACTION_BUTTONS, to_genesis
from agent.command_line import option
from agent.errors import UserError
from agent.evolution import Evolution
from agent.world_model.controller import n_parameters
from agent.world_model.packed_model import PRESETS, ModelSpec
from arena.environment.availability import check_available
from arena.environment.contest_env import ContestEnv
from arena.environment.levels import Level, select
from arena.workers.pool import Pool
from benchmarks.measured import show_measured, write_measured
from benchmarks.speed.rounds import median_ratio, medians, ratio_text
from training import evolve
from training.data.dataset import create_dataset
from training.experts.collector import Collector, EpisodeToCollect
from training.experts.policies import HELD_STEPS, HeldButtons
from training.runs.stages import SPEC
from training.search import rollouts
from training.search.search import Search, SearchSettings

# torch is imported where it is needed: the worker processes import this file too.

TABLE = "training speed"  # its name in the README
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
WARM_GENERATIONS = 5  # before memory counts as growing
CMA_PARAMETERS, CMA_POPULATION, CMA_GENERATIONS = 9_000, 80, 5
CMA_MOST_MIB = 200.0

Task = tuple[int, Level, int]  # number, level, seed


@dataclass(frozen=True)
class Options:
    """Measure speed and memory of the training stages, and write them as JSON."""

    level: str = option("the level that is played", "PangolinDash-Genesis:MeadowZone.Act1")
    steps: int = option("steps of an episode", 400)
    episodes: int = option("episodes of a worker in a measurement", 3)
    rounds: int = option("rounds; each measures everything that plays once", 3)
    seconds: float = option("of training V and M each, in both presets", 20.0)
    generations: int = option("over which memory is watched", 50)
    threads: int = option("threads that V and M train on", 1)
    out: Path = option("where the JSON goes", Path("results/training_speed.json"))
    show: bool = option("measure nothing: print --out as Markdown, and into the README", False)


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, write the JSON, print it."""
    options = command_line.parse(Options, argv, prog="python -m benchmarks.speed.training_speed")
    if options.show:
        show_measured(options.out, TABLE, table)
        return
    numbers = (options.steps, options.episodes, options.rounds, options.threads, options.seconds)
    if min(numbers) <= 0 or options.generations <= WARM_GENERATIONS:
        raise UserError(f"give positive numbers, and more than {WARM_GENERATIONS} generations")
    level = select(options.level)[0]
    check_available(level)
    result = measure(level, options)
    write_measured(options.out, result)
    print(json.dumps(result, indent=2))


def table(result: Mapping[str, Any]) -> str:
    """The result as Markdown."""
    lines = [
        f"| what plays | steps/s (median of {len(result['steps_per_second'])})"
        " | median ratio (lowest to highest) | asked |",
        "| --- " * 4 + "|",
    ]
    for pair in TARGETS:
        name = pair.split(" / ")[0]
        of_player = result["median_steps_per_second"][name]
        asked = result["targets"][pair]
        lines.append(
            f"| {PLAYERS[name]} | {of_player:.0f} | {ratio_text(result, pair)} | {asked:.1f} |"
        )
    lines += ["", "| preset | on | V trains, frames/s | M trains, frames/s |", "| --- " * 4 + "|"]
    for row in result["training_frames_per_second"]:
        lines.append(
            f"| `{row['preset']}` | {row['device']}, {row['precision']} | {row['vision']:,.0f}"
            f" | {row['memory']:,.0f} |"
        )
    memory, cma = result["memory_mib"], result["cma_es"]
    driver, worker = memory["grown"]["driver"], memory["grown"]["worker"]
    lines += [
        "",
        f"Over {memory['generations']} generations the driver grew by {driver:.1f} MiB and a worker"
        f" by {worker:.1f}. A process that runs CMA-ES at"
        f" {cma['parameters']:,} parameters holds {cma['process_peak_mib']:.0f} MiB at most (asked"
        f" {result['targets']['CMA-ES MiB']:.0f}).",
    ]
    return "\n".join(lines)


def measure(level: Level, options: Options) -> dict[str, Any]:
    """All figures, as the JSON has them."""
    from benchmarks.speed.learning_speed import learning_speeds

    load = round(os.getloadavg()[0], 1)  # of others
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
    """Steps/s of everything that plays, one after the other."""
    with tempfile.TemporaryDirectory(dir=folder) as data:
        create_dataset(Path(data))
        player = functools.partial(Evolve, networks, options.steps)
        measured: dict[str, tuple[Callable[[], Callable[[Task], int]], int]] = {
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
    make: Callable[[], Callable[[Task], int]], level: Level, episodes: int, workers: int
) -> float:
    """Steps of all workers together in a second; each plays one episode before the clock runs."""
    tasks = [(number, level, number + 1) for number in range(workers * (episodes + 1))]
    with Pool(make, workers) as pool:
        for _ in pool.run(tasks[:workers]):
            pass
        started = time.perf_counter()
        steps = sum(steps for _, steps in pool.run(tasks[workers:]))
        return round(steps / (time.perf_counter() - started), 1)


class Bare:
    """The emulator alone; its buttons are those that collecting presses, or none."""

    def __init__(self, steps: int, held: bool) -> None:
        self.steps, self.held = steps, held

    def __call__(self, task: Task) -> int:
        number, level, seed = task
        policy = HeldButtons(np.random.default_rng((seed, 1)), HELD_STEPS)
        still = np.zeros(len(ACTION_BUTTONS), np.uint8)
        env = ContestEnv(level, seed=seed, max_steps=self.steps)
        try:
            frame, done, steps = env.reset(), False, 0
            while not done:
                action = policy(frame, 0.0, None) if self.held else still
                frame, _, done, _ = env.step(to_genesis(action))
                steps += 1
            return steps
        finally:
            env.close()


class Collect:
    """Episodes as `training.collect` plays and stores them."""

    def __init__(self, dataset: Path, steps: int) -> None:
        self.collector = Collector(dataset, None, None, steps)

    def __call__(self, task: Task) -> int:
        number, level, seed = task
        return int(self.collector(EpisodeToCollect(number, level, "held", seed))["steps"])


class Evolve:
    """Episodes as `training.evolve` plays them; a controller of zeros presses nothing."""

    def __init__(self, networks: Path, steps: int) -> None:
        self.player = rollouts.CandidatePlayer(networks, steps, None)
        self.parameters = np.zeros(n_parameters(PRESETS["compact"].n_features), np.float32)

    def __call__(self, task: Task) -> int:
        number, level, seed = task
        return self.player(rollouts.RolloutRequest(number, self.parameters, level, seed)).steps


def write_networks(folder: Path, spec: ModelSpec) -> Path:
    """Random networks as evolution's workers load them."""
    from training.models.untrained import write_untrained

    write_untrained(folder, spec)
    (folder / SPEC).write_text(json.dumps({"spec": spec.to_json(), "weights": {}}))
    return folder


def memory_over_generations(
    folder: Path, networks: Path, level: Level, generations: int
) -> dict[str, Any]:
    """Resident MiB of the driver and of two workers while evolution goes on, short episodes."""
    options = evolve.Options(
        vision=folder,
        memory=folder,
        out=folder / "evolution",
        population=8,
        episodes=1,
        max_steps=20,
        mean_every=10,
        mean_episodes=1,
    )
    options.out.mkdir()
    search = Search(options.out, SearchSettings.of(options), [level], PRESETS["compact"].n_features)
    make = functools.partial(rollouts.CandidatePlayer, networks, options.max_steps, None)
    driver, workers = [], []
    with Pool(make, 2) as pool:
        for _ in range(generations):
            search.run_generation(pool)
            search.save()
            driver.append(resident_mib(os.getpid()))
            workers.append(max(resident_mib(number) for number in pool.process_ids))
    warm = WARM_GENERATIONS - 1
    return {
        "generations": generations,
        "driver": {"warm": driver[warm], "last": driver[-1], "peak": max(driver)},
        "worker": {"warm": workers[warm], "last": workers[-1], "peak": max(workers)},
        "grown": {
            "driver": round(driver[-1] - driver[warm], 1),
            "worker": round(workers[-1] - workers[warm], 1),
        },
    }


def cma_memory() -> dict[str, Any]:
    """Peak resident MiB of a process that does nothing but CMA-ES at contest size."""
    with Pool(Cma, 1) as pool:
        ((_, figures),) = pool.run([CMA_GENERATIONS])
    return figures


class Cma:
    """Generations of CMA-ES in a process of its own."""

    def __call__(self, generations: int) -> dict[str, Any]:
        before = resident_mib(os.getpid())
        evolution = Evolution(CMA_PARAMETERS, CMA_POPULATION, 1.0, seed=1)
        started = time.perf_counter()
        for _ in range(generations):
            drawn = evolution.ask()
            evolution.tell(drawn, -np.square(drawn - 1).sum(1))
        seconds = (time.perf_counter() - started) / generations
        return {
            "parameters": CMA_PARAMETERS,
            "population": CMA_POPULATION,
            "seconds_a_generation": round(seconds, 3),
            "process_peak_mib": peak_mib(),
            "of_it_before_mib": before,
        }


def peak_mib() -> float:
    """The most resident memory that this process ever had.

    getrusage would not do: Linux counts in what the parent had when it started this process.
    """
    (line,) = re.findall(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return round(int(line) / 1024, 1)


def resident_mib(process: int) -> float:
    """Resident memory of a process now."""
    pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    return round(pages * resource.getpagesize() / 2**20, 1)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    command_line.run(main)
