"""Measures the planner's expert, which is to teach the agent, under the contest's sticky actions.

    python -m benchmarks.scores.teacher          measures
    python -m benchmarks.scores.teacher --show   prints the tables and updates the documents

Each play is written to the file when it ends, and the same command continues. Its return is the
contest environment's own. The expert does not know what the sticky actions will draw.
"""

from __future__ import annotations

import dataclasses
import itertools
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from agent.command_line import option, parse, run
from agent.command_line.ranges import COUNT, PROCESSES
from arena.environment.availability import check_available
from arena.environment.contest_env import ContestEnv
from arena.environment.contest_rules import MAX_STEPS
from arena.environment.level_names import LEVELS_HELP
from arena.environment.levels import Level, level_sets, select
from arena.evaluation.score import bootstrap_interval
from arena.workers.pool import Pool
from benchmarks.identity import rom_hashes
from benchmarks.measured_tables import update_documents
from benchmarks.store import Values, check_same, load_rows, save_rows
from benchmarks.tables import markdown_table
from training.experts.route_simulator import VERSION
from training.experts.sticky_play import planner_for, play

TABLE = "teacher"  # its name in the documents
KIND = "teacher"
IDENTITY = {"expert": "sticky planner", "expert_version": VERSION}
LONGEST_SECONDS = 4 * 3600.0  # time limit of one play
FINISHED, DIED, STUCK, TIME_UP = "finished", "died", "stuck", "time up"


@dataclass(frozen=True)
class Options:
    """Measure the planner's expert. The same command continues a measurement."""

    extra: ClassVar[str] = "train"

    levels: str = option(LEVELS_HELP, "pangolin-train")
    seeds: int = option("plays of each level, with the random seeds 1, 2, ...", 1, within=COUNT)
    workers: int = option("number of processes", 1, within=PROCESSES)
    out: Path = option("file of the results", Path("results/teacher.json"))
    show: bool = option(
        "measure nothing: print the results in --out and update the documents", False
    )


@dataclass(frozen=True)
class TeacherPlay:
    """One episode of the expert.

    Attributes:
        level: name of the level, GAME:STATE.
        seed: random seed of the sticky actions and of the expert's plans.
        rom: SHA-1 of the ROM.
        episode_return: return under the contest's rules, at most 10,000.
        ended: how the episode ended, one of FINISHED, DIED, STUCK and TIME_UP.
        x, y: position of the player at the end, in pixels.
        share: share 0-1 of the route up to there.
        steps: steps of the episode.
        core_seconds: processor time of the play, the expert's plans included.
    """

    level: str
    seed: int
    rom: str
    episode_return: float
    ended: str
    x: int
    y: int
    share: float
    steps: int
    core_seconds: float


@dataclass(frozen=True)
class TeacherTask:
    """A level to play, with a seed."""

    level: Level
    seed: int
    rom: str

    @property
    def key(self) -> tuple[str, int, str]:
        """Return what identifies the play."""
        return self.level.name, self.seed, self.rom


def make_measure() -> Callable[[TeacherTask], TeacherPlay]:
    """Return the function that a worker process calls for each task."""
    return measure


def measure(task: TeacherTask) -> TeacherPlay:
    """Play one episode."""
    began = time.process_time()
    env = ContestEnv(task.level, task.seed)
    try:
        env.reset()
        expert = planner_for(env)
        rewards = [step.reward for step in play(env, expert, task.seed)]
        if expert.ended:
            ended = FINISHED if expert.won else DIED
        else:
            ended = STUCK if len(rewards) < MAX_STEPS else TIME_UP
        return TeacherPlay(
            level=task.level.name,
            seed=task.seed,
            rom=task.rom,
            episode_return=round(float(np.sum(rewards)), 2),
            ended=ended,
            x=expert.position[0],
            y=expert.position[1],
            share=round(expert.share, 3),
            steps=len(rewards),
            core_seconds=round(time.process_time() - began, 1),
        )
    finally:
        env.close()


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    options = parse(Options, argv, prog="python -m benchmarks.scores.teacher")
    if options.show:
        print(tables(plays := load_plays(options.out)))
        update_documents({TABLE: summary(plays)})
        return 0
    levels = select(options.levels)
    for level in levels:
        check_available(level)
    roms = rom_hashes(levels)
    tasks = [
        TeacherTask(level, seed, roms[level.game])
        for seed, level in itertools.product(range(1, options.seeds + 1), levels)
    ]
    plays = load_plays(options.out) if options.out.exists() else []
    measure_all(tasks, plays, options)
    names = {level.name for level in levels}
    print(tables([one for one in plays if one.level in names and one.seed <= options.seeds]))
    return 0


