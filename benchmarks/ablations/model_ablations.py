"""What a model's sizes and its recordings' frame rate are worth: C evolved on briefly trained ones.

    python -m benchmarks.ablations.model_ablations          trains and measures, or goes on
    python -m benchmarks.ablations.model_ablations --show   updates the README

Two datasets of the same levels and policies are recorded, with 15 frames a second, as the contest
shows them, and with 60, where buttons may stick in each frame. V and M of every model learn from
as many frames and sequences as those of any other; then C is evolved on each, as ablation_trials
says. In play all see 15 frames a second.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from agent.command_line import option, parse, run
from agent.world_model.packed_model import ModelSpec
from benchmarks.ablations.ablations import players
from benchmarks.ablations.players import TRAINED
from benchmarks.ablations.results import Results, table
from benchmarks.ablations.stages import run_stage
from benchmarks.ablations.trials import Budget, Variant, check_positive, measure
from benchmarks.names import chosen
from benchmarks.readme_tables import README, renew
from training import collect
from training.data.dataset import FPS
from training.runs.run_folder import read_result
from training.runs.stages import TRAIN_MEMORY, TRAIN_VISION

TABLE = "model ablations"  # its name in the README
ALL_FRAMES = 4 * FPS
POLICIES = "runner,held"  # from the start of a level, without a model and without recordings
BATCH = 32, 16  # frames a step of V's, sequences a step of M's
EVALUATIONS = 4  # in a training


@dataclass(frozen=True)
class Model:
    """How a model is made.

    Attributes:
        sizes: preset of V and M.
        fps: frames a second in what M learnt from; V always learns from FPS.
        about: what the table says.
    """

    sizes: str
    fps: int
    about: str


MODELS = {
    "compact": Model("compact", FPS, "`compact`, M of 15 frames a second"),
    "compact-60": Model("compact", ALL_FRAMES, "`compact`, M of 60 frames a second"),
    "original2018": Model("original2018", FPS, "`original2018`, M of 15 frames a second"),
}


@dataclass(frozen=True)
class Options(Budget):
    """Train models of other sizes and frame rates, evolve C on each. Goes on where it stopped."""

    models: str = option("which, separated by commas", ",".join(MODELS))
    data_levels: str = option("levels to record; no validation or test level", "pangolin-train")
    data_frames: int = option(f"to record with {FPS} a second; as much play with 60", 60_000)
    data_steps: int = option("steps of the contest after which a recorded episode is cut", 900)
    vision_steps: int = option(f"of V's optimizer, {BATCH[0]} frames each", 1500)
    memory_steps: int = option(f"of M's optimizer, {BATCH[1]} sequences of 500 frames each", 200)
    threads: int = option("to train on", 2)
    runs: Path = option("folder for data and runs, each of which goes on", Path("runs/models"))
    out: Path = option("the results, read and written", Path("results/model_ablations.json"))
    show: bool = option("measure nothing: print --out as Markdown, and into the README", False)


TRAINING = ("data_levels", "data_frames", "data_steps", "vision_steps", "memory_steps")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    options = parse(Options, argv, prog="python -m benchmarks.ablations.model_ablations")
    if not options.show:
        names = chosen("models", options.models, MODELS)
        options.check()
        check_positive(options, ("threads", *TRAINING[1:]))
        training = {name: getattr(options, name) for name in TRAINING}
        results = Results.open(options.out, {**options.settings(), **training})
        variants = {}
        for name in names:
            spec, networks, results.models[name] = train(options, name)
            make = players(options, networks, TRAINED)
            variants[name] = Variant(spec.n_features, make, networks)
        measure(options, variants, results, options.runs, options.out)
        results.save(options.out)
    shown = tables(Results.load(options.out))
    print(shown)
    if options.show:
        renew(README, {TABLE: shown})
    return 0


def tables(results: Results) -> str:
    """The scores of C, and what the trainings before came to, as Markdown."""
    lines = [
        "| model | V: minutes | its error, of 255 | active dimensions | M: minutes "
        "| its error, of z stays' |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for name, model in MODELS.items():
        if name in results.models:
            of = results.models[name]
            lines.append(
                f"| {model.about} | {of['vision_minutes']:.0f} | {of['vision_error']:.1f} "
                f"| {of['active_dimensions']:.0f} | {of['memory_minutes']:.0f} "
                f"| {of['memory_error']:.0%} |"
            )
    scores = table(results, {name: model.about for name, model in MODELS.items()})
    return scores + "\n\n" + "\n".join(lines)


def train(options: Options, name: str) -> tuple[ModelSpec, Path, dict[str, float]]:
    """Record what is lacking, train V and M, export them; each goes on where it stopped.

    Returns:
        The sizes, the folder with the networks, and what they are like on held-out episodes.

    Raises:
        DataError, RunFolderError, TrainingError: as the stages do.
    """
    # torch is imported where it is needed: the worker processes import this file too
    from training import train_memory, train_vision
    from training.models.exported import prepare_networks

    model, runs = MODELS[name], options.runs
    for fps in sorted({FPS, model.fps}):
        run_stage(
            collect,
            out=_data(runs, fps),
            levels=options.data_levels,
            frames=options.data_frames * fps // FPS,
            policies=POLICIES,
            max_steps=options.data_steps,
            fps=fps,
            workers=options.workers,
        )
    vision = runs / f"vision-{model.sizes}"
    run_stage(
        train_vision,
        data=_data(runs, FPS),
        out=vision,
        model=model.sizes,
        steps=options.vision_steps,
        batch=BATCH[0],
        threads=options.threads,
        eval_steps=-(-options.vision_steps // EVALUATIONS),
    )
    memory = runs / f"memory-{name}"
    run_stage(
        train_memory,
        data=_data(runs, model.fps),
        vision=vision,
        out=memory,
        steps=options.memory_steps,
        batch=BATCH[1],
        threads=options.threads,
        eval_steps=-(-options.memory_steps // EVALUATIONS),
        checkpoint_steps=25,
    )
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


def _data(runs: Path, fps: int) -> Path:
    return runs / f"data-{fps}"


if __name__ == "__main__":
    run(main)
