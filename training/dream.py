"""Writes a picture and a video of M's dreams, in which M continues an episode without frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from agent import command_line
from agent.command_line import option
from agent.command_line.ranges import COUNT_OR_ZERO
from agent.errors import UserError
from arena.replay.side_by_side import write_side_by_side
from arena.replay.video import STEPS_PER_SECOND
from training.data.dataset import DataError, StoredEpisode, list_episodes
from training.runs.resume import TrainingError
from training.runs.run_folder import read_result
from training.runs.stages import MEMORY_WEIGHTS, TRAIN_MEMORY, TRAIN_VISION, VISION_WEIGHTS


@dataclass(frozen=True)
class Options:
    """Write OUT/dream.png and OUT/dream.mp4: an episode, V's reconstruction, and M's dreams."""

    extra: ClassVar[str] = "train"

    vision: Path = option("run folder of a finished training.train_vision")
    memory: Path = option("run folder of a finished training.train_memory")
    data: Path = option("dataset folder from training.collect")
    out: Path = option("folder of the two files", Path("runs/dream"))
    episode: int | None = option(
        "index of the episode [the longest held-out episode]", None, within=COUNT_OR_ZERO
    )
    temperatures: str = option(
        "sampling temperature of each dream, separated by commas", "0.1,1,1.3"
    )
    seconds: float = option(
        "length of the dreams, at most half of the episode", 10.0, within=(0.01, 300.0)
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    options = command_line.parse(Options, argv, prog="python -m training.dream")
    # Imported here, because they import torch, which --help does not need.
    from training.models.networks import MDNLSTM, VAE
    from training.models.weights import load_network
    from training.pictures.dreams import draw_strip, render_dreams

    temperatures = read_temperatures(options.temperatures)
    vision = read_result(options.vision, TRAIN_VISION)
    memory = read_result(options.memory, TRAIN_MEMORY)
    if memory["vision_sha256"] != vision["files"][VISION_WEIGHTS]:
        raise TrainingError(
            f"{options.memory} was trained with another V than {options.vision}. Use the --vision "
            "that it was trained with"
        )
    dreams = render_dreams(
        load_network(options.vision / VISION_WEIGHTS, VAE),
        load_network(options.memory / MEMORY_WEIGHTS, MDNLSTM),
        choose_episode(options.data, options.episode),
        temperatures,
        max(1, round(options.seconds * STEPS_PER_SECOND)),
    )
    try:
        draw_strip(options.out / "dream.png", dreams)
        write_side_by_side(options.out / "dream.mp4", dreams.videos, dreams.labels)
    except OSError as error:
        raise UserError(
            f"{options.out} can't be written ({error.strerror}). Use another --out"
        ) from None
    print(f"{options.out / 'dream.mp4'}: {len(dreams.videos[0]) / STEPS_PER_SECOND:.1f} s")
    return 0


def read_temperatures(text: str) -> list[float]:
    """Parse a list of temperatures, separated by commas.

    Raises:
        UserError: the list is empty, or a temperature is not a positive number.
    """
    try:
        temperatures = [float(part) for part in text.split(",") if part.strip()]
    except ValueError:
        temperatures = []
    if not temperatures or not all(0 < value < 100 for value in temperatures):
        raise UserError(f"--temperatures is {text!r}. Use positive numbers, such as 0.1,1")
    return temperatures


def choose_episode(data: Path, index: int | None) -> StoredEpisode:
    """Choose the episode with the given index; None: the longest held-out episode.

    Raises:
        DataError: the dataset holds no such episode.
    """
    episodes = list_episodes(data)
    if index is None:
        episodes = sorted((e for e in episodes if e.held_out), key=lambda e: -e.steps)
    else:
        episodes = [episode for episode in episodes if episode.index == index]
    if not episodes:
        what = "held-out episode" if index is None else f"episode {index}"
        raise DataError(f"{data} holds no {what}. Use another --episode, or collect more")
    return episodes[0]


if __name__ == "__main__":
    command_line.run(main)
