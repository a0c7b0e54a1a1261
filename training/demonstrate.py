"""Finds a play to the end of each level by search with save states, and records it as a movie.

The search knows nothing of a game but the contest's rewards, the end of an episode and the frame,
so it works for any ROM with a contest-like scenario:

    python -m training.demonstrate --levels sonic-train --out demonstrations
    python -m training.collect --levels sonic-train --demonstrations demonstrations ...
"""

from __future__ import annotations

import functools
import json
from collections import deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
from stable_retro.data import get_file_path

from agent import command_line
from agent.command_line import option
from agent.command_line.ranges import COUNT, PROCESSES, SEED
from arena.environment.availability import check_available
from arena.environment.level_names import LEVELS_HELP
from arena.environment.levels import Level, register_integration, select
from arena.progress_bar import ProgressBar
from training.data.held_out import HELD_OUT_HELP, check_levels
from training.runs.executors import open_executor
from training.runs.resume import TrainingError, load_checkpoint, stopping_softly
from training.runs.run_folder import stage_run, write_result
from training.runs.stages import DEMONSTRATE
from training.state_search.cells import PICTURE, POSITION
from training.state_search.level_search import (
    LevelResult,
    LevelSearcher,
    LevelSlice,
    check_same_rom,
    checkpoint_folder,
    movie_path,
    read_result_of,
)

SLICE_SECONDS = 3600.0  # after which a worker counts as hanging; a slice takes 20 core-seconds


@dataclass(frozen=True)
class Options:
    """Find a play to the end of each level by search, and record it. The same command resumes."""

    extra: ClassVar[str] = "train"

    out: Path = option("folder of the movies, which is also the run folder")
    levels: str = option(LEVELS_HELP, "pangolin-train")
    steps: int = option(
        "maximum steps of a level's search, about 1000 per core-second; with more, the same command"
        " continues the searches that found no end",
        800_000,
        within=COUNT,
    )
    cells: str = option(
        "position: cells by the game's variables x and y, and by pictures if it has none; picture: "
        "cells by pictures of the frame",
        POSITION,
        choices=(POSITION, PICTURE),
    )
    sticky: bool = option("search and record with the contest's sticky actions", False)
    workers: int = option("number of processes, each with one emulator", 2, within=PROCESSES)
    seed: int = option("random seed of the searches", 1, within=SEED)
    held_out: bool = option(HELD_OUT_HELP, False)


class _Slices:
    """The slices that wait for a worker: a level's next one is added when its last one is done.

    Unlike a generator, it can be read on after it was empty. The slices of the level that began
    first go first.
    """

    def __init__(self, slices: Sequence[LevelSlice]) -> None:
        self.waiting = deque(slices)

    def __iter__(self) -> _Slices:
        return self

    def __next__(self) -> LevelSlice:
        if not self.waiting:
            raise StopIteration
        return self.waiting.popleft()


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    options = command_line.parse(Options, argv, prog="python -m training.demonstrate")
    levels = select(options.levels)
    check_levels([level.name for level in levels], options.held_out)
    for level in levels:
        check_available(level)
        check_reward(level)
    with stage_run(DEMONSTRATE, options, free=("levels", "steps", "workers", "held_out")) as folder:
        make = functools.partial(
            LevelSearcher,
            folder.absolute(),
            options.seed,
            options.cells,
            options.sticky,
            options.steps,
        )
        _search(folder, levels, options, make)
        _finish(folder, [read_result_of(folder, level) for level in levels])
    return 0


def check_reward(level: Level) -> None:
    """Check that the scenario of a level has a reward, without which a search has no direction.

    Raises:
        TrainingError: it has none, or can't be read.
    """
    path = get_file_path(level.game, f"{level.scenario}.json", register_integration(level))
    try:
        scenario = json.loads(Path(path).read_bytes())
        has_reward = bool(scenario.get("reward") or scenario.get("rewards"))
    except (OSError, ValueError, AttributeError) as error:
        raise TrainingError(f"{path} can't be read as a scenario: {error}") from None
    if not has_reward:
        raise TrainingError(
            f"{path} has no reward, which leads the search: add one, such as "
            '"reward": {"variables": {"x": {"reward": 1}}}'
        )


def _search(
    folder: Path,
    levels: Sequence[Level],
    options: Options,
    make: functools.partial[LevelSearcher],
) -> None:
    """Search all levels whose search is not over yet."""
    slices = _Slices([])
    done, farthest = 0, 0.0
    for level in levels:
        result = read_result_of(folder, level)
        if result is not None:
            check_same_rom(level, result.rom_sha1)
        if result is not None and _is_over(folder, level, result, options.steps):
            done, farthest = done + 1, max(farthest, result.progress)
            continue
        checkpoint = load_checkpoint(checkpoint_folder(folder, level))
        slices.waiting.append(LevelSlice(level, 0 if checkpoint is None else checkpoint.step))
    if not slices.waiting:
        return
    workers = min(options.workers, len(slices.waiting))
    with (
        open_executor("local", make, workers, task_seconds=SLICE_SECONDS) as pool,
        stopping_softly() as stop,
        ProgressBar("levels", len(levels), done) as progress,
    ):
        for part, reached in pool.run(slices):
            farthest = max(farthest, reached.progress)
            if reached.result is not None:
                done += 1
                progress.say(describe(reached.result))
            elif not stop.requested:
                slices.waiting.appendleft(LevelSlice(part.level, reached.steps))
            if stop.requested:
                slices.waiting.clear()
            where = f"{part.level.state} {reached.progress:.0f}, farthest {farthest:.0f} points"
            progress.update(done, where)


def _is_over(folder: Path, level: Level, result: LevelResult, steps: int) -> bool:
    """Return whether a level needs no more search: it is finished, or had as many steps."""
    has_movie = movie_path(folder, level).is_file() or not result.play_steps
    return has_movie and (result.finished or result.search_steps >= steps)


def describe(result: LevelResult) -> str:
    """Return a line about a level's result."""
    cost = f"{result.core_seconds:.0f} core-seconds, {result.cells} {result.cell_kind} cells"
    if result.finished:
        return f"{result.level}: end reached, return {result.episode_return:.0f}; {cost}"
    if not result.play_steps:
        return f"{result.level}: nothing found, no movie; {cost}"
    return (
        f"{result.level}: no end found, farthest play kept ({result.progress:.0f} points); {cost}"
    )


def _finish(folder: Path, results: Sequence[LevelResult | None]) -> None:
    known = [result for result in results if result is not None]
    finished = sum(result.finished for result in known)
    core_seconds = float(np.sum([result.core_seconds for result in known]))
    progress = float(np.mean([result.progress for result in known]))
    write_result(
        folder,
        DEMONSTRATE,
        [],
        finished=finished,
        core_seconds=core_seconds,
        mean_progress=progress,
        levels=[asdict(result) for result in known],
    )
    print(
        f"{folder}: {finished} of {len(known)} levels finished; on average {progress:.0f} points of"
        f" progress and {core_seconds / len(known):.0f} core-seconds a level"
    )


if __name__ == "__main__":
    command_line.run(main)
