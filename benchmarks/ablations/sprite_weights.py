"""What V keeps of rings and enemies when errors at sprites weigh more.

    python -m benchmarks.ablations.sprite_weights          a quarter of an hour, or goes on
    python -m benchmarks.ablations.sprite_weights --show   updates the README

The shipped V is trained on, once for each weight, with all else the same: the same frames of the
training levels in the same order. What it keeps is measured as in vision_report, on frames of
levels that none of them learnt from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent import command_line
from agent.command_line import option
from agent.errors import UserError
from agent.world_model.packed_model import load
from benchmarks.ablations.stages import run_stage
from benchmarks.figures.vision_report import ELSEWHERE, look, measure
from benchmarks.measured import show_measured, write_measured
from training import collect, train_vision
from training.data.dataset import list_episodes
from training.models.networks import VAE
from training.models.weights import VISION_WEIGHTS, load_network
from training.runs.run_folder import read_result

TABLE = "sprite weights"  # its name in the README
THINGS = ("player", "ring", "enemy")
TRAINED_AS = {
    "batch": 32,
    "learning_rate": 0.0007,
    "expert_action_weight": 100.0,
}  # the last V's round


@dataclass(frozen=True)
class Options:
    """Train V on with other weights of sprites, and measure what it keeps of them."""

    weights: str = option("of errors where sprites are, separated by commas", "1,8,50")
    start: Path = option("packed model whose V is trained on", Path("pretrained"))
    steps: int = option("of V's optimizer, for each weight", 4000)
    levels: str = option("levels to train on", "pangolin-train")
    frames: int = option("to train on", 60_000)
    unseen: str = option("levels to measure on", "pangolin-validation")
    unseen_frames: int = option("to draw the measured ones from", 6000)
    measured_frames: int = option("to measure on", 400)
    movies: str = option("folders with recordings of the levels", "game/movies")
    threads: int = option("to train on", 2)
    workers: int = option("processes that record", 2)
    runs: Path = option("folder for data and runs, each of which goes on", Path("runs/sprites"))
    out: Path = option("where the JSON goes", Path("results/sprite_weights.json"))
    show: bool = option("measure nothing: print --out as Markdown, and into the README", False)


def main(argv: Sequence[str] | None = None) -> None:
    """Record, train, measure, write the JSON, print the table."""
    options = command_line.parse(
        Options, argv, prog="python -m benchmarks.ablations.sprite_weights"
    )
    if options.show:
        show_measured(options.out, TABLE, table)
        return
    weights, spec = read_weights(options.weights), load(options.start).spec
    training, unseen = options.runs / "data", options.runs / "unseen"
    recorded = {"demonstrations": options.movies, "workers": options.workers, "max_steps": 900}
    run_stage(
        collect,
        out=training,
        levels=options.levels,
        frames=options.frames,
        policies="demonstration,perturbed,perturbed,runner,held",
        **recorded,
    )
    run_stage(
        collect,
        "--held-out",
        out=unseen,
        levels=options.unseen,
        frames=options.unseen_frames,
        policies="demonstration,perturbed",
        **recorded,
    )
    seen = look(list_episodes(unseen), spec, options.measured_frames)
    rows = []
    for weight in weights:
        run = options.runs / f"vision-{weight:g}"
        run_stage(
            train_vision,
            data=training,
            out=run,
            start=options.start,
            steps=options.steps,
            decay_steps=options.steps // 2,
            sprite_weight=weight,
            threads=options.threads,
            **TRAINED_AS,
        )
        vae = load_network(run / VISION_WEIGHTS, VAE)
        result = read_result(run, train_vision.STAGE)
        rows.append(
            {
                "weight": weight,
                "minutes": round(result["seconds"] / 60, 1),
                "expert_action": round(result["held_out"]["expert_action_held_out"], 4),
                **measure(vae, seen),
            }
        )
    names = ("steps", "levels", "frames", "unseen", "unseen_frames", "measured_frames")
    result = {"options": {name: getattr(options, name) for name in names}, "weights": rows}
    write_measured(options.out, result)
    print(table(result))


def read_weights(text: str) -> list[float]:
    """The weights that an option names.

    Raises:
        UserError: one is no number above 0, or none is given.
    """
    try:
        weights = [float(part) for part in text.split(",") if part.strip()]
    except ValueError:
        weights = []
    if not weights or min(weights) <= 0:
        raise UserError(f"--weights {text!r}: give numbers above 0, separated by commas")
    return weights


def table(result: Mapping[str, Any]) -> str:
    """The result as Markdown."""
    first = result["weights"][0]["things"]
    lines = [
        "| errors at sprites weigh | "
        + " | ".join(f"{kind}, kept ({first[kind]['boxes']:,})" for kind in THINGS)
        + " | error elsewhere, of 255 | nats above a perfect copy | an expert's buttons, nats |",
        "| --- " * (len(THINGS) + 4) + "|",
    ]
    for row in result["weights"]:
        things = row["things"]
        kept = " | ".join(f"{things[kind]['kept']:.0%}" for kind in THINGS)
        lines.append(
            f"| {row['weight']:g} | {kept} | {things[ELSEWHERE]['error']:.1f}"
            f" | {row['reconstruction'] - row['floor']:.0f} | {row['expert_action']:.3f} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    command_line.run(main)
