"""Evolves C, the controller, with CMA-ES on real episodes of the contest.

Every candidate of a generation plays the same levels with the same stickiness, so that they
differ by what they do and not by luck. What a generation does follows from the seed and its
number alone: continuing equals not having stopped, on any number of workers.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from agent import command_line
from agent.command_line import option
from agent.evolution import Evolution
from agent.world_model.controller import n_parameters
from agent.world_model.packed_model import EVOLUTION, EVOLUTION_ARRAYS
from arena.environment.availability import check_available
from arena.environment.levels import Level, select
from arena.workers.ray_cluster import ADDRESS_HELP, EXECUTOR_HELP, EXECUTORS
from training.data.held_out import HELP, check_levels
from training.runs.executors import FREE, Executor, open_executor
from training.runs.progress import ProgressBar
from training.runs.resume import (
    Stop,
    TrainingError,
    load_checkpoint,
    save_checkpoint,
    stopping_softly,
)
from training.runs.run_folder import CHECKPOINTS, Metrics, stage_run, write_result
from training.search.curriculum import draw_levels
from training.search.features import feature_sizes, logit_scale
from training.search.history import (
    CHAMPION,
    HALL_OF_FAME_FILE,
    Records,
    read_champion,
    save_champion,
    save_hall_of_fame,
)
from training.search.rollouts import Player, Rollout, Task, open_world_model

STAGE = "evolve"
NETWORKS = "networks"  # folder of the exported V and M
BEST_MEAN = "best_mean"  # folder of the evolution state whose mean scored highest
MEAN_SEEDS = 1_000_003  # stickiness of the mean's episodes: seeds that no generation draws
HALL_OF_FAME_SEEDS = 2_000_003  # and of the hall of fame's, when it is measured at the end


@dataclass(frozen=True)
class Options:
    """Evolve C, the controller. The same command continues where it stopped."""

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

    vision: Path = option("run folder of the finished training.train_vision")
    memory: Path = option("run folder of the finished training.train_memory")
    out: Path = option("run folder")
    levels: str = option("level set, GAME:STATE or folder, separated by commas", "airstriker")
    levels_per_generation: int = option("levels that a generation plays, drawn from these", 1)
    curriculum: float | None = option(
        "play the levels in the order given: the next one joins once the best candidate of a "
        "generation has so much on the newest. Left out: all of them from the start",
        None,
    )
    validation: str = option(
        "levels on which the distribution's mean is measured too, as for --levels; nothing is "
        "learnt from them or chosen by them",
        "",
    )
    generations: int = option("generations, in all", 100)
    minutes: float | None = option("stop after so many minutes of evolving, in all", None)
    population: int = option("candidates a generation", 24)
    episodes: int = option("episodes of a candidate on each level; their mean counts", 2)
    start: Path | None = option(
        "run folder of a finished evolve; the search starts at its champion instead of at zero",
        None,
    )
    imitate: bool = option(
        "start at the controller that M learnt from recordings; needs data with expert_action",
        False,
    )
    sigma0: float = option(
        "standard deviation of a candidate's logits around the mean's, at the start", 1.0
    )
    mean_every: int = option("measure the distribution's mean every so many generations", 5)
    mean_episodes: int = option("episodes on each level for that", 5)
    max_steps: int = option("steps after which an episode is cut; the contest's limit", 4500)
    early_stop_reward: float | None = option(
        "end an episode whose last 300 steps had a lower mean reward (the agent of 2018: 10)", None
    )
    workers: int = option("processes, one emulator and one thread each", 2)
    executor: str = option(EXECUTOR_HELP, "local", choices=EXECUTORS)
    ray_address: str | None = option(ADDRESS_HELP, None)
    seed: int = option("of candidates, levels and stickiness, 1 or more", 1)
    held_out: bool = option(HELP, False)


class Search:
    """The distribution, its records, and the workers that play."""

    def __init__(
        self,
        options: Options,
        levels: Sequence[Level],
        n_features: int,
        start: NDArray[np.float64] | None = None,
        scale: Callable[[], NDArray[np.float64]] | None = None,
        validation: Sequence[Level] = (),
    ) -> None:
        """Start, or continue from the newest checkpoint of the run folder.

        Args:
            options: of the run.
            levels: to draw from.
            n_features: of the world model.
            start: the distribution's first mean, (n_parameters,); None: zero.
            scale: gives the parameters' relative deviations at the start, (n_parameters,), and is
                called there only; None: ones.
            validation: levels that the mean is measured on besides.

        Raises:
            EvolutionError, TrainingError: the options or the checkpoint do not fit.
        """
        self._options = options
        self._levels, self._validation = levels, validation
        self._folder = options.out / CHECKPOINTS
        checkpoint = load_checkpoint(self._folder)
        size = n_parameters(n_features)
        if checkpoint is None:
            self.evolution = Evolution(
                size,
                options.population,
                options.sigma0,
                options.seed,
                start,
                None if scale is None else scale(),
            )
            self.records = Records()
        else:
            self.evolution = Evolution.load(checkpoint.folder)
            self.records = Records.restore(checkpoint.values, checkpoint.arrays["hall_of_fame"])
        if self.evolution.n_parameters != size:
            raise TrainingError(
                f"{self._folder} evolves {self.evolution.n_parameters} parameters, this model has "
                f"{size}: give another --out"
            )

    def generation(self, pool: Executor[Task, Rollout]) -> dict[str, Any]:
        """Play one generation and learn from it; returns what metrics.jsonl says."""
        number, options = self.evolution.generation, self._options
        random = np.random.default_rng((options.seed, number))
        opened = None if options.curriculum is None else self.records.levels_opened
        levels = draw_levels(self._levels, options.levels_per_generation, opened, random)
        seeds = random.integers(1 << 31, 1 << 32, size=options.episodes).tolist()
        drawn = self.evolution.ask()
        table = self._play(pool, drawn, levels, seeds)
        returns = table.mean((1, 2))
        self.evolution.tell(drawn, returns)
        self.records.admit(number, returns, drawn)
        values: dict[str, Any] = {
            "return_mean": float(returns.mean()),
            "return_best": float(returns.max()),
            "return_worst": float(returns.min()),
            "episode_spread": float(table.reshape(len(drawn), -1).std(1).mean()),
            "sigma": self.evolution.sigma,
            "levels": [level.name for level in levels],
        }
        if opened is not None:
            values["levels_opened"] = opened
            self._open_next(table[:, 0].mean(1).max())
        if self.evolution.generation % options.mean_every == 0:
            values |= self.measure_mean(pool)
        return values

    def measure_mean(self, pool: Executor[Task, Rollout]) -> dict[str, float]:
        """Play the distribution's mean on all levels; keep the state if it is a record.

        Returns:
            What metrics.jsonl says: `return_of_mean`, and `return_of_mean_validation` where
            there are such levels. These decide nothing, so that they can be reported.
        """
        mean, seeds = self.evolution.mean[None], self._mean_seeds(MEAN_SEEDS)
        mean_return = float(self._play(pool, mean, self._levels, seeds).mean())
        self.records.mean_return = mean_return
        values = {"return_of_mean": mean_return}
        if self._validation:
            measured = float(self._play(pool, mean, self._validation, seeds).mean())
            self.records.validation_return = measured
            values["return_of_mean_validation"] = measured
        best = self.records.best_mean
        if best is None or mean_return > best["mean_return"]:
            generation = self.evolution.generation
            self.records.best_mean = {"generation": generation, "mean_return": mean_return}
            folder = self._options.out / BEST_MEAN
            folder.mkdir(exist_ok=True)
            self.evolution.save(folder)
        return values

    def measure_hall_of_fame(self, pool: Executor[Task, Rollout]) -> None:
        """Play the hall of fame again: what it scored when it got in was partly luck."""
        drawn = np.array(self.records.hall_of_fame_parameters)
        table = self._play(pool, drawn, self._levels, self._mean_seeds(HALL_OF_FAME_SEEDS))
        self.records.measured(table.mean((1, 2)))

    def save(self) -> None:
        """Write a checkpoint of all that the next generations depend on."""
        size = self.evolution.n_parameters
        hall_of_fame = np.array(self.records.hall_of_fame_parameters, np.float32).reshape(-1, size)
        save_checkpoint(
            self._folder,
            self.evolution.generation,
            {"hall_of_fame": hall_of_fame},
            self.records.values(),
            self.evolution.save,
        )

    def _open_next(self, best: float) -> None:
        """Let the curriculum's next level join, if this return on the newest one is enough."""
        records, needed = self.records, self._options.curriculum
        if needed is not None and best >= needed:
            records.levels_opened = min(records.levels_opened + 1, len(self._levels))

    def _mean_seeds(self, first: int) -> list[int]:
        return [first + number for number in range(self._options.mean_episodes)]

    def _play(
        self,
        pool: Executor[Task, Rollout],
        drawn: NDArray[Any],
        levels: Sequence[Level],
        seeds: Sequence[int],
    ) -> NDArray[np.float64]:
        """Returns of all episodes, (candidates, levels, seeds)."""
        tasks = [
            Task(candidate, parameters.astype(np.float32), level, seed)
            for candidate, parameters in enumerate(drawn)
            for level in levels
            for seed in seeds
        ]
        found: dict[tuple[int, str, int], float] = {}
        records = self.records
        for task, rollout in pool.run(tasks):
            name, score = task.level.name, rollout.episode_return
            found[task.candidate, name, task.seed] = score
            records.episodes += 1
            records.steps += rollout.steps
            records.levels[name] = max(records.levels.get(name, score), score)
        # in the tasks' order, so that a sum does not depend on which worker was faster
        scores = [found[task.candidate, task.level.name, task.seed] for task in tasks]
        return np.array(scores).reshape(len(drawn), len(levels), len(seeds))


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    options = command_line.parse(Options, argv, prog="python -m training.evolve")
    _check(options)
    levels = select(options.levels)
    check_levels([level.name for level in levels], options.held_out)
    validation = select(options.validation) if options.validation else []
    _check_apart(levels, validation)
    for level in (*levels, *validation):
        check_available(level)
    free = ("generations", "minutes", *FREE, "held_out", "validation")
    with stage_run(STAGE, options, free=free) as folder:
        # Imported here, for it brings in torch, which the workers must not load.
        from training.models.exported import prepare_networks
        from training.search.imitation import read_imitation

        networks = folder / NETWORKS
        spec, digests = prepare_networks(options.vision, options.memory, networks)
        start = None
        if options.imitate:
            start = read_imitation(options.memory, spec)
        elif options.start is not None:
            start = read_champion(options.start, n_parameters(spec.n_features))

        def scale() -> NDArray[np.float64]:
            return logit_scale(feature_sizes(open_world_model(networks), levels, options.seed))

        search = Search(options, levels, spec.n_features, start, scale, validation)
        make = functools.partial(
            Player, networks.absolute(), options.max_steps, options.early_stop_reward
        )
        workers = open_executor(options.executor, make, options.workers, options.ray_address)
        with workers as pool:
            with stopping_softly() as stop:
                _evolve(search, pool, options, stop)
            _finish(search, pool, options, digests)
    return 0


