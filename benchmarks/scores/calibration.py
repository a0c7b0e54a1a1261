"""Measures how hard the levels are: scores of simple policies, JERK and the planner.

    python -m benchmarks.scores.calibration          measures; the same command continues
    python -m benchmarks.scores.calibration --show   prints the tables and updates the documents

All agents play under the contest's rules. Each result is written to the file when the level ends,
so an interruption loses only the levels that are being played. The planner's return is that of its
movie, which is played without sticky actions.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import stable_retro

from agent.command_line import option, parse, run
from agent.command_line.ranges import COUNT, PROCESSES, SEED
from agent.errors import UserError
from arena.environment.availability import check_available
from arena.environment.contest_env import ContestEnv
from arena.environment.level_names import LEVELS_HELP
from arena.environment.levels import Level, select
from arena.workers.pool import Pool
from baselines.jerk import Jerk
from baselines.simple_agents import POLICIES
from benchmarks.identity import rom_hashes
from benchmarks.measured_tables import update_documents
from benchmarks.names import chosen
from benchmarks.scores.calibration_scores import (
    AGENTS,
    PLANNER,
    CalibrationScores,
    CalibrationSettings,
    LevelReturns,
)
from benchmarks.scores.calibration_tables import by_level, document_tables, findings, summary, table
from benchmarks.scores.contest_players import JERK

LONGEST_SECONDS = 4 * 3600.0  # time limit of one agent on one level
MOVIE_FRAMES = 18_000


class CalibrationError(UserError):
    """The calibration can't be measured."""


@dataclass(frozen=True)
class Options:
    """Measure how hard the levels are. The same command continues a measurement."""

    extra: ClassVar[str] = "train"

    levels: str = option(LEVELS_HELP, "pangolin-validation")
    agents: str = option("agents to measure, separated by commas", ",".join(AGENTS))
    episodes: int = option("episodes of each simple policy on each level", 5, within=COUNT)
    jerk_steps: int = option("timesteps of JERK's budget on each level", 100_000, within=COUNT)
    movies: Path = option(
        "folder with the planner's movies, one for each level", Path("game/movies")
    )
    seed: int = option(
        "random seed of the policies and of the sticky actions, 1 or more", 1, within=SEED
    )
    workers: int = option("number of processes", 2, within=PROCESSES)
    out: Path = option("file of the results", Path("results/calibration.json"))
    show: bool = option(
        "measure nothing: print the results in --out and update the documents", False
    )


@dataclass(frozen=True)
class CalibrationTask:
    """One agent on one level."""

    agent: str
    level: Level
    options: Options


def make_measure() -> Callable[[CalibrationTask], LevelReturns]:
    """Return the function that a worker process calls for each task."""
    return measure


def measure(task: CalibrationTask) -> LevelReturns:
    """Play an agent on a level."""
    if task.agent == PLANNER:
        return _play_movie(task.level, task.options)
    environment = ContestEnv(task.level, task.options.seed)
    try:
        if task.agent == JERK:
            jerk = Jerk(environment, task.options.jerk_steps, task.options.seed)
            jerk.run()
            return LevelReturns(jerk.returns, jerk.steps)
        return _play_policy(environment, task)
    finally:
        environment.close()


def _play_policy(environment: ContestEnv, task: CalibrationTask) -> LevelReturns:
    returns, steps = [], 0
    for episode in range(task.options.episodes):
        environment.reset()
        random = np.random.default_rng([task.options.seed, episode])
        total, done = 0.0, False
        for action in POLICIES[task.agent](random):
            _, reward, done, _ = environment.step(action)
            total += reward
            steps += 1
            if done:
                break
        returns.append(total)
    return LevelReturns(returns, steps)


def _play_movie(level: Level, options: Options) -> LevelReturns:
    path = options.movies / level.game / f"{level.state}.bk2"
    if not path.is_file():
        path = options.movies / f"{level.state}.bk2"
    if not path.is_file():
        raise CalibrationError(
            f"{options.movies} has no movie of {level.name}: give another --movies"
        )
    environment = ContestEnv(
        level, options.seed, frame_skip=1, stickiness=0.0, max_steps=MOVIE_FRAMES
    )
    try:
        environment.reset()
        movie = stable_retro.Movie(str(path))
        movie.step()  # the frame of the reset
        total, frames = 0.0, 0
        while movie.step():
            buttons = [movie.get_key(i, 0) for i in range(environment.n_buttons)]
            _, reward, done, _ = environment.step(np.array(buttons, np.uint8))
            total += reward
            frames += 1
            if done:
                break
        return LevelReturns([total], -(-frames // 4))
    finally:
        environment.close()


def measure_all(
    tasks: Sequence[CalibrationTask], scores: CalibrationScores, options: Options
) -> None:
    """Play the tasks that have no score yet, and write the file after each task."""
    todo = [task for task in tasks if scores.get(task.agent, task.level.name) is None]
    print(f"{len(tasks) - len(todo)} of {len(tasks)} are already measured", file=sys.stderr)
    if not todo:
        return
    with Pool(make_measure, min(options.workers, len(todo)), LONGEST_SECONDS) as pool:
        for task, result in pool.run(todo):
            scores.add(task.agent, task.level.name, result)
            scores.save(options.out)
            print(
                f"{task.agent}, {task.level.state}: {result.mean:.0f} over"
                f" {len(result.returns)} episodes, {result.steps} steps",
                file=sys.stderr,
                flush=True,
            )


def show(scores: CalibrationScores) -> None:
    """Print the tables as Markdown and update the documents."""
    print(f"{summary(scores)}\n\n{by_level(scores)}")
    update_documents(document_tables(scores))


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    options = parse(Options, argv, prog="python -m benchmarks.scores.calibration")
    if options.show:
        show(CalibrationScores.load(options.out))
        return 0
    agents, levels = chosen("agents", options.agents, AGENTS), select(options.levels)
    for level in levels:
        check_available(level)
    settings = CalibrationSettings(
        options.episodes, options.jerk_steps, options.seed, rom_hashes(levels)
    )
    scores = CalibrationScores.open(options.out, settings, [level.name for level in levels])
    tasks = [
        CalibrationTask(agent, level, options) for agent, level in itertools.product(agents, levels)
    ]
    measure_all(tasks, scores, options)
    print(table(scores))
    print("\n".join(findings(scores)))
    return 0


if __name__ == "__main__":
    run(main)
