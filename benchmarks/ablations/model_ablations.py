"""Measures the effect of a model's sizes: C is evolved on models trained for a short time.

    python -m benchmarks.ablations.model_ablations          measures; the same command continues
    python -m benchmarks.ablations.model_ablations --show   prints the tables and updates the
                                                            documents

V and M of every model learn from the same dataset, with the same number of frames and sequences.
Then C is evolved on each, as the module `trials` describes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from agent.command_line import option, parse, run
from agent.command_line.ranges import COUNT, PROCESSES
from agent.world_model.packed_model import ModelSpec
from benchmarks.ablations.ablation_runs import AblationRuns, table
from benchmarks.ablations.stages import run_stage
from benchmarks.ablations.trials import SearchBudget, Variant, measure
from benchmarks.ablations.variants import TRAINED
from benchmarks.ablations.world_model_parts import players
from benchmarks.measured_tables import update_documents
from benchmarks.names import chosen
from benchmarks.tables import markdown_table
from training import collect
from training.runs.run_folder import read_result
from training.runs.stages import TRAIN_MEMORY, TRAIN_VISION

TABLE = "model ablations"  # its name in the documents
POLICIES = "runner,held"  # policies that need neither a model nor recordings
DATA = "data"  # folder of the recorded dataset
BATCH = 32, 16  # frames in a step of V's training, sequences in a step of M's
EVALUATIONS = 4  # number of evaluations during a training


@dataclass(frozen=True)
class ModelVariant:
    """How a model is trained.

    Attributes:
        sizes: preset of V and M.
        about: description in the table.
    """

    sizes: str
    about: str


MODELS = {
    "compact": ModelVariant("compact", "`compact`"),
    "original2018": ModelVariant("original2018", "`original2018`"),
}


@dataclass(frozen=True)
class Options(SearchBudget):
    """Train models of other sizes, and evolve C on each.

    The same command continues an interrupted measurement.
    """

    extra: ClassVar[str] = "train"

    models: str = option("models to measure, separated by commas", ",".join(MODELS))
    data_levels: str = option(
        "levels to record; validation and test levels are refused", "pangolin-train"
    )
    data_frames: int = option("frames to record", 60_000, within=COUNT)
    data_steps: int = option("limit of a recorded episode in agent steps", 900, within=COUNT)
    vision_steps: int = option(f"optimizer steps of V, {BATCH[0]} frames each", 1500, within=COUNT)
    memory_steps: int = option(
        f"optimizer steps of M, {BATCH[1]} sequences of 500 frames each", 200, within=COUNT
    )
    threads: int = option("number of threads in the training of V and M", 2, within=PROCESSES)
    runs: Path = option(
        "folder of the data and runs; runs in it are continued", Path("runs/models")
    )
    out: Path = option("file of the results", Path("results/model_ablations.json"))
    show: bool = option(
        "measure nothing: print the results in --out and update the documents", False
    )


TRAINING = ("data_levels", "data_frames", "data_steps", "vision_steps", "memory_steps")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    options = parse(Options, argv, prog="python -m benchmarks.ablations.model_ablations")
    if not options.show:
        names = chosen("models", options.models, MODELS)
        options.check()
        training = {name: getattr(options, name) for name in TRAINING}
        results = AblationRuns.open(options.out, {**options.settings(), **training})
        variants = {}
        for name in names:
            spec, networks, results.models[name] = train(options, name)
            make = players(options, networks, TRAINED)
            variants[name] = Variant(spec.n_features, make, networks)
        measure(options, variants, results, options.runs, options.out)
        results.save(options.out)
    shown = tables(AblationRuns.load(options.out))
    print(shown)
    if options.show:
        update_documents({TABLE: shown})
    return 0


def tables(results: AblationRuns) -> str:
    """Return Markdown: the scores of C, then the results of training V and M."""
    measured = {name: results.models[name] for name in MODELS if name in results.models}
    head = ["model", "minutes for V", "V's pixel error, of 255", "active dimensions of z"]
    head += ["minutes for M", 'M\'s error / error of "z stays the same"']
    rows = [
        [
            MODELS[name].about,
            f"{facts['vision_minutes']:.0f}",
            f"{facts['vision_error']:.1f}",
            f"{facts['active_dimensions']:.0f}",
            f"{facts['memory_minutes']:.0f}",
            f"{facts['memory_error']:.0%}",
        ]
        for name, facts in measured.items()
    ]
    scores = table(results, {name: model.about for name, model in MODELS.items()})
    return "\n\n".join([scores, markdown_table(head, rows)])


def train(options: Options, name: str) -> tuple[ModelSpec, Path, dict[str, float]]:
    """Record the data, train V and M, export them; each stage continues or is skipped if done.

    Returns:
        The sizes, the folder with the networks, and their errors on held-out episodes.

    Raises:
        DataError, RunFolderError, TrainingError: raised by the stages.
    """
    # The worker processes import this module too, and they need no torch.
    from training.models.exported import prepare_networks

    model, runs = MODELS[name], options.runs
    run_stage(
        collect,
        out=runs / DATA,
        levels=options.data_levels,
        frames=options.data_frames,
        policies=POLICIES,
        max_steps=options.data_steps,
        workers=options.workers,
    )
    vision, memory = runs / f"vision-{model.sizes}", runs / f"memory-{name}"
    _run_trainings(options, model, vision, memory)
    networks = runs / f"networks-{name}"
    spec, _ = prepare_networks(vision, memory, networks)
    v, m = read_result(vision, TRAIN_VISION), read_result(memory, TRAIN_MEMORY)
    facts = {
        "vision_minutes": v["seconds"] / 60,
        "vision_error": v["held_out"]["reconstruction_error_held_out"],
        "active_dimensions": v["held_out"]["active_dimensions"],
        "memory_minutes": m["seconds"] / 60,
        "memory_error": m["held_out"]["prediction_error_held_out"]
        / m["held_out"]["prediction_error_no_change_held_out"],
    }
    return spec, networks, {key: round(float(value), 2) for key, value in facts.items()}


def _run_trainings(options: Options, model: ModelVariant, vision: Path, memory: Path) -> None:
    from training import train_memory, train_vision

    runs = options.runs
    run_stage(
        train_vision,
        data=runs / DATA,
        out=vision,
        model=model.sizes,
        steps=options.vision_steps,
        batch=BATCH[0],
        threads=options.threads,
        eval_steps=-(-options.vision_steps // EVALUATIONS),
    )
    run_stage(
        train_memory,
        data=runs / DATA,
        vision=vision,
        out=memory,
        steps=options.memory_steps,
        batch=BATCH[1],
        threads=options.threads,
        eval_steps=-(-options.memory_steps // EVALUATIONS),
        checkpoint_steps=25,
    )


if __name__ == "__main__":
    run(main)