def measure_all(tasks: Sequence[TeacherTask], plays: list[TeacherPlay], options: Options) -> None:
    """Make the plays that are missing, and write the file after each of them.

    Args:
        tasks: all plays to be made.
        plays: the plays that are known. New ones are added, and those with another ROM of the same
            level removed.
        options: the command's options.
    """
    roms = {task.level.name: task.rom for task in tasks}
    plays[:] = [one for one in plays if roms.get(one.level, one.rom) == one.rom]
    known = {(one.level, one.seed, one.rom) for one in plays}
    todo = [task for task in tasks if task.key not in known]
    print(f"{len(tasks) - len(todo)} of {len(tasks)} are already measured", file=sys.stderr)
    if not todo:
        return
    with Pool(make_measure, min(options.workers, len(todo)), LONGEST_SECONDS) as pool:
        for _, made in pool.run(todo):
            plays.append(made)
            save_rows(options.out, KIND, IDENTITY, [dataclasses.asdict(one) for one in plays])
            print(
                f"{made.level}, seed {made.seed}: {made.episode_return:.0f}, {made.ended} after"
                f" {made.steps} steps, {made.core_seconds:.0f} core-seconds",
                file=sys.stderr,
                flush=True,
            )


def load_plays(path: Path) -> list[TeacherPlay]:
    """Read a file of plays.

    Raises:
        StoreError: the file is missing, damaged, of another kind, or of another version of the
            expert.
    """

    def build(values: Values, rows: list[Values]) -> list[TeacherPlay]:
        check_same(path, {name: values[name] for name in IDENTITY}, IDENTITY)
        return [TeacherPlay(**row) for row in rows]

    return load_rows(path, KIND, build)


def tables(plays: Sequence[TeacherPlay]) -> str:
    """Return Markdown: a summary of each level set, and a table of all plays."""
    head = ["level", "seed", "return", "end", "steps", "core-seconds"]
    rows = [
        [
            one.level,
            str(one.seed),
            f"{one.episode_return:,.0f}",
            one.ended,
            str(one.steps),
            f"{one.core_seconds:.0f}",
        ]
        for one in plays
    ]
    return f"{summary(plays)}\n\n{markdown_table(head, rows)}"


def summary(plays: Iterable[TeacherPlay]) -> str:
    """Return Markdown: the scores of each level set, and the plays that did not finish."""
    by_set: dict[str, list[TeacherPlay]] = {}
    for one in plays:
        by_set.setdefault(_set_of(one.level), []).append(one)
    head = ["levels", "plays", "mean return", "95% interval", "finished", "core-seconds", "most"]
    made = markdown_table(head, [_summary(name, group) for name, group in by_set.items()])
    failed = [one for group in by_set.values() for one in group if one.ended != FINISHED]
    if not failed:
        return made
    rows = [
        [
            f"{one.level}, seed {one.seed}",
            f"{one.episode_return:,.0f}",
            f"{one.ended} at x {one.x}, y {one.y}, after {one.share:.0%} of the route",
        ]
        for one in failed
    ]
    return f"{made}\n\n{markdown_table(['not finished', 'return', 'end'], rows)}"


def _set_of(level: str) -> str:
    """Return the level set that a level belongs to, or its game."""
    sets = (name for name, levels in level_sets().items() for one in levels if one.name == level)
    return next(sets, level.partition(":")[0])


def _summary(name: str, plays: Sequence[TeacherPlay]) -> list[str]:
    by_level: dict[str, list[float]] = {}
    for one in plays:
        by_level.setdefault(one.level, []).append(one.episode_return)
    interval = bootstrap_interval(list(by_level.values()))
    seconds = [one.core_seconds for one in plays]
    return [
        f"`{name}`, {len(by_level)}",
        str(len(plays)),
        f"{np.mean([np.mean(returns) for returns in by_level.values()]):,.0f}",
        f"{interval[0]:,.0f} to {interval[1]:,.0f}" if interval else "-",
        str(sum(one.ended == FINISHED for one in plays)),
        f"{np.mean(seconds):.0f}",
        f"{max(seconds):.0f}",
    ]


if __name__ == "__main__":
    run(main)
