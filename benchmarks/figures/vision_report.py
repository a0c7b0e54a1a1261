r"""Measures what V keeps of frames of levels that it was not trained on, and draws pictures.

    python -m training.collect --levels pangolin-validation --held-out \
        --policies demonstration,perturbed --frames 6000 --out data/unseen
    python -m benchmarks.figures.vision_report --vision RUN --data data/unseen --out results/vision

The known failure of this method is a decoder that draws the scenery and omits the player. So the
error is also measured in boxes around the player, the enemies and the rings. It is compared with
the error of a flat patch of the box's mean colour, as drawn by a decoder that omits the thing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from agent import command_line
from agent.command_line import option
from agent.errors import UserError
from agent.files import write_atomically
from benchmarks.figures.things import ELSEWHERE
from training.data.dataset import DataError, list_episodes
from training.runs.run_folder import read_result
from training.runs.stages import TRAIN_VISION, VISION_WEIGHTS


@dataclass(frozen=True)
class Options:
    """Measure V on a dataset, and draw its reconstructions."""

    extra: ClassVar[str] = "train"

    vision: Path = option("run folder of a finished training.train_vision")
    data: str = option("dataset folders of levels that V was not trained on, separated by commas")
    out: Path = option("folder of vision_report.json and the pictures", Path("runs/vision-report"))
    frames: int = option(
        "number of measured frames, evenly spread over the episodes", 400, within=(2, 10**6)
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    options = command_line.parse(Options, argv, prog="python -m benchmarks.figures.vision_report")
    # Imported here, because they import torch, which --help does not need.
    from benchmarks.figures.vision_measures import draw, look, measure
    from training.models.networks import VAE
    from training.models.weights import load_network

    result = read_result(options.vision, TRAIN_VISION)
    vae = load_network(options.vision / VISION_WEIGHTS, VAE)
    folders = [Path(part.strip()) for part in options.data.split(",") if part.strip()]
    episodes = [episode for folder in folders for episode in list_episodes(folder)]
    if not episodes:
        raise DataError(f"--data {options.data!r} has no episode: run training.collect first")
    seen = look(episodes, vae.spec, options.frames)
    trained_on = set(result["data"]["levels"])
    report = {
        "vision": options.vision.name,
        "weights_sha256": result["files"][VISION_WEIGHTS],
        "data": [folder.name for folder in folders],
        "frames": len(seen.frames),
        "levels_trained_on_too": sorted(set(seen.levels) & trained_on),
        **measure(vae, seen),
    }
    try:
        options.out.mkdir(parents=True, exist_ok=True)
        text = json.dumps(report, indent=1) + "\n"
        write_atomically(options.out / "vision_report.json", text.encode())
        draw(options.out, vae, seen, report["kl_by_dimension"])
    except OSError as error:
        raise UserError(f"{options.out} can't be written: {error.strerror}") from None
    print(words(report))
    return 0


def words(report: Mapping[str, Any]) -> str:
    """Return the report as a few lines of text."""
    lines = [
        f"{report['frames']} frames: loss {report['reconstruction'] - report['floor']:.1f} nats"
        f" above that of a perfect copy, error {report['error']:.1f} of 255, KL {report['kl']:.1f}"
        f" nats, {report['active_dimensions']} of {report['dimensions']} dimensions active"
    ]
    for kind, thing in report["things"].items():
        line = f"{kind}: error {thing['error']:.1f}"
        if kind != ELSEWHERE:
            line += f", error of a flat patch {thing['flat']:.1f} ({thing['boxes']} boxes)"
        lines.append(line)
    return "\n".join(lines)


if __name__ == "__main__":
    command_line.run(main)
