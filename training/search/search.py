"""The search for controllers: CMA-ES on returns of real episodes, and its checkpoints.

CMA-ES (Hansen 2016, arXiv:1604.00772) is used with a diagonal covariance (Ros and Hansen 2008).
All candidates of a generation play the same levels with the same seeds of the sticky actions, so
that differences between their returns are not due to luck. The levels and random seeds of a
generation depend only on the run's seed and the generation's number: a resumed run equals an
uninterrupted one, with any number of workers.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agent.evolution.cma_es import Evolution
from agent.world_model.controller import n_parameters
from arena.environment.levels import Level
from training.runs.executors import Executor
from training.runs.resume import TrainingError, load_checkpoint, save_checkpoint
from training.runs.run_folder import CHECKPOINTS
from training.search.curriculum import draw_levels
from training.search.history import SearchHistory
from training.search.rollouts import Rollout, RolloutRequest

BEST_MEAN = "best_mean"  # folder of the state of CMA-ES whose mean scored highest
MEAN_SEEDS = 1_000_003  # first seed of the mean's episodes; no generation draws these
HALL_OF_FAME_SEEDS = 2_000_003  # first seed of the hall of fame's episodes at the end

Workers = Executor[RolloutRequest, Rollout]


@dataclass(frozen=True)
class SearchSettings:
    """Settings of a search; `training.evolve.Options` describes them."""

    population: int = 24
    episodes: int = 2
    levels_per_generation: int = 1
    curriculum: float | None = None
    sigma0: float = 1.0
    mean_every: int = 5
    mean_episodes: int = 5
    seed: int = 1

    @classmethod
    def of(cls, options: Any) -> SearchSettings:
        """Read the settings from a command's options, whose fields have the same names."""
        return cls(**{field.name: getattr(options, field.name) for field in fields(cls)})


