"""Scores of a packed model beside random play, in raw numbers.

The stickiness seeds are fresh: none of them chose anything in training. Candidates are drawn as
the agent draws them at play, one an episode, without learning in between.
"""

from __future__ import annotations

import functools
import os
import shlex
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agent import command_line
from agent.buttons import ACTION_BUTTONS, GENESIS_BUTTONS, to_genesis
from agent.command_line import option
from agent.errors import UserError
from agent.evolution import Evolution
from agent.files import sha256
from agent.world_model.controller import Controller
from agent.world_model.packed_model import EVOLUTION_ARRAYS, load
from agent.world_model.world_model import load_world_model
from arena.environment.availability import check_available
from arena.environment.contest_env import ContestEnv
from arena.environment.levels import Level, select
from arena.evaluation.score import bootstrap_interval
from arena.workers.pool import Pool
from benchmarks.measured import write_measured
from training.runs.progress import ProgressBar
from training.search.rollouts import play

FIRST_SEED = 1_500_000_000  # evolution draws its seeds from 2**31 on
PLAYERS = {
    "mean of the distribution": "mean",
    "candidates drawn from it": "drawn",
    f"random, {' '.join(ACTION_BUTTONS)}": "random4",
    "random, all twelve buttons": "random12",
}


@dataclass(frozen=True)
class Options:
    """Measure a packed model and random play; write the scores as JSON."""

    pretrained: Path = option("folder of the packed model", Path("pretrained"))
    levels: str = option("level set, GAME:STATE or folder, separated by commas", "airstriker")
    episodes: int = option("episodes of each player on each level", 30)
    max_steps: int = option("steps after which an episode is cut; the contest's limit", 4500)
    workers: int = option("processes, one emulator and one thread each", 2)
    out: Path = option("file to write", Path("results/first_scores.json"))


@dataclass(frozen=True)
class Task:
    """One episode of one player."""

    player: str
    number: int
    level: Level
    seed: int


class Measurer:
    """Plays tasks in a worker process."""

    def __init__(self, pretrained: Path, max_steps: int) -> None:
        """Load the packed model, and draw its first populations' candidates when asked."""
        self._world_model = load_world_model(load(pretrained))
        self._evolution = Evolution.load(pretrained)
        self._mean = self._evolution.mean
        self._candidates: list[NDArray[np.float64]] = []
        self._max_steps = max_steps

    def __call__(self, task: Task) -> dict[str, float]:
        """Play an episode."""
        env = ContestEnv(task.level, seed=task.seed, max_steps=self._max_steps)
        try:
            if PLAYERS[task.player].startswith("random"):
                return _play_at_random(env, task)
            if PLAYERS[task.player] == "mean":
                controller = Controller(self._mean)
            else:
                controller = Controller(self._candidate(task.number))
            return asdict(play(env, self._world_model, controller.act))
        finally:
            env.close()

    def _candidate(self, number: int) -> NDArray[np.float64]:
        while len(self._candidates) <= number:
            self._candidates += list(self._evolution.ask())
        return self._candidates[number]


def _play_at_random(env: ContestEnv, task: Task) -> dict[str, float]:
    random = np.random.default_rng((task.seed, 1))
    env.reset()
    total, steps, done = 0.0, 0, False
    while not done:
        if PLAYERS[task.player] == "random4":
            buttons = to_genesis(random.integers(0, 2, len(ACTION_BUTTONS), np.uint8))
        else:
            buttons = random.integers(0, 2, len(GENESIS_BUTTONS), np.uint8)
        _, reward, done, _ = env.step(buttons)
        total += reward
        steps += 1
    return {"episode_return": total, "steps": steps}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    options = command_line.parse(Options, argv, prog="python -m benchmarks.scores.first_scores")
    if options.episodes < 2:
        raise UserError(f"{options.episodes} episodes: give 2 or more")
    levels = select(options.levels)
    for level in levels:
        check_available(level)
    load(options.pretrained)
    if not os.access(options.out.resolve().parent, os.W_OK):
        raise UserError(f"{options.out.parent} can't be written: give another --out")
    tasks = [
        Task(player, number, level, FIRST_SEED + number)
        for number in range(options.episodes)
        for player in PLAYERS
        for level in levels
    ]
    scores = _scores(options, levels, _measure(options, tasks))
    write_measured(options.out, scores)
    for player, score in scores["players"].items():
        low, high = score["interval"]
        print(f"{player:32} {score['mean']:8.1f}  ({low:.1f} .. {high:.1f})")
    return 0


def _measure(options: Options, tasks: Sequence[Task]) -> dict[Task, dict[str, float]]:
    make = functools.partial(Measurer, options.pretrained, options.max_steps)
    measured: dict[Task, dict[str, float]] = {}
    with Pool(make, options.workers) as pool, ProgressBar("episodes", len(tasks)) as progress:
        for task, result in pool.run(tasks):
            measured[task] = result
            progress.update(len(measured))
    return measured


def _scores(
    options: Options, levels: Sequence[Level], measured: dict[Task, dict[str, float]]
) -> dict[str, Any]:
    """The file: mean and interval of each player, then the return and length of each episode."""
    players, returns = {}, {}
    for player in PLAYERS:
        episodes = {level.name: list(_episodes(measured, player, level)) for level in levels}
        table = [[episode["episode_return"] for episode in of] for of in episodes.values()]
        players[player] = {
            "mean": float(np.mean([np.mean(row) for row in table])),
            "interval": bootstrap_interval(table),
            "highest": float(max(map(max, table))),
            "mean_steps": float(np.mean([e["steps"] for of in episodes.values() for e in of])),
            "episodes": sum(map(len, table)),
        }
        returns[player] = episodes
    return {
        "command": shlex.join(["python", "-m", "benchmarks.scores.first_scores", *sys.argv[1:]]),
        "pretrained": str(options.pretrained),
        "evolution_sha256": sha256(options.pretrained / EVOLUTION_ARRAYS),
        "levels": [level.name for level in levels],
        "stickiness_seeds": [FIRST_SEED, FIRST_SEED + options.episodes - 1],
        "players": players,
        "returns": returns,
    }


def _episodes(
    measured: dict[Task, dict[str, float]], player: str, level: Level
) -> Iterator[dict[str, float]]:
    for task in sorted(measured, key=lambda task: task.number):
        if task.player == player and task.level == level:
            yield measured[task]


if __name__ == "__main__":
    command_line.run(main)