def timed_generation(search: Search, pool: Executor[Task, Rollout]) -> dict[str, Any]:
    """A generation, its time on the record; returns what metrics.jsonl says about it."""
    records = search.records
    started, steps = time.perf_counter(), records.steps
    values = search.generation(pool)
    seconds = time.perf_counter() - started
    records.seconds += seconds
    return {
        **values,
        "seconds": records.seconds,
        "steps_per_second": (records.steps - steps) / seconds,
        **{f"record/{name}": best for name, best in records.levels.items()},
    }


def _evolve(search: Search, pool: Executor[Task, Rollout], options: Options, stop: Stop) -> None:
    records = search.records
    metrics = Metrics(options.out, search.evolution.generation)
    try:
        with ProgressBar(
            "generations", options.generations, search.evolution.generation
        ) as progress:
            while search.evolution.generation < options.generations and not stop.requested:
                if options.minutes is not None and records.seconds >= options.minutes * 60:
                    progress.say(f"stopped after {records.seconds / 60:.1f} minutes, as asked")
                    break
                values = timed_generation(search, pool)
                generation = search.evolution.generation
                metrics.log(generation, **values)
                search.save()
                note = f"best {values['return_best']:.0f} mean {values['return_mean']:.0f}"
                if options.minutes is not None:
                    left = max(0.0, options.minutes - records.seconds / 60)
                    note += f" {left:.1f} min to --minutes"
                progress.update(generation, note)
    finally:
        metrics.close()


