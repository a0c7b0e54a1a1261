"""An ablation's runs: C evolved from zero on one budget, and the distribution's mean measured.

Each run is an evolution by training.evolve's own search. Runs of one seed play the same levels with
the same stickiness, whatever the variant. The score of a run is what the distribution's mean gets
in the end, on other levels. How the variants differ is the caller's matter: ablations leaves out
parts of one model, model_ablations evolves on other models.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agent.command_line import option
from arena.environment.availability import check_available
from arena.environment.levels import Level, select
from arena.workers.pool import Pool
from benchmarks.ablations.results import AblationError, Results, Run
from benchmarks.scores.calibration_results import rom_hashes
from training import evolve
from training.data.held_out import check_levels
from training.runs.executors import FREE
from training.runs.progress import ProgressBar
from training.runs.run_folder import Metrics, stage_run
from training.search.rollouts import Rollout, RolloutRequest
from training.search.search import Search, SearchSettings

ZONES = ("Meadow", "Canyon", "Cavern", "Glacier", "Foundry", "Lagoon")
MEASURE_SEEDS = 3_000_003  # stickiness of the last measurement: seeds that no search draws
SAME = (
    "generations",
    "population",
    "episodes",
    "levels_per_generation",
    "max_steps",
    "early_stop_reward",
    "sigma0",
    "measure_episodes",
)  # of a budget, what runs that are compared have in common, beside the levels


def _act(number: int) -> str:
    return ",".join(f"PangolinDash-Genesis:{zone}Zone.Act{number}" for zone in ZONES)


@dataclass(frozen=True)
class Budget:
    """What every run of an ablation may use."""

    seeds: int = option("runs of each variant, with seeds 1, 2, ...", 3)
    levels: str = option("levels to evolve on; no validation or test level", _act(1))
    measure: str = option("levels to measure on in the end", _act(7))
    generations: int = option("of each run", 20)
    population: int = option("candidates a generation", 12)
    levels_per_generation: int = option("levels that a generation plays, drawn from these", 2)
    episodes: int = option("episodes of a candidate on each level", 1)
    measure_episodes: int = option("episodes of the mean on each level in the end", 3)
    max_steps: int = option("steps after which an episode is cut; the contest's limit", 4500)
    early_stop_reward: float = option(
        "end an episode whose last 300 steps had a lower mean reward, in the measurement too", 1.0
    )
    sigma0: float = option("standard deviation of a candidate's logits at the start", 1.0)
    workers: int = option("processes, one emulator and one thread each", 2)

    def check(self) -> None:
        """Name a mistake before anything is played.

        Raises:
            AblationError: a number that is not positive.
            LevelError: a level is missing.
            TrainingError: levels to evolve on that are there to measure.
        """
        check_positive(
            self, ("seeds", "workers", *(name for name in SAME if name != "early_stop_reward"))
        )
        check_levels([level.name for level in select(self.levels)], allowed=False)
        for level in (*select(self.levels), *select(self.measure)):
            check_available(level)

    def settings(self) -> dict[str, Any]:
        """What is the same for runs that may be compared, as JSON."""
        levels, measured = select(self.levels), select(self.measure)
        return {
            "levels": [level.name for level in levels],
            "measure": [level.name for level in measured],
            **{name: getattr(self, name) for name in SAME},
            "roms": rom_hashes([*levels, *measured]),
        }


@dataclass(frozen=True)
class Variant:
    """What a run evolves on.

    Attributes:
        n_features: that its controller sees.
        make: gives, for a seed, what makes the player of a worker process: a call of it plays a
            task, and its `scale(levels, seed)` is what the search begins with.
        model: where V and M come from, for the run's record.
        curriculum: of its search, as `evolve --curriculum`.
    """

    n_features: int
    make: Callable[[int], Callable[[], Any]]
    model: Path
    curriculum: float | None = None


def check_positive(options: object, names: Iterable[str]) -> None:
    """Refuse options that are 0 or less.

    Raises:
        AblationError: the first such one.
    """
    for name in names:
        number = getattr(options, name)
        if not number > 0:
            raise AblationError(f"--{name.replace('_', '-')} is {number}: give a positive number")


def measure(
    budget: Budget, variants: Mapping[str, Variant], results: Results, runs: Path, out: Path
) -> None:
    """Make the runs that the results lack, seed by seed, and save each as it ends.

    Args:
        budget: of each run.
        variants: by name.
        results: so far; filled.
        runs: folder for the runs, each of which can go on.
        out: file of the results.
    """
    # seed by seed, so that what is there when it is interrupted can be compared
    todo = [
        (name, seed)
        for seed in range(1, budget.seeds + 1)
        for name in variants
        if seed not in results.runs.get(name, {})
    ]
    with ProgressBar("generations", len(todo) * budget.generations) as progress:
        for number, (name, seed) in enumerate(todo):
            trial = _Trial(budget, name, variants[name], seed, runs)
            made = trial.run(progress, number * budget.generations)
            results.runs.setdefault(name, {})[seed] = made
            results.save(out)
            told = f"{made.score:.0f}, after {made.steps} steps in {made.seconds:.0f} s"
            progress.say(f"{name}, seed {seed}: {told}")


class _Trial:
    """One variant, evolved with one seed and measured."""

    def __init__(self, budget: Budget, name: str, variant: Variant, seed: int, runs: Path) -> None:
        self._budget, self._name, self._n_features = budget, name, variant.n_features
        self._make = variant.make(seed)
        self._evolve = evolve.Options(
            vision=variant.model,
            memory=variant.model,
            out=runs / f"{name}-{seed}",
            levels=budget.levels,
            levels_per_generation=budget.levels_per_generation,
            curriculum=variant.curriculum,
            generations=budget.generations,
            population=budget.population,
            episodes=budget.episodes,
            sigma0=budget.sigma0,
            mean_every=budget.generations + 1,  # measured once, below
            max_steps=budget.max_steps,
            early_stop_reward=budget.early_stop_reward,
            workers=budget.workers,
            seed=seed,
        )

    def run(self, progress: ProgressBar, before: int) -> Run:
        """Evolve from where an interrupted run stood, then measure the distribution's mean.

        Args:
            progress: counts generations.
            before: generations of the trials before.
        """
        settings, levels = self._evolve, select(self._budget.levels)
        settings.out.parent.mkdir(parents=True, exist_ok=True)
        with stage_run(f"ablation {self._name}", settings, free=FREE) as folder:
            search = Search(
                folder,
                SearchSettings.of(settings),
                levels,
                self._n_features,
                scale=lambda: self._scale(levels, settings.seed),
            )
            metrics = Metrics(folder, search.evolution.generation)
            try:
                with Pool(self._make, settings.workers) as pool:
                    self._search(search, pool, metrics, progress, before)
                    returns = self._measure(search, pool)
            finally:
                metrics.close()
        return Run(returns, search.history.steps, round(search.history.seconds, 1))

    def _scale(self, levels: Sequence[Level], seed: int) -> NDArray[np.float64]:
        scale: NDArray[np.float64] = self._make().scale(levels, seed)
        return scale

    def _search(
        self,
        search: Search,
        pool: Pool[RolloutRequest, Rollout],
        metrics: Metrics,
        progress: ProgressBar,
        before: int,
    ) -> None:
        while search.evolution.generation < self._evolve.generations:
            values = search.run_generation(pool)
            metrics.log(search.evolution.generation, **values)
            search.save()
            note = f"{self._name}, seed {self._evolve.seed}: best {values['return_best']:.0f}"
            progress.update(before + search.evolution.generation, note)

    def _measure(
        self, search: Search, pool: Pool[RolloutRequest, Rollout]
    ) -> dict[str, list[float]]:
        levels = select(self._budget.measure)
        mean = search.evolution.mean.astype(np.float32)
        seeds = [MEASURE_SEEDS + number for number in range(self._budget.measure_episodes)]
        tasks = [RolloutRequest(0, mean, level, seed) for level in levels for seed in seeds]
        found = {
            (task.level.name, task.seed): rollout.episode_return
            for task, rollout in pool.run(tasks)
        }
        return {
            level.name: [round(found[level.name, seed], 2) for seed in seeds] for level in levels
        }
