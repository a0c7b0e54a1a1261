"""Shows what M makes of an episode when it goes on by itself: a picture strip and a film."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from agent import command_line
from agent.command_line import option
from agent.errors import UserError
from arena.replay.film import STEPS_A_SECOND, write_film
from training.data.dataset import DataError, StoredEpisode, list_episodes
from training.models.networks import MDNLSTM, VAE
from training.models.weights import MEMORY_WEIGHTS, VISION_WEIGHTS, load_network
from training.pictures.dreams import draw_strip, view_dreams
from training.runs.resume import TrainingError
from training.runs.run_folder import read_result
from training.train_memory import STAGE as MEMORY_STAGE
from training.train_vision import STAGE as VISION_STAGE


@dataclass(frozen=True)
class Options:
    """Write OUT/dream.png and OUT/dream.mp4: an episode, V's view of it, and dreams of it."""

    vision: Path = option("run folder of the finished training.train_vision")
    memory: Path = option("run folder of the finished training.train_memory")
    data: Path = option("dataset folder made by training.collect")
    out: Path = option("folder for the two files", Path("runs/dream"))
    episode: int | None = option("its index [the longest held-out one]", None)
    temperatures: str = option("of the dreams, separated by commas", "0.1,1,1.3")
    seconds: float = option("length of the dreams, at most half of the episode", 10.0)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    options = command_line.parse(Options, argv, prog="python -m training.dream")
    temperatures = read_temperatures(options.temperatures)
    if not 0 < options.seconds <= 300:
        raise UserError(f"{options.seconds} seconds of dream: give more than 0, at most 300")
    vision = read_result(options.vision, VISION_STAGE)
    memory = read_result(options.memory, MEMORY_STAGE)
    if memory["vision_sha256"] != vision["files"][VISION_WEIGHTS]:
        raise TrainingError(f"{options.memory} was trained with another V than {options.vision}")
    views = view_dreams(
        load_network(options.vision / VISION_WEIGHTS, VAE),
        load_network(options.memory / MEMORY_WEIGHTS, MDNLSTM),
        choose(options.data, options.episode),
        temperatures,
        max(1, round(options.seconds * STEPS_A_SECOND)),
    )
    try:
        draw_strip(options.out / "dream.png", views)
        write_film(options.out / "dream.mp4", views.films, views.labels)
    except OSError as error:
        raise UserError(f"{options.out} can't be written: {error.strerror}") from None
    print(f"{options.out / 'dream.mp4'}: {len(views.films[0]) / STEPS_A_SECOND:.1f} s")
    return 0


def read_temperatures(text: str) -> list[float]:
    """The temperatures of a list.

    Raises:
        UserError: none, or one that is not a positive number.
    """
    try:
        temperatures = [float(part) for part in text.split(",") if part.strip()]
    except ValueError:
        temperatures = []
    if not temperatures or not all(0 < value < 100 for value in temperatures):
        raise UserError(f"--temperatures {text!r}: give positive numbers, such as 0.1,1")
    return temperatures


def choose(data: Path, index: int | None) -> StoredEpisode:
    """The episode of an index, or the longest that no network was trained on.

    Raises:
        DataError: there is none.
    """
    episodes = list_episodes(data)
    if index is None:
        episodes = sorted((e for e in episodes if e.held_out), key=lambda e: -e.steps)
    else:
        episodes = [episode for episode in episodes if episode.index == index]
    if not episodes:
        what = "held-out episode" if index is None else f"episode {index}"
        raise DataError(f"{data} holds no {what}: collect more, or give another --episode")
    return episodes[0]


if __name__ == "__main__":
    command_line.run(main)