def _finish(
    search: Search, pool: Executor[Task, Rollout], options: Options, digests: dict[str, str]
) -> None:
    evolution, records = search.evolution, search.records
    if records.best_mean is None or evolution.generation % options.mean_every:
        search.measure_mean(pool)
    search.measure_hall_of_fame(pool)
    evolution.save(options.out)
    save_champion(options.out, records.hall_of_fame_parameters[0])
    save_hall_of_fame(options.out, records.hall_of_fame_parameters)
    best_mean = [f"{BEST_MEAN}/{name}" for name in (EVOLUTION, EVOLUTION_ARRAYS)]
    write_result(
        options.out,
        STAGE,
        [EVOLUTION, EVOLUTION_ARRAYS, CHAMPION, HALL_OF_FAME_FILE, *best_mean],
        **digests,
        generations=evolution.generation,
        **records.values(),
    )
    assert records.best_mean is not None
    print(
        f"{options.out}: {evolution.generation} generations, {records.episodes} episodes; the "
        f"mean's best measure {records.best_mean['mean_return']:.1f}, the champion's "
        f"{records.hall_of_fame[0]['measured_return']:.1f}"
    )


def _check_apart(levels: Sequence[Level], validation: Sequence[Level]) -> None:
    learnt = {level.name for level in levels}
    if both := [level.name for level in validation if level.name in learnt]:
        raise TrainingError(f"{both[0]} is in --levels and in --validation: give it once")


def _check(options: Options) -> None:
    numbers = {
        "levels per generation": options.levels_per_generation,
        "generations": options.generations,
        "episodes": options.episodes,
        "mean every": options.mean_every,
        "mean episodes": options.mean_episodes,
        "max steps": options.max_steps,
    }
    for name, number in numbers.items():
        if number < 1:
            raise TrainingError(f"{name} is {number}: give 1 or more")
    if options.imitate and options.start is not None:
        raise TrainingError("--imitate and --start exclude each other: give one")


if __name__ == "__main__":
    command_line.run(main)
