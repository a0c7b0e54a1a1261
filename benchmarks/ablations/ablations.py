"""What the parts of the world model are worth: C evolved with and without them, on one budget.

One more variant has all parts, and its levels in a curriculum.

    python -m benchmarks.ablations.ablations          measures, or goes on measuring
    python -m benchmarks.ablations.ablations --show   prints the table, and puts it into the README

The networks are those of one packed model. How a run goes is said in ablation_trials.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from agent.command_line import option, parse, run
from agent.world_model.packed_model import NETWORKS, ModelSpec
from benchmarks.ablations.players import (
    BEATEN,
    CURRICULUM,
    LOG_VARIANCE,
    VARIANTS,
    AblatedPlayer,
    n_features,
    untrained_memory,
)
from benchmarks.ablations.results import Results, table
from benchmarks.ablations.trials import Budget, Variant, measure
from benchmarks.names import chosen
from benchmarks.readme_tables import README, renew
from training import evolve

TABLE = "ablations"  # its name in the README


@dataclass(frozen=True)
class Options(Budget):
    """Evolve C with parts of the world model left out. The same command again goes on."""

    pretrained: Path = option("packed model with the trained V and M", Path("pretrained"))
    variants: str = option("which, separated by commas", ",".join(VARIANTS))
    runs: Path = option("folder for the runs, each of which can go on", Path("runs/ablations"))
    out: Path = option("the results, read and written", Path("results/ablations.json"))
    show: bool = option("measure nothing: print --out as Markdown, and into the README", False)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    options = parse(Options, argv, prog="python -m benchmarks.ablations.ablations")
    if not options.show:
        names = chosen("variants", options.variants, VARIANTS)
        options.check()
        networks = options.runs / evolve.NETWORKS
        spec, digests = prepare(options, networks)
        results = Results.open(options.out, {**options.settings(), **digests})
        variants = {
            name: Variant(
                n_features(name, spec),
                players(options, networks, name),
                options.pretrained,
                BEATEN if name == CURRICULUM else None,
            )
            for name in names
        }
        measure(options, variants, results, options.runs, options.out)
    shown = table(Results.load(options.out), VARIANTS)
    print(shown)
    if options.show:
        renew(README, {TABLE: shown})
    return 0


def players(budget: Budget, networks: Path, variant: str) -> Callable[[int], Callable[[], object]]:
    """What makes a variant's player in a worker process, for a run's seed."""

    def of(seed: int) -> Callable[[], object]:
        return functools.partial(
            AblatedPlayer,
            networks.absolute(),
            variant,
            seed,
            budget.max_steps,
            budget.early_stop_reward,
        )

    return of


def prepare(options: Options, folder: Path) -> tuple[ModelSpec, dict[str, str]]:
    """Export what any variant plays with, once; return the sizes and the weights' SHA-256.

    Raises:
        PackedModelError: the packed model has no networks, or damaged ones.
        TrainingError: the folder has other ones.
    """
    # torch is imported where it is needed: the worker processes import this file too
    from training.models.checkpoint import load_networks
    from training.models.export import export_memory, export_vision
    from training.models.exported import prepare_packed
    from training.models.untrained import random_networks

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


if __name__ == "__main__":
    run(main)
