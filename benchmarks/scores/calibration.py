"""How hard the levels are: what simple policies, JERK and the planner get under contest rules.

    python -m benchmarks.scores.calibration            measures, and goes on where it stopped
    python -m benchmarks.scores.calibration --show     prints what was measured, as Markdown,
                                                and puts it into the two READMEs

Each agent's play of each level is written down as soon as it is finished, so an interrupted
measurement loses no more than the levels that were being played. The planner's return is that of
its movie, which is played without stickiness.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import stable_retro

from agent.command_line import option, parse, run
from agent.errors import UserError
from arena.environment.availability import check_available
from arena.environment.contest_env import ContestEnv
from arena.environment.levels import Level, select
from arena.workers.pool import Pool
from baselines.jerk import Jerk
from baselines.simple_agents import POLICIES
from benchmarks.names import chosen
from benchmarks.readme_tables import README, ROOT, renew
from benchmarks.scores.calibration_results import (
    AGENTS,
    JERK,
    PLANNER,
    Cell,
    Results,
    Settings,
    rom_hashes,
)
from benchmarks.scores.calibration_tables import by_level, findings, readme_tables, summary, table

LONGEST_SECONDS = 4 * 3600.0  # that one agent may take over one level
MOVIE_FRAMES = 18_000
READMES = (README, ROOT / "game" / "README.md")


class CalibrationError(UserError):
    """A measurement that can't be made."""


@dataclass(frozen=True)
class Options:
    """Measure how hard the levels are, and print a table. The same command again goes on."""

    levels: str = option("levels or a set of levels", "pangolin-validation")
    agents: str = option(f"only these, with commas, of: {', '.join(AGENTS)} [all]", "")
    episodes: int = option("episodes of each simple policy on each level", 5)
    jerk_steps: int = option("JERK's budget on each level", 100_000)
    movies: Path = option("folder with the planner's movies, one a level", Path("game/movies"))
    seed: int = option("of policies and stickiness, 1 or more", 1)
    workers: int = option("processes", 2)
    out: Path = option("the results, read and written", Path("results/calibration.json"))
    show: bool = option("measure nothing: print --out as Markdown, and into the READMEs", False)


@dataclass(frozen=True)
class Task:
    """One agent on one level."""

    agent: str
    level: Level
    options: Options


def make_measure() -> Callable[[Task], Cell]:
    """What a worker process is made with: it needs no preparation."""
    return measure


def measure(task: Task) -> Cell:
    """Play an agent on a level."""
    if task.agent == PLANNER:
        return _play_movie(task.level, task.options)
    environment = ContestEnv(task.level, task.options.seed)
    try:
        if task.agent == JERK:
            jerk = Jerk(environment, task.options.jerk_steps, task.options.seed)
            jerk.run()
            return Cell(jerk.returns, jerk.steps)
        return _play_policy(environment, task)
    finally:
        environment.close()


def _play_policy(environment: ContestEnv, task: Task) -> Cell:
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
    return Cell(returns, steps)


def _play_movie(level: Level, options: Options) -> Cell:
    path = options.movies / level.game / f"{level.state}.bk2"
    if not path.is_file():
        path = options.movies / f"{level.state}.bk2"
    if not path.is_file():
        raise CalibrationError(f"no movie of {level.name} in {options.movies}")
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
        return Cell([total], -(-frames // 4))
    finally:
        environment.close()


def measure_all(tasks: Sequence[Task], results: Results, options: Options) -> None:
    """Play what the results lack, and write them down after each task."""
    todo = [task for task in tasks if results.get(task.agent, task.level.name) is None]
    print(f"{len(tasks) - len(todo)} of {len(tasks)} are measured already", file=sys.stderr)
    if not todo:
        return
    with Pool(make_measure, min(options.workers, len(todo)), LONGEST_SECONDS) as pool:
        for task, cell in pool.run(todo):
            results.add(task.agent, task.level.name, cell)
            results.save(options.out)
            print(
                f"{task.agent}, {task.level.state}: {cell.mean:.0f} over {len(cell.returns)}"
                f" episodes, {cell.steps} steps",
                file=sys.stderr,
                flush=True,
            )


def show(results: Results, readmes: Sequence[Path]) -> None:
    """Print the tables as Markdown, and bring those in the READMEs up to date."""
    print(f"{summary(results)}\n\n{by_level(results)}")
    for path in readmes:
        renew(path, readme_tables(results))


def main(argv: Sequence[str] | None = None) -> int:
    options = parse(Options, argv, prog="python -m benchmarks.scores.calibration")
    if options.show:
        show(Results.load(options.out), READMES)
        return 0
    if min(options.seed, options.episodes, options.workers, options.jerk_steps) < 1:
        raise CalibrationError("seed, episodes, workers and jerk-steps are 1 or more")
    agents, levels = chosen("agents", options.agents, AGENTS), select(options.levels)
    for level in levels:
        check_available(level)
    settings = Settings(options.episodes, options.jerk_steps, options.seed, rom_hashes(levels))
    results = Results.open(options.out, settings, [level.name for level in levels])
    tasks = [Task(agent, level, options) for agent, level in itertools.product(agents, levels)]
    measure_all(tasks, results, options)
    print(table(results))
    print("\n".join(findings(results)))
    return 0


if __name__ == "__main__":
    run(main)
