"""Compares who plays a level under the contest's sticky actions: found plays, search and planner.

    python -m training.demonstrate --levels pangolin-train --out demonstrations
    python -m benchmarks.scores.search_expert --demonstrations demonstrations --levels LEVELS
    python -m benchmarks.scores.search_expert --show   prints the table and updates the documents

The found play is played as it was found. The search's expert begins with it, and plans again where
a sticky action left it. The planner knows the route. Each play is written when it ends, and the
same command continues.
"""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from agent import command_line
from agent.buttons import to_genesis
from agent.command_line import option
from agent.command_line.ranges import COUNT, PROCESSES
from arena.environment.availability import check_available
from arena.environment.contest_env import ContestEnv
from arena.environment.contest_rules import MAX_STEPS
from arena.environment.level_names import LEVELS_HELP
from arena.environment.levels import select
from arena.evaluation.score import FULL_PROGRESS_RETURN
from arena.workers.pool import Pool
from benchmarks.identity import rom_hashes
from benchmarks.measured_tables import update_documents
from benchmarks.scores import teacher
from benchmarks.scores.teacher import (
    DIED,
    FINISHED,
    LONGEST_SECONDS,
    STUCK,
    TIME_UP,
    TeacherPlay,
    TeacherTask,
)
from benchmarks.store import Values, check_same, load_rows, save_rows
from benchmarks.tables import markdown_table
from training.experts.demonstrations import (
    Demonstration,
    find_demonstration,
    read_demonstration,
    read_folders,
)
from training.experts.reward_simulator import VERSION
from training.experts.route_simulator import VERSION as PLANNER_VERSION
from training.experts.sticky_play import PLANNER, SEARCH, rehearse

TABLE = "search expert"  # its name in the documents
KIND = "search expert"
IDENTITY = {"planner_version": PLANNER_VERSION, "search_version": VERSION}
FOUND_PLAY = "found play"
PLAYERS = (FOUND_PLAY, SEARCH, PLANNER)


@dataclass(frozen=True)
class Options:
    """Measure found plays, the search's expert and the planner under sticky actions."""

    extra: ClassVar[str] = "train"

    levels: str = option(LEVELS_HELP, "pangolin-train")
    demonstrations: str = option("run folders of training.demonstrate, separated by commas", "")
    seeds: int = option("plays of each level, with the random seeds 1, 2, ...", 2, within=COUNT)
    workers: int = option("number of processes", 1, within=PROCESSES)
    out: Path = option("file of the results", Path("results/search_expert.json"))
    show: bool = option(
        "measure nothing: print the results in --out and update the documents", False
    )


@dataclass(frozen=True)
class ExpertPlay(TeacherPlay):
    """One episode of one of PLAYERS.

    Attributes:
        player: who played.
        recording: SHA-1 of the found play's buttons; "" for the planner, which does not use it.
    """

    player: str
    recording: str


@dataclass(frozen=True)
class ExpertTask:
    """A level to play, with a seed, a player and the level's found play."""

    played: TeacherTask
    player: str
    demonstration: Demonstration

    @property
    def recording(self) -> str:
        """SHA-1 of the found play's buttons; "" for the planner."""
        if self.player == PLANNER:
            return ""
        return hashlib.sha1(self.demonstration.frame_buttons.tobytes()).hexdigest()

    @property
    def key(self) -> tuple[str, int, str, str, str]:
        """Return what identifies the play."""
        return (*self.played.key, self.player, self.recording)


def make_measure() -> Callable[[ExpertTask], ExpertPlay]:
    """Return the function that a worker process calls for each task."""
    return measure


def measure(task: ExpertTask) -> ExpertPlay:
    """Play one episode."""
    if task.player == PLANNER:
        made = dataclasses.asdict(teacher.measure(task.played))
        return ExpertPlay(**made, player=PLANNER, recording=task.recording)
    began = time.process_time()
    level, seed = task.played.level, task.played.seed
    if task.player == SEARCH:
        actions = rehearse(level, task.demonstration, seed)
    else:
        steps = range(task.demonstration.steps)
        actions = [task.demonstration.action(step) for step in steps]
    return _play(task, actions, began)


