"""How often each tenth of each level is seen in a dataset: a number and a picture.

Play gets stuck at the same places again and again; a world model knows only what it was shown.
Progress is read off the rewards, which add up to 9,000 at a level's end. An episode that begins
in the middle of a recorded play says where by its first frame, which the play shows too.
"""

from __future__ import annotations

import functools
import io
import json
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agent import command_line
from agent.command_line import option
from agent.errors import UserError
from agent.files import write_atomically
from arena.environment.contest_env import ContestEnv
from arena.environment.levels import Level, select
from training.collect import BEGUN_INSIDE
from training.data.dataset import DataError, Episode, list_episodes
from training.experts.expert import FOLDERS_HELP, find_movie, read_folders, read_movie
from training.runs.progress import ProgressBar

TENTHS = 10
LEVEL_REWARD = 9000.0  # of a whole level, by the contest's scenario
SEEN_FRAMES = 50  # frames of a tenth that count as having seen it: three seconds of play


@dataclass(frozen=True)
class Options:
    """Count how often each tenth of each level is seen in a dataset."""

    data: str = option("dataset folders made by training.collect, separated by commas")
    levels: str | None = option("levels that should be there, as of training.collect", None)
    movies: str = option(FOLDERS_HELP, "game/movies")
    out: Path = option("folder for coverage.json and coverage.png", Path("runs/coverage"))


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    options = command_line.parse(Options, argv, prog="python -m training.coverage")
    folders = [Path(part.strip()) for part in options.data.split(",") if part.strip()]
    episodes = [episode for folder in folders for episode in list_episodes(folder)]
    if not episodes:
        raise DataError(f"{options.data or 'no folder'} holds no episode: collect some first")
    expected = [level.name for level in select(options.levels)] if options.levels else []
    counts, unplaced = count(
        episodes, expected, functools.partial(play, read_folders(options.movies))
    )
    report = {"data": [str(folder) for folder in folders], **summary(counts), "unplaced": unplaced}
    try:
        options.out.mkdir(parents=True, exist_ok=True)
        text = json.dumps(report, indent=1) + "\n"
        write_atomically(options.out / "coverage.json", text.encode())
        draw(options.out / "coverage.png", counts)
    except OSError as error:
        raise UserError(f"{options.out} can't be written: {error.strerror}") from None
    shares = " ".join(f"{100 * share:.0f}" for share in report["by_tenth"])
    print(
        f"{report['share_seen']:.1%} of the tenths of {len(counts)} levels are seen in "
        f"{SEEN_FRAMES} frames or more; frames by tenth, in %: {shares}"
        + (f"; {unplaced} frames depart from other recordings" if unplaced else "")
    )
    return 0


def count(
    episodes: Sequence[Episode],
    expected: Sequence[str],
    play: Callable[[str], Iterable[tuple[NDArray[np.uint8], float]]],
) -> tuple[dict[str, NDArray[np.int64]], int]:
    """Frames of each tenth of each level, and frames that could not be placed.

    Args:
        episodes: of any levels.
        expected: names of levels that are counted even where nothing was seen of them.
        play: yields the frames of a level's recorded play, and what each step of it gains.

    Returns:
        Level name -> int64 (10,); and how many frames belong to departures from another play.
    """
    names = dict.fromkeys([*expected, *(episode.level for episode in episodes)])
    counts = {name: np.zeros(TENTHS, np.int64) for name in names}
    ways = Ways(play)
    unplaced = 0
    with ProgressBar("episodes counted", len(episodes)) as progress:
        for number, episode in enumerate(episodes, 1):
            start = ways.start(episode) if episode.policy in BEGUN_INSIDE else 0.0
            if start is None:
                unplaced += episode.steps
            else:
                tenths = tenths_of(start + progress_of(episode))
                counts[episode.level] += np.bincount(tenths, minlength=TENTHS)
            progress.update(number)
    return counts, unplaced


