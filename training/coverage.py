"""Counts a dataset's frames in each tenth of each level, and writes the counts and a picture.

Policies get stuck in the same parts of a level again and again, and a world model learns nothing
about parts that its data does not show. Progress is the sum of the rewards, 9,000 at a level's end.
If an episode starts in the middle of a demonstration, its first frame is looked up in a replay of
that demonstration.
"""

from __future__ import annotations

import functools
import io
import json
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from agent import command_line
from agent.command_line import option
from agent.errors import UserError
from agent.files import write_atomically
from arena.environment.contest_env import ContestEnv
from arena.environment.levels import Level, select, select_one
from arena.progress_bar import ProgressBar
from training.data.dataset import DataError, StoredEpisode, list_episodes
from training.experts.demonstrations import (
    DEMONSTRATIONS_HELP,
    find_demonstration,
    read_demonstration,
    read_folders,
)
from training.experts.policies import START_ON_PATH

TENTHS = 10
LEVEL_REWARD = 9000.0  # sum of the rewards of a whole level, by the contest's scenario
SEEN_FRAMES = 50  # a tenth with this many frames counts as seen: three seconds of play

# Yields the frames of a level's demonstration, and the reward of the step after each.
Replay = Callable[[str], Iterable[tuple[NDArray[np.uint8], float]]]


@dataclass(frozen=True)
class Options:
    """Count the frames of a dataset in each tenth of each level."""

    extra: ClassVar[str] = "train"

    data: str = option("dataset folders from training.collect, separated by commas")
    levels: str | None = option(
        "levels that the dataset should cover, given as for training.collect; a level without "
        "any episode is counted too [the levels of the dataset]",
        None,
    )
    demonstrations: str = option(DEMONSTRATIONS_HELP, "game/movies")
    out: Path = option("folder for coverage.json and coverage.png", Path("runs/coverage"))


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    options = command_line.parse(Options, argv, prog="python -m training.coverage")
    folders = [Path(part.strip()) for part in options.data.split(",") if part.strip()]
    episodes = [episode for folder in folders for episode in list_episodes(folder)]
    if not episodes:
        raise DataError(
            f"{options.data or 'no folder'} holds no episode: run training.collect first"
        )
    expected = [level.name for level in select(options.levels)] if options.levels else []
    counts, unplaced = count(
        episodes, expected, functools.partial(replay, read_folders(options.demonstrations))
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
        f"{report['share_seen']:.1%} of the tenths of {len(counts)} levels have "
        f"{SEEN_FRAMES} frames or more; share of the frames by tenth, in %: {shares}"
        + (f"; {unplaced} frames could not be placed" if unplaced else "")
    )
    return 0


def count(
    episodes: Sequence[StoredEpisode], expected: Sequence[str], replay: Replay
) -> tuple[dict[str, NDArray[np.int64]], int]:
    """Count the frames of each tenth of each level.

    Args:
        episodes: episodes of any levels.
        expected: names of levels that are counted even without an episode.
        replay: replays the demonstration of a level.

    Returns:
        Counts by level name, int64 (10,); and the number of frames that could not be placed,
        because their episode starts from a demonstration that `replay` does not know.
    """
    names = dict.fromkeys([*expected, *(episode.level for episode in episodes)])
    counts = {name: np.zeros(TENTHS, np.int64) for name in names}
    demonstrations = DemonstrationProgress(replay)
    unplaced = 0
    with ProgressBar("episodes counted", len(episodes)) as progress:
        for number, episode in enumerate(episodes, 1):
            start = demonstrations.start(episode) if episode.policy in START_ON_PATH else 0.0
            if start is None:
                unplaced += episode.steps
            else:
                tenths = tenths_of(start + progress_of(episode))
                counts[episode.level] += np.bincount(tenths, minlength=TENTHS)
            progress.update(number)
    return counts, unplaced


def progress_of(episode: StoredEpisode) -> NDArray[np.float64]:
    """Return the progress since the episode's start at each frame, (T,); 1 is a whole level."""
    gained = np.cumsum(episode.rewards(), dtype=np.float64)
    return np.concatenate(([0.0], gained[:-1])) / LEVEL_REWARD


def tenths_of(progress: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the tenth of each progress, int64 from 0 to 9; progress outside 0 to 1 is clipped."""
    tenths = np.floor(np.round(progress * TENTHS, 6))  # rounded: sums of rewards have small errors
    return np.clip(tenths, 0, TENTHS - 1).astype(np.int64)


class DemonstrationProgress:
    """Looks frames up in the demonstrations of levels."""

    def __init__(self, replay: Replay) -> None:
        """Store the function that replays a level's demonstration; it is called once per level."""
        self._replay = replay
        self._known: dict[str, dict[int, float]] = {}

    def start(self, episode: StoredEpisode) -> float | None:
        """Return the demonstration's progress at the episode's first frame; None if not found."""
        progress = self._known.get(episode.level)
        if progress is None:
            progress = self._known[episode.level] = {}
            gained = 0.0
            for frame, reward in self._replay(episode.level):
                progress.setdefault(_digest(frame), gained / LEVEL_REWARD)
                gained += reward
        return progress.get(_digest(episode.frames(0, 1)[0]))


def replay(folders: Sequence[Path], level: str) -> Iterator[tuple[NDArray[np.uint8], float]]:
    """Replay the demonstration of a level: yield each step's frame and reward.

    Raises:
        DemonstrationError: no folder has a recording of the level.
    """
    chosen = select_one(level)
    demonstration = read_demonstration(find_demonstration(folders, chosen))
    env = ContestEnv(chosen)
    try:
        frame, done = env.reset(demonstration.state), False
        for step in range(demonstration.steps):
            if done:
                return
            previous_frame = frame
            frame, reward, done, _ = env.play_frames(demonstration.buttons(step))
            yield previous_frame, reward
    finally:
        env.close()


def summary(counts: Mapping[str, NDArray[np.int64]]) -> dict[str, Any]:
    """Return the share of seen tenths, the share of frames by tenth, and all counts, as JSON."""
    table = np.array(list(counts.values()))  # (levels, 10)
    return {
        "share_seen": float((table >= SEEN_FRAMES).mean()),
        "seen_frames": SEEN_FRAMES,
        "frames": int(table.sum()),
        "by_tenth": (table.sum(0) / max(1, table.sum())).round(4).tolist(),
        "levels": {name: row.tolist() for name, row in counts.items()},
    }


def draw(path: Path, counts: Mapping[str, NDArray[np.int64]]) -> None:
    """Write a PNG with one row per level and one column per tenth; brighter means more frames."""
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
    axes.set_xlabel("progress through the level")
    figure.colorbar(image, label="frames")
    share = (table >= SEEN_FRAMES).mean()
    axes.set_title(f"tenths with {SEEN_FRAMES} frames or more: {share:.0%}", fontsize=10)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=120)
    write_atomically(path, buffer.getvalue())


def _digest(frame: NDArray[np.uint8]) -> int:
    return zlib.crc32(np.ascontiguousarray(frame).tobytes())


if __name__ == "__main__":
    command_line.run(main)
