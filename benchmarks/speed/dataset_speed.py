"""Measures how fast a dataset is written and read, and how large it is.

    python -m benchmarks.speed.dataset_speed          measures, about a minute on one core
    python -m benchmarks.speed.dataset_speed --show   prints the table and updates the documents

Frames of real play are recorded first. In each round they are written as episodes and read again,
with the code of `collect` and of training. The files are read from the page cache, so the time of
decoding is measured, not that of the disk.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from agent import command_line
from agent.buttons import to_genesis
from agent.command_line import option
from agent.command_line.ranges import COUNT
from agent.world_model.packed_model import PRESETS
from arena.environment.availability import check_available
from arena.environment.contest_env import ContestEnv
from arena.environment.levels import Level, select
from benchmarks.measured import show_measured, write_measured
from benchmarks.speed.rounds import medians
from benchmarks.tables import markdown_table
from training.data.dataset import StoredEpisode, create_dataset
from training.data.episode_writer import EpisodeWriter
from training.data.frames import read_episode
from training.experts.policies import HELD_STEPS, HeldButtons, no_expert

TABLE = "dataset speed"  # its name in the documents
FIGURES = {
    "written": "written and committed, fsync included",
    "read in order": "read in order",
    "read and shrunk": "read in order and resized for `compact`, as V's training does",
    "read singly": "read one by one, at random positions",
}


@dataclass(frozen=True)
class Options:
    """Measure how fast a dataset is written and read."""

    extra: ClassVar[str] = "train"

    levels: str = option(
        "levels whose frames are written, one episode for each",
        "PangolinDash-Genesis:MeadowZone.Act1,PangolinDash-Genesis:CavernZone.Act1,"
        "PangolinDash-Genesis:GlacierZone.Act1,PangolinDash-Genesis:FoundryZone.Act1",
    )
    steps: int = option("frames of each level", 256, within=COUNT)
    singles: int = option("frames that are read one by one", 100, within=COUNT)
    rounds: int = option("number of rounds; each measures everything once", 5, within=COUNT)
    out: Path = option("file of the results", Path("results/dataset_speed.json"))
    show: bool = option(
        "measure nothing: print the results in --out and update the documents", False
    )


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, write the result, print the table."""
    options = command_line.parse(Options, argv, prog="python -m benchmarks.speed.dataset_speed")
    if options.show:
        show_measured(options.out, TABLE, table)
        return
    levels = select(options.levels)
    for level in levels:
        check_available(level)
    result = measure(levels, options)
    write_measured(options.out, result)
    print(table(result))


def table(result: Mapping[str, Any]) -> str:
    """Return the result as Markdown."""
    rounds = result["frames_per_second"]
    rows = []
    for name, about in FIGURES.items():
        found = [one[name] for one in rounds]
        middle = result["median_frames_per_second"][name]
        rows.append([about, f"{middle:,.0f} ({min(found):,.0f} to {max(found):,.0f})"])
    head = ["frames of a dataset", f"frames/s (median of {len(rounds)}; lowest to highest)"]
    return (
        f"{markdown_table(head, rows)}\n\nA stored frame takes {result['bytes_a_frame']:,} bytes"
        " with all its values; uncompressed, the picture alone takes"
        f" {result['bytes_of_the_picture']:,}."
    )


def measure(levels: Sequence[Level], options: Options) -> dict[str, Any]:
    """Return the whole result."""
    load = round(os.getloadavg()[0], 1)  # load of other programs
    plays = [record(level, options.steps) for level in levels]
    rounds, sizes = [], []
    for number in range(options.rounds):
        print(f"round {number + 1} of {options.rounds}", file=sys.stderr, flush=True)
        with tempfile.TemporaryDirectory(prefix="dataset-") as folder:
            found, episodes = one_round(Path(folder), plays, options.singles, number)
        rounds.append(found)
        sizes.append(sum(sum(of.files.values()) for of in episodes) / frames_of(episodes))
    return {
        "levels": [level.name for level in levels],
        "options": {name: getattr(options, name) for name in ("steps", "singles", "rounds")},
        "machine": {"cores": len(os.sched_getaffinity(0)), "load_average_before": load},
        "frames_per_second": rounds,
        "median_frames_per_second": medians(rounds),
        "bytes_a_frame": round(max(sizes)),
        "bytes_of_the_picture": int(plays[0][0].nbytes),
    }


def record(level: Level, steps: int) -> list[NDArray[np.uint8]]:
    """Return frames of a level, played with held buttons."""
    policy = HeldButtons(np.random.default_rng(1), HELD_STEPS)
    env = ContestEnv(level, seed=1)
    try:
        frames: list[NDArray[np.uint8]] = []
        frame = env.reset()
        while len(frames) < steps:
            frames.append(frame)
            frame, _, done, _ = env.step(to_genesis(policy(frame, 0.0, no_expert)))
            if done:
                frame = env.reset()
        return frames
    finally:
        env.close()


def one_round(
    folder: Path, plays: Sequence[Sequence[NDArray[np.uint8]]], singles: int, seed: int
) -> tuple[dict[str, float], list[StoredEpisode]]:
    """Write and read once; return the frames/s of each part, and the episodes."""
    create_dataset(folder)
    action = np.zeros(4, np.uint8)
    started, seconds = time.perf_counter(), {}
    episodes = []
    for index, frames in enumerate(plays):
        writer = EpisodeWriter(folder, index)
        for frame in frames:
            writer.append(frame, action, 0.0, False)
        episodes.append(writer.commit(level="level", policy="held", seed=1))
    seconds["written"] = time.perf_counter() - started
    started = time.perf_counter()
    for episode in episodes:
        for _ in episode.chunks():
            pass
    seconds["read in order"] = time.perf_counter() - started
    started = time.perf_counter()
    for episode in episodes:
        read_episode(episode, PRESETS["compact"])
    seconds["read and shrunk"] = time.perf_counter() - started
    random = np.random.default_rng(seed)
    started = time.perf_counter()
    for _ in range(singles):
        episode = episodes[random.integers(len(episodes))]
        step = int(random.integers(episode.steps))
        episode.frames(step, step + 1)
    seconds["read singly"] = time.perf_counter() - started
    counts = dict.fromkeys(FIGURES, frames_of(episodes)) | {"read singly": singles}
    return {name: round(counts[name] / seconds[name], 1) for name in FIGURES}, episodes


def frames_of(episodes: Sequence[StoredEpisode]) -> int:
    """Return the number of frames of all episodes."""
    return sum(episode.steps for episode in episodes)


if __name__ == "__main__":
    command_line.run(main)
