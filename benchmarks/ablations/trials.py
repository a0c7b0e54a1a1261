"""The runs of an ablation: C is evolved from zero on a fixed budget, then the mean is measured.

Each run uses the search of training.evolve. All variants play the same levels with the same sticky
actions if they have the same seed. The score of a run is the mean return of the distribution's mean
on other levels. The caller decides how the variants differ: world_model_parts leaves out parts of
one model, model_ablations uses other models.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agent.command_line import option
from agent.command_line.ranges import COUNT, PROCESSES, RETURN
from arena.environment.availability import check_available
from arena.environment.levels import Level, select
from arena.progress_bar import ProgressBar
from arena.workers.pool import Pool
from benchmarks.ablations.ablation_runs import AblationRuns, EvolvedRun
from benchmarks.identity import rom_hashes
from training import evolve
from training.data.held_out import check_levels
from training.runs.executors import FREE
from training.runs.run_folder import Metrics, stage_run
from training.search.rollouts import Rollout, RolloutRequest
from training.search.search import Search, SearchSettings

ZONES = ("Meadow", "Canyon", "Cavern", "Glacier", "Foundry", "Lagoon")
MEASURE_SEEDS = 3_000_003  # first random seed of the final measurement's sticky actions
SAME = (
    "generations",
    "population",
    "episodes",
    "levels_per_generation",
    "max_steps",
    "early_stop_reward",
    "sigma0",
    "measure_episodes",
)  # settings that, like the levels, are the same for all runs in a file


def _act(number: int) -> str:
    return ",".join(f"PangolinDash-Genesis:{zone}Zone.Act{number}" for zone in ZONES)


@dataclass(frozen=True)
class SearchBudget:
    """Budget of every run of an ablation."""

    seeds: int = option("runs per variant, with the random seeds 1, 2, ...", 3, within=COUNT)
    levels: str = option("levels of the search; validation and test levels are refused", _act(1))
    measure: str = option("levels of the final measurement", _act(7))
    generations: int = option("generations of each run", 20, within=COUNT)
    population: int = option("candidates in a generation", 12, within=(4, 65_536))
    levels_per_generation: int = option(
        "levels in a generation, drawn from --levels", 2, within=COUNT
    )
    episodes: int = option("episodes of a candidate on each level", 1, within=COUNT)
    measure_episodes: int = option(
        "episodes on each level in the final measurement", 3, within=COUNT
    )
    max_steps: int = option(
        "limit of an episode in agent steps; the contest's is 4500", 4500, within=COUNT
    )
    early_stop_reward: float = option(
        "mean reward of the last 300 steps below which an episode is ended early",
        1.0,
        within=RETURN,
    )
    sigma0: float = option(
        "initial standard deviation of a candidate's logits", 1.0, within=(1e-6, 1e6)
    )
    workers: int = option("number of processes, each with one emulator", 2, within=PROCESSES)

    def check(self) -> None:
        """Refuse wrong settings before anything is played.

        Raises:
            LevelError: a level is missing.
            TrainingError: a level of the search is a validation or test level.
        """
        check_levels([level.name for level in select(self.levels)], allowed=False)
        for level in (*select(self.levels), *select(self.measure)):
            check_available(level)

    def settings(self) -> dict[str, Any]:
        """Return the settings that are the same for all runs in a file, as JSON values."""
        levels, measured = select(self.levels), select(self.measure)
        return {
            "levels": [level.name for level in levels],
            "measure": [level.name for level in measured],
            **{name: getattr(self, name) for name in SAME},
            "roms": rom_hashes([*levels, *measured]),
        }


@dataclass(frozen=True)
class Variant:
    """What the runs of a variant play with.

    Attributes:
        n_features: number of features that the controller sees.
        make: function that takes a seed and returns a factory, which makes the player of a worker
            process. A call of the player plays a task, and its `scale(levels, seed)` returns the
            initial scale of the search.
        model: folder of V and M, for the run's record.
        curriculum: return at which the curriculum adds a level, as `evolve --curriculum`.
    """

    n_features: int
    make: Callable[[int], Callable[[], Any]]
    model: Path
    curriculum: float | None = None


def measure(
    budget: SearchBudget,
    variants: Mapping[str, Variant],
    results: AblationRuns,
    runs: Path,
    out: Path,
) -> None:
    """Do the runs that are missing from the results, seed by seed, and save after each run.

    Args:
        budget: budget of each run.
        variants: variants by name.
        results: the runs so far; new runs are added.
        runs: folder of the runs, which can continue.
        out: file of the results.
    """
    # Seed by seed, so that the runs before an interruption can be compared.
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
            about = f"score {made.score:.0f}, {made.steps} steps, {made.seconds:.0f} s"
            progress.say(f"{name}, seed {seed}: {about}")


class _Trial:
    """One run of a variant: the search with one seed, and the final measurement."""

    def __init__(
        self, budget: SearchBudget, name: str, variant: Variant, seed: int, runs: Path
    ) -> None:
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
            mean_every=budget.generations + 1,  # the mean is measured once, below
            max_steps=budget.max_steps,
            early_stop_reward=budget.early_stop_reward,
            workers=budget.workers,
            seed=seed,
        )

    def run(self, progress: ProgressBar, before: int) -> EvolvedRun:
        """Start or continue the search, then measure the distribution's mean.

        Args:
            progress: progress bar that counts generations.
            before: generations of the runs before this one.
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
        return EvolvedRun(returns, search.history.steps, round(search.history.seconds, 1))

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