def _play(task: ExpertTask, actions: Iterable[NDArray[np.uint8]], began: float) -> ExpertPlay:
    """Play actions in the contest's environment, until they or the episode end."""
    env = ContestEnv(task.played.level, task.played.seed)
    total, highest, steps = 0.0, 0.0, 0
    variables: Mapping[str, Any] = {}
    try:
        env.reset()
        for action in actions:
            _, reward, done, variables = env.step(to_genesis(action))
            total, steps = total + reward, steps + 1
            highest = max(highest, total)
            if done:
                break
    finally:
        env.close()
    if env.terminated:
        ended = FINISHED if total >= FULL_PROGRESS_RETURN else DIED
    else:
        ended = STUCK if steps < MAX_STEPS else TIME_UP
    return ExpertPlay(
        level=task.played.level.name,
        seed=task.played.seed,
        rom=task.played.rom,
        episode_return=round(total, 2),
        ended=ended,
        x=int(variables.get("x", 0)),
        y=int(variables.get("y", 0)),
        share=round(min(highest / FULL_PROGRESS_RETURN, 1.0), 3),
        steps=steps,
        core_seconds=round(time.process_time() - began, 1),
        player=task.player,
        recording=task.recording,
    )


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command."""
    options = command_line.parse(Options, argv, prog="python -m benchmarks.scores.search_expert")
    if options.show:
        print(made := table(load_plays(options.out)))
        update_documents({TABLE: made})
        return
    levels = select(options.levels)
    folders = read_folders(options.demonstrations)
    for level in levels:
        check_available(level)
    demonstrations = {
        level: read_demonstration(find_demonstration(folders, level)) for level in levels
    }
    roms = rom_hashes(levels)
    tasks = [
        ExpertTask(TeacherTask(level, seed, roms[level.game]), player, demonstrations[level])
        for player, seed, level in itertools.product(PLAYERS, range(1, options.seeds + 1), levels)
    ]
    plays = load_plays(options.out) if options.out.exists() else []
    _measure_all(tasks, plays, options)
    print(table(plays))


def _measure_all(tasks: Sequence[ExpertTask], plays: list[ExpertPlay], options: Options) -> None:
    """Make the plays that are missing, and write the file after each of them."""
    known = {(one.level, one.seed, one.rom, one.player, one.recording) for one in plays}
    todo = [task for task in tasks if task.key not in known]
    print(f"{len(tasks) - len(todo)} of {len(tasks)} are already measured", file=sys.stderr)
    if not todo:
        return
    with Pool(make_measure, min(options.workers, len(todo)), LONGEST_SECONDS) as pool:
        for _, made in pool.run(todo):
            plays.append(made)
            save_rows(options.out, KIND, IDENTITY, [dataclasses.asdict(one) for one in plays])
            print(f"{made.level}, seed {made.seed}, {made.player}: {_cell(made)}", file=sys.stderr)


def load_plays(path: Path) -> list[ExpertPlay]:
    """Read a file of plays.

    Raises:
        StoreError: the file is missing, damaged, of another kind, or of another version of an
            expert.
    """

    def build(values: Values, rows: list[Values]) -> list[ExpertPlay]:
        check_same(path, {name: values[name] for name in IDENTITY}, IDENTITY)
        return [ExpertPlay(**row) for row in rows]

    return load_rows(path, KIND, build)


def table(plays: Sequence[ExpertPlay]) -> str:
    """Return Markdown: a row for each level and seed, and one with the number of finished plays."""
    by_key = {(one.level, one.seed, one.player): one for one in plays}
    keys = sorted({(one.level, one.seed) for one in plays})
    rows = [
        [f"`{level}`, seed {seed}"]
        + [_cell(by_key.get((level, seed, player))) for player in PLAYERS]
        for level, seed in keys
    ]
    all_of = [[one for one in plays if one.player == player] for player in PLAYERS]
    return markdown_table(["level", *PLAYERS], [*rows, ["all", *map(_all, all_of)]])


def _cell(play: ExpertPlay | None) -> str:
    if play is None:
        return "not measured"
    way = "end" if play.ended == FINISHED else f"{play.ended} at {play.share:.0%}"
    return f"{way}, {play.core_seconds:.0f} core-s"


def _all(plays: Sequence[ExpertPlay]) -> str:
    if not plays:
        return "not measured"
    finished = sum(one.ended == FINISHED for one in plays)
    returns = np.mean([one.episode_return for one in plays])
    return f"{finished} of {len(plays)} to the end, mean return {returns:,.0f}"


if __name__ == "__main__":
    command_line.run(main)
