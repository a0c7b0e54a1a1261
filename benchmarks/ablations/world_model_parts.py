"""Measures the effect of the world model's parts: C is evolved with and without each of them.

    python -m benchmarks.ablations.world_model_parts          measures; the same command continues
    python -m benchmarks.ablations.world_model_parts --show   prints the table and updates the
                                                              documents

All variants use the networks of one packed model and have the same budget. One more variant has
all parts and a curriculum of levels. The module `trials` describes a run.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from agent.command_line import option, parse, run
from agent.world_model.packed_model import NETWORKS, ModelSpec
from benchmarks.ablations.ablation_runs import AblationRuns, table
from benchmarks.ablations.trials import SearchBudget, Variant, measure
from benchmarks.ablations.variants import (
    CURRICULUM,
    CURRICULUM_RETURN,
    LOG_VARIANCE,
    VARIANTS,
    VariantPlayer,
    n_features,
    untrained_memory,
)
from benchmarks.measured_tables import update_documents
from benchmarks.names import chosen
from training import evolve

TABLE = "world model parts"  # its name in the documents


@dataclass(frozen=True)
class Options(SearchBudget):
    """Evolve C without parts of the world model. The same command continues a measurement."""

    extra: ClassVar[str] = "train"

    pretrained: Path = option(
        "folder of the packed model with the trained V and M", Path("pretrained")
    )
    variants: str = option("variants to measure, separated by commas", ",".join(VARIANTS))
    runs: Path = option(
        "folder of the runs; runs in it are continued", Path("runs/world_model_parts")
    )
    out: Path = option("file of the results", Path("results/world_model_parts.json"))
    show: bool = option(
        "measure nothing: print the results in --out and update the documents", False
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    options = parse(Options, argv, prog="python -m benchmarks.ablations.world_model_parts")
    if not options.show:
        names = chosen("variants", options.variants, VARIANTS)
        options.check()
        networks = options.runs / evolve.NETWORKS
        spec, digests = prepare(options, networks)
        results = AblationRuns.open(options.out, {**options.settings(), **digests})
        variants = {
            name: Variant(
                n_features(name, spec),
                players(options, networks, name),
                options.pretrained,
                CURRICULUM_RETURN if name == CURRICULUM else None,
            )
            for name in names
        }
        measure(options, variants, results, options.runs, options.out)
    shown = table(AblationRuns.load(options.out), VARIANTS)
    print(shown)
    if options.show:
        update_documents({TABLE: shown})
    return 0


def players(
    budget: SearchBudget, networks: Path, variant: str
) -> Callable[[int], Callable[[], object]]:
    """Return a function that takes a run's seed and returns a factory of the workers' players."""

    def for_seed(seed: int) -> Callable[[], object]:
        return functools.partial(
            VariantPlayer,
            networks.absolute(),
            variant,
            seed,
            budget.max_steps,
            budget.early_stop_reward,
        )

    return for_seed


def prepare(options: Options, folder: Path) -> tuple[ModelSpec, dict[str, str]]:
    """Export the networks of all variants once; return the sizes and the weights' SHA-256.

    Raises:
        PackedModelError: the packed model has no networks, or they are damaged.
        TrainingError: the folder has networks of another model.
    """
    # The worker processes import this module too, and they need no torch.
    from training.models.checkpoint import load_networks
    from training.models.export import export_memory, export_vision
    from training.models.exported import prepare_packed
    from training.models.untrained import random_networks

    spec, digests = prepare_packed(options.pretrained, folder)
    if not (folder / LOG_VARIANCE).exists():
        # The same encoder, whose last layer is that of the log variance.
        vae, _ = load_networks(options.pretrained / NETWORKS)
        vae.mu = vae.log_variance
        export_vision(vae, folder / LOG_VARIANCE)
    for seed in range(1, options.seeds + 1):
        if not (folder / untrained_memory(seed)).exists():
            export_memory(random_networks(spec, seed)[1], folder / untrained_memory(seed))
    return spec, digests


if __name__ == "__main__":
    run(main)