class Search:
    """A search: the state of CMA-ES, its history, and the levels to play."""

    def __init__(
        self,
        folder: Path,
        settings: SearchSettings,
        levels: Sequence[Level],
        n_features: int,
        start: NDArray[np.float64] | None = None,
        scale: Callable[[], NDArray[np.float64]] | None = None,
        validation: Sequence[Level] = (),
    ) -> None:
        """Start a search, or continue from the latest checkpoint in the run folder.

        Args:
            folder: run folder.
            settings: settings of the search.
            levels: levels to train on.
            n_features: number of input features of the controller.
            start: first mean of the distribution, (n_parameters,); None for zero.
            scale: returns the relative deviations of the parameters, (n_parameters,). It is called
                only if there is no checkpoint; None for equal deviations.
            validation: levels on which the mean is measured, and from which nothing is learned.

        Raises:
            EvolutionError: CMA-ES can't start with these settings.
            TrainingError: the checkpoint is damaged or of another model.
        """
        self._settings = settings
        self._levels, self._validation = levels, validation
        self._folder = folder
        checkpoint = load_checkpoint(folder / CHECKPOINTS)
        size = n_parameters(n_features)
        if checkpoint is None:
            deviations = None if scale is None else scale()
            self.evolution = Evolution(
                size, settings.population, settings.sigma0, settings.seed, start, deviations
            )
            self.history = SearchHistory()
        else:
            self.evolution = Evolution.load(checkpoint.folder)
            self.history = SearchHistory.restore(
                checkpoint.values, checkpoint.arrays["hall_of_fame"]
            )
        if self.evolution.n_parameters != size:
            raise TrainingError(
                f"the checkpoint in {folder} has {self.evolution.n_parameters} parameters, but "
                f"this model's controller has {size}: give another --out"
            )

    def run_generation(self, workers: Workers) -> dict[str, Any]:
        """Play one generation and update CMA-ES.

        Args:
            workers: play the episodes.

        Returns:
            The generation's line of metrics.jsonl.
        """
        started, steps = time.perf_counter(), self.history.steps
        values = self._run_generation(workers)
        seconds = time.perf_counter() - started
        self.history.seconds += seconds
        return {
            **values,
            "seconds": self.history.seconds,
            "steps_per_second": (self.history.steps - steps) / seconds,
            **{f"record/{name}": best for name, best in self.history.levels.items()},
        }

    def _run_generation(self, workers: Workers) -> dict[str, Any]:
        number, settings = self.evolution.generation, self._settings
        random = np.random.default_rng((settings.seed, number))
        opened = None if settings.curriculum is None else self.history.levels_opened
        levels = draw_levels(self._levels, settings.levels_per_generation, opened, random)
        seeds = random.integers(1 << 31, 1 << 32, size=settings.episodes).tolist()
        drawn = self.evolution.ask()
        table = self._play(workers, drawn, levels, seeds)
        returns = table.mean((1, 2))
        self.evolution.tell(drawn, returns)
        self.history.admit(number, returns, drawn)
        values: dict[str, Any] = {
            "return_mean": float(returns.mean()),
            "return_best": float(returns.max()),
            "return_worst": float(returns.min()),
            "episode_spread": float(table.reshape(len(drawn), -1).std(1).mean()),
            "sigma": self.evolution.sigma,
            "levels": [level.name for level in levels],
        }
        if settings.curriculum is not None:
            values["levels_opened"] = opened
            if table[:, 0].mean(1).max() >= settings.curriculum:
                opened_next = self.history.levels_opened + 1
                self.history.levels_opened = min(opened_next, len(self._levels))
        if self.evolution.generation % settings.mean_every == 0:
            values |= self.measure_mean(workers)
        return values

    def measure_mean(self, workers: Workers) -> dict[str, float]:
        """Measure the distribution's mean on all levels; save the state if it is the best so far.

        The search does not learn from these episodes, so that their returns can be reported.

        Args:
            workers: play the episodes.

        Returns:
            Values for metrics.jsonl: `return_of_mean`, and with validation levels
            `return_of_mean_validation`.
        """
        mean, seeds = self.evolution.mean[None], self._seeds(MEAN_SEEDS)
        mean_return = float(self._play(workers, mean, self._levels, seeds).mean())
        self.history.mean_return = mean_return
        values = {"return_of_mean": mean_return}
        if self._validation:
            measured = float(self._play(workers, mean, self._validation, seeds).mean())
            self.history.validation_return = measured
            values["return_of_mean_validation"] = measured
        best = self.history.best_mean
        if best is None or mean_return > best["mean_return"]:
            generation = self.evolution.generation
            self.history.best_mean = {"generation": generation, "mean_return": mean_return}
            folder = self._folder / BEST_MEAN
            folder.mkdir(exist_ok=True)
            self.evolution.save(folder)
        return values

    def measure_hall_of_fame(self, workers: Workers) -> None:
        """Measure the hall of fame again and sort it, as its first returns were partly luck."""
        drawn = np.array(self.history.hall_of_fame_parameters)
        table = self._play(workers, drawn, self._levels, self._seeds(HALL_OF_FAME_SEEDS))
        self.history.sort_hall_of_fame(table.mean((1, 2)))

    def save(self) -> None:
        """Write a checkpoint with everything that the next generations depend on."""
        size = self.evolution.n_parameters
        hall_of_fame = np.array(self.history.hall_of_fame_parameters, np.float32).reshape(-1, size)
        save_checkpoint(
            self._folder / CHECKPOINTS,
            self.evolution.generation,
            {"hall_of_fame": hall_of_fame},
            self.history.values(),
            self.evolution.save,
        )

    def _seeds(self, first: int) -> list[int]:
        return [first + number for number in range(self._settings.mean_episodes)]

    def _play(
        self,
        workers: Workers,
        drawn: NDArray[Any],
        levels: Sequence[Level],
        seeds: Sequence[int],
    ) -> NDArray[np.float64]:
        """Play all episodes; return their returns, (candidates, levels, seeds)."""
        requests = [
            RolloutRequest(candidate, parameters.astype(np.float32), level, seed)
            for candidate, parameters in enumerate(drawn)
            for level in levels
            for seed in seeds
        ]
        played: dict[tuple[int, str, int], float] = {}
        history = self.history
        for request, rollout in workers.run(requests):
            name, score = request.level.name, rollout.episode_return
            played[request.candidate, name, request.seed] = score
            history.episodes += 1
            history.steps += rollout.steps
            history.levels[name] = max(history.levels.get(name, score), score)
        # in the order of the requests, so that no sum depends on which worker was faster
        returns = [played[of.candidate, of.level.name, of.seed] for of in requests]
        return np.array(returns).reshape(len(drawn), len(levels), len(seeds))