def progress_of(episode: Episode) -> NDArray[np.float64]:
    """How far the player is at each frame, from 0 where the episode starts; (T,), 1 is a level."""
    gained = np.cumsum(episode.rewards(), dtype=np.float64)
    return np.concatenate(([0.0], gained[:-1])) / LEVEL_REWARD


def tenths_of(progress: NDArray[np.float64]) -> NDArray[np.int64]:
    """The tenth that each progress falls into, 0 to 9; what is beyond the ends counts to them."""
    tenths = np.floor(np.round(progress * TENTHS, 6))  # sums of rewards end a hair below
    return np.clip(tenths, 0, TENTHS - 1).astype(np.int64)


class Ways:
    """Recorded plays by level: which frame comes how far on the way."""

    def __init__(self, play: Callable[[str], Iterable[tuple[NDArray[np.uint8], float]]]) -> None:
        """Take what plays a level's recording; that is done when a level is asked for."""
        self._play = play
        self._known: dict[str, dict[int, float]] = {}

    def start(self, episode: Episode) -> float | None:
        """How far the level's recorded play is where this episode begins; None: not on it."""
        places = self._known.get(episode.level)
        if places is None:
            places = self._known[episode.level] = {}
            gained = 0.0
            for frame, reward in self._play(episode.level):
                places.setdefault(_digest(frame), gained / LEVEL_REWARD)
                gained += reward
        return places.get(_digest(episode.frames(0, 1)[0]))


def play(movies: Sequence[Path], level: str) -> Iterator[tuple[NDArray[np.uint8], float]]:
    """Play the recording of a level: the frame before each step, and the step's reward.

    Raises:
        ExpertError: there is no recording.
    """
    (chosen,) = select(level)
    recording = read_movie(find_movie(movies, chosen))
    env = ContestEnv(chosen)
    try:
        frame, done = env.reset(recording.state), False
        for number in range(recording.steps):
            if done:
                return
            seen = frame
            frame, reward, done, _ = env.play_frames(recording.step(number))
            yield seen, reward
    finally:
        env.close()


def summary(counts: Mapping[str, NDArray[np.int64]]) -> dict[str, Any]:
    """The numbers: share of tenths seen, share of frames by tenth, all counts."""
    table = np.array(list(counts.values()))  # (levels, 10)
    return {
        "share_seen": float((table >= SEEN_FRAMES).mean()),
        "seen_frames": SEEN_FRAMES,
        "frames": int(table.sum()),
        "by_tenth": (table.sum(0) / max(1, table.sum())).round(4).tolist(),
        "levels": {name: row.tolist() for name, row in counts.items()},
    }


def draw(path: Path, counts: Mapping[str, NDArray[np.int64]]) -> None:
    """Write a PNG: a row a level, a column a tenth, brighter where more was seen."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.colors import LogNorm
    from matplotlib.figure import Figure

    names = sorted(counts)
    table = np.array([counts[name] for name in names])
    figure = Figure(figsize=(7, 1.5 + 0.22 * len(names)), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    top = max(SEEN_FRAMES * 2, int(table.max()))
    image = axes.imshow(np.maximum(table, 0.5), aspect="auto", norm=LogNorm(1, top, clip=True))
    axes.set_yticks(range(len(names)), [Level.parse(name).state for name in names])
    axes.set_xticks(range(TENTHS), [f"{tenth}0%" for tenth in range(TENTHS)])
    axes.tick_params(labelsize=7)
    axes.set_xlabel("way through the level")
    figure.colorbar(image, label="frames seen")
    axes.set_title(f"{(table >= SEEN_FRAMES).mean():.0%} of the tenths seen", fontsize=10)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=120)
    write_atomically(path, buffer.getvalue())


def _digest(frame: NDArray[np.uint8]) -> int:
    return zlib.crc32(np.ascontiguousarray(frame).tobytes())


if __name__ == "__main__":
    command_line.run(main)
