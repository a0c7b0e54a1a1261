"""Evolves C, the controller, with CMA-ES on real episodes of the contest."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from agent import command_line
from agent.command_line import option
from agent.command_line.ranges import COUNT, PROCESSES, RETURN, SEED
from agent.world_model.packed_model import EVOLUTION, EVOLUTION_ARRAYS
from arena.environment.availability import check_available
from arena.environment.level_names import LEVELS_HELP
from arena.environment.levels import Level, select
from arena.progress_bar import ProgressBar
from arena.workers.ray_cluster import ADDRESS_HELP, EXECUTOR_HELP, EXECUTORS, check_address
from training.data.held_out import HELD_OUT_HELP, check_levels
from training.runs.executors import FREE, open_executor
from training.runs.resume import StopRequest, TrainingError, stopping_softly
from training.runs.run_folder import Metrics, stage_run, write_result
from training.runs.stages import EVOLVE
from training.search.features import feature_sizes, logit_scale
from training.search.history import (
    CHAMPION,
    HALL_OF_FAME_FILE,
    save_champion,
    save_hall_of_fame,
)
from training.search.rollouts import CandidatePlayer, open_world_model
from training.search.search import BEST_MEAN, Search, SearchSettings, Workers

NETWORKS = "networks"  # folder of the exported V and M in the run folder


@dataclass(frozen=True)
class Options:
    """Evolve C, the controller. The same command continues an interrupted run."""

    extra: ClassVar[str] = "train"
    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "debug": {
            "generations": 2,
            "population": 4,
            "episodes": 1,
            "mean_every": 2,
            "mean_episodes": 1,
            "max_steps": 40,
        },
        "full": {"generations": 400, "population": 80, "episodes": 5},
    }

    vision: Path = option("run folder of a finished training.train_vision")
    memory: Path = option("run folder of a finished training.train_memory")
    out: Path = option("run folder")
    levels: str = option(LEVELS_HELP, "airstriker")
    levels_per_generation: int = option("number of levels that a generation plays", 1, within=COUNT)
    curriculum: float | None = option(
        "return that the best candidate of a generation must reach on the curriculum's newest "
        "level, as a mean over its episodes, before the next level of --levels is added [no "
        "curriculum: all levels from the start]",
        None,
        within=RETURN,
    )
    validation: str = option(
        "levels on which the distribution's mean is measured too, given as for --levels; the "
        "search does not learn from them",
        "",
    )
    generations: int = option("total number of generations", 100, within=COUNT)
    population: int = option("candidates per generation", 24, within=(4, 65_536))
    episodes: int = option(
        "episodes of each candidate on each level; the mean return is its score", 2, within=COUNT
    )
    imitate: bool = option(
        "start the search at M's prediction of the expert's actions, a controller that "
        "training.train_memory learned by imitation, instead of at zero",
        False,
    )
    sigma0: float = option(
        "initial standard deviation of the candidates' logits around those of the mean",
        1.0,
        within=(1e-6, 1e6),
    )
    mean_every: int = option(
        "generations between two measurements of the distribution's mean", 5, within=COUNT
    )
    mean_episodes: int = option("episodes on each level in such a measurement", 5, within=COUNT)
    max_steps: int = option(
        "maximum steps of an episode, 15 per second; the contest allows 4500", 4500, within=COUNT
    )
    early_stop_reward: float | None = option(
        "mean reward of the last 300 steps below which an episode is ended early; the original "
        "2018 agent used 10 [no early stop]",
        None,
        within=RETURN,
    )
    workers: int = option(
        "number of processes, each with one emulator and one thread", 2, within=PROCESSES
    )
    executor: str = option(EXECUTOR_HELP, "local", choices=EXECUTORS)
    ray_address: str | None = option(ADDRESS_HELP, None)
    seed: int = option(
        "random seed of candidates, levels and sticky actions, 1 or more", 1, within=SEED
    )
    held_out: bool = option(HELD_OUT_HELP, False)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    options = command_line.parse(Options, argv, prog="python -m training.evolve")
    levels = select(options.levels)
    check_levels([level.name for level in levels], options.held_out)
    validation = select(options.validation) if options.validation else []
    _check_apart(levels, validation)
    for level in (*levels, *validation):
        check_available(level)
    check_address(options.executor, options.ray_address)
    # Imported here, because it imports torch, which the worker processes must not load.
    from training.models.exported import check_runs
    from training.search.imitation import read_imitation

    check_runs(options.vision, options.memory)
    start = read_imitation(options.memory) if options.imitate else None
    with stage_run(EVOLVE, options, free=("generations", *FREE, "held_out", "validation")) as run:
        make = functools.partial(
            CandidatePlayer,
            (run / NETWORKS).absolute(),
            options.max_steps,
            options.early_stop_reward,
        )
        executor = open_executor(options.executor, make, options.workers, options.ray_address)
        with executor as workers:
            search, digests = _open_search(run, options, levels, validation, start)
            with stopping_softly() as stop:
                _evolve(search, workers, options, stop)
            _finish(search, workers, options, digests)
    return 0


def _open_search(
    run: Path,
    options: Options,
    levels: Sequence[Level],
    validation: Sequence[Level],
    start: NDArray[np.float64] | None,
) -> tuple[Search, dict[str, str]]:
    from training.models.exported import prepare_networks  # see main

    networks = run / NETWORKS
    spec, digests = prepare_networks(options.vision, options.memory, networks)

    def scale() -> NDArray[np.float64]:
        return logit_scale(feature_sizes(open_world_model(networks), levels, options.seed))

    settings = SearchSettings.of(options)
    return Search(run, settings, levels, spec.n_features, start, scale, validation), digests


def _evolve(search: Search, workers: Workers, options: Options, stop: StopRequest) -> None:
    first = search.evolution.generation
    metrics = Metrics(options.out, first)
    try:
        with ProgressBar("generations", options.generations, first) as progress:
            while search.evolution.generation < options.generations and not stop.requested:
                values = search.run_generation(workers)
                generation = search.evolution.generation
                metrics.log(generation, **values)
                search.save()
                note = f"best {values['return_best']:.0f} mean {values['return_mean']:.0f}"
                progress.update(generation, note)
    finally:
        metrics.close()


def _finish(search: Search, workers: Workers, options: Options, digests: dict[str, str]) -> None:
    evolution, history = search.evolution, search.history
    if history.best_mean is None or evolution.generation % options.mean_every:
        search.measure_mean(workers)
    search.measure_hall_of_fame(workers)
    evolution.save(options.out)
    save_champion(options.out, history.hall_of_fame_parameters[0])
    save_hall_of_fame(options.out, history.hall_of_fame_parameters)
    best_mean = [f"{BEST_MEAN}/{name}" for name in (EVOLUTION, EVOLUTION_ARRAYS)]
    write_result(
        options.out,
        EVOLVE,
        [EVOLUTION, EVOLUTION_ARRAYS, CHAMPION, HALL_OF_FAME_FILE, *best_mean],
        **digests,
        generations=evolution.generation,
        **history.values(),
    )
    assert history.best_mean is not None
    print(
        f"{options.out}: {evolution.generation} generations, {history.episodes} episodes; highest "
        f"return of the distribution's mean: {history.best_mean['mean_return']:.1f}, of the "
        f"champion: {history.hall_of_fame[0]['measured_return']:.1f}"
    )


def _check_apart(levels: Sequence[Level], validation: Sequence[Level]) -> None:
    training = {level.name for level in levels}
    if both := [level.name for level in validation if level.name in training]:
        raise TrainingError(
            f"{both[0]} is in --levels and in --validation: remove it from one of them"
        )


if __name__ == "__main__":
    command_line.run(main)
