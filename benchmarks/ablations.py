"""What the parts of the world model are worth: C evolved with and without them, on one budget.

    python -m benchmarks.ablations          measures, or goes on measuring
    python -m benchmarks.ablations --show   prints the table, and puts it into the README

Each run is an evolution of C from zero, by training.evolve's own search, on the networks of one
packed model. Runs of one seed play the same levels with the same stickiness, whatever the
variant. The score of a run is what the distribution's mean gets in the end, on other levels.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from agent.commandline import option, parse, run
from agent.pretrained import NETWORKS, ModelSpec
from arena.levels import Level, available, select
from benchmarks.ablation_players import (
    LOG_VARIANCE,
    VARIANTS,
    AblatedPlayer,
    n_features,
    untrained_memory,
)
from benchmarks.ablation_results import AblationError, Results, Run, table
from benchmarks.calibration_results import rom_hashes
from benchmarks.readme_tables import README, renew
from training import evolve
from training.executors import FREE
from training.held_out import check_levels
from training.progress import ProgressBar
from training.rollouts import Rollout, Task
from training.runs import Metrics, stage_run
from training.workers import Pool

# torch is imported where it is needed: the worker processes import this file too.

TABLE = "ablations"  # its name in the README
ZONES = ("Meadow", "Canyon", "Cavern", "Glacier", "Foundry", "Lagoon")
MEASURE_SEEDS = 3_000_003  # stickiness of the last measurement: seeds that no search draws
BUDGET = (
    "generations",
    "population",
    "episodes",
    "levels_per_generation",
    "max_steps",
    "early_stop_reward",
    "sigma0",
    "measure_episodes",
)


def _act(number: int) -> str:
    return ",".join(f"PangolinDash-Genesis:{zone}Zone.Act{number}" for zone in ZONES)


@dataclass(frozen=True)
class Options:
    """Evolve C with parts of the world model left out. The same command again goes on."""

    pretrained: Path = option("packed model with the trained V and M", Path("pretrained"))
    variants: str = option("which, separated by commas", ",".join(VARIANTS))
    seeds: int = option("runs of each variant, with seeds 1, 2, ...", 3)
    levels: str = option("levels to evolve on; no validation or test level", _act(1))
    measure: str = option("levels to measure on in the end", _act(7))
    generations: int = option("of each run", 12)
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
    runs: Path = option("folder for the runs, each of which can go on", Path("runs/ablations"))
    out: Path = option("the results, read and written", Path("results/ablations.json"))
    show: bool = option("measure nothing: print --out as Markdown, and into the README", False)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    options = parse(Options, argv, prog="python -m benchmarks.ablations")
    if options.show:
        shown = table(Results.load(options.out))
        print(shown)
        renew(README, {TABLE: shown})
        return 0
    _check(options)
    variants = chosen_variants(options.variants)
    levels, measured = select(options.levels), select(options.measure)
    check_levels([level.name for level in levels], allowed=False)
    for level in (*levels, *measured):
        available(level)
    networks = options.runs / evolve.NETWORKS
    spec, digests = prepare(options, networks)
    settings = {
        "levels": [level.name for level in levels],
        "measure": [level.name for level in measured],
        **{name: getattr(options, name) for name in BUDGET},
        "roms": rom_hashes([*levels, *measured]),
        **digests,
    }
    results = Results.open(options.out, settings)
    # seed by seed, so that what is there when it is interrupted can be compared
    todo = [
        (variant, seed)
        for seed in range(1, options.seeds + 1)
        for variant in variants
        if seed not in results.runs.get(variant, {})
    ]
    with ProgressBar("generations", len(todo) * options.generations) as progress:
        for number, (variant, seed) in enumerate(todo):
            trial = Trial(options, spec, networks, variant, seed)
            made = trial.run(levels, measured, progress, number * options.generations)
            results.runs.setdefault(variant, {})[seed] = made
            results.save(options.out)
            told = f"{made.score:.0f}, after {made.steps} steps in {made.seconds:.0f} s"
            progress.say(f"{variant}, seed {seed}: {told}")
    print(table(results))
    return 0


class Trial:
    """One variant, evolved with one seed and measured."""

    def __init__(
        self, options: Options, spec: ModelSpec, networks: Path, variant: str, seed: int
    ) -> None:
        """Name it; nothing is played yet."""
        self._options, self._variant = options, variant
        self._n_features = n_features(variant, spec)
        self._evolve = evolve.Options(
            vision=options.pretrained,
            memory=options.pretrained,
            out=options.runs / f"{variant}-{seed}",
            levels=options.levels,
            levels_per_generation=options.levels_per_generation,
            generations=options.generations,
            population=options.population,
            episodes=options.episodes,
            sigma0=options.sigma0,
            mean_every=options.generations + 1,  # measured once, below
            max_steps=options.max_steps,
            early_stop_reward=options.early_stop_reward,
            workers=options.workers,
            seed=seed,
        )
        self._make = functools.partial(
            AblatedPlayer,
            networks.absolute(),
            variant,
            seed,
            options.max_steps,
            options.early_stop_reward,
        )

    def run(
        self, levels: Sequence[Level], measured: Sequence[Level], progress: ProgressBar, before: int
    ) -> Run:
        """Evolve from where an interrupted run stood, then measure the distribution's mean.

        Args:
            levels: to evolve on.
            measured: to measure on.
            progress: counts generations.
            before: generations of the trials before.
        """
        settings = self._evolve
        settings.out.parent.mkdir(parents=True, exist_ok=True)
        with stage_run(f"ablation {self._variant}", settings, free=FREE) as folder:
            search = evolve.Search(
                settings,
                levels,
                self._n_features,
                scale=lambda: self._make().scale(levels, settings.seed),
            )
            metrics = Metrics(folder, search.evolution.generation)
            try:
                with Pool(self._make, settings.workers) as pool:
                    self._search(search, pool, metrics, progress, before)
                    returns = self._measure(search, pool, measured)
            finally:
                metrics.close()
        return Run(returns, search.records.steps, round(search.records.seconds, 1))

    def _search(
        self,
        search: evolve.Search,
        pool: Pool[Task, Rollout],
        metrics: Metrics,
        progress: ProgressBar,
        before: int,
    ) -> None:
        while search.evolution.generation < self._evolve.generations:
            values = evolve.timed_generation(search, pool)
            metrics.log(search.evolution.generation, **values)
            search.save()
            note = f"{self._variant}, seed {self._evolve.seed}: best {values['return_best']:.0f}"
            progress.update(before + search.evolution.generation, note)

    def _measure(
        self, search: evolve.Search, pool: Pool[Task, Rollout], levels: Sequence[Level]
    ) -> dict[str, list[float]]:
        mean = search.evolution.mean.astype(np.float32)
        seeds = [MEASURE_SEEDS + number for number in range(self._options.measure_episodes)]
        tasks = [Task(0, mean, level, seed) for level in levels for seed in seeds]
        found = {
            (task.level.name, task.seed): rollout.episode_return
            for task, rollout in pool.run(tasks)
        }
        return {
            level.name: [round(found[level.name, seed], 2) for seed in seeds] for level in levels
        }


def prepare(options: Options, folder: Path) -> tuple[ModelSpec, dict[str, str]]:
    """Export what any variant plays with, once; return the sizes and the weights' SHA-256.

    Raises:
        PretrainedError: the packed model has no networks, or damaged ones.
        TrainingError: the folder has other ones.
    """
    from training.checkpoint import load_networks
    from training.export import export_memory, export_vision
    from training.exported import prepare_packed
    from training.untrained import random_networks

    spec, digests = prepare_packed(options.pretrained, folder)
    if not (folder / LOG_VARIANCE).exists():
        # the same encoder with its other last layer in place of the mean's
        vae, _ = load_networks(options.pretrained / NETWORKS)
        vae.mu = vae.log_variance
        export_vision(vae, folder / LOG_VARIANCE)
    for seed in range(1, options.seeds + 1):
        if not (folder / untrained_memory(seed)).exists():
            export_memory(random_networks(spec, seed)[1], folder / untrained_memory(seed))
    return spec, digests


def _check(options: Options) -> None:
    for name in ("seeds", "workers", *BUDGET):
        number = getattr(options, name)
        if name != "early_stop_reward" and not number > 0:
            raise AblationError(f"--{name.replace('_', '-')} is {number}: give a positive number")


def chosen_variants(text: str) -> list[str]:
    """The variants that an option names, in the table's order.

    Raises:
        AblationError: an unknown one, or none.
    """
    names = {part.strip() for part in text.split(",") if part.strip()}
    if not names or names - VARIANTS.keys():
        raise AblationError(f"--variants {text!r}: give some of {', '.join(VARIANTS)}")
    return [name for name in VARIANTS if name in names]


if __name__ == "__main__":
    run(main)
