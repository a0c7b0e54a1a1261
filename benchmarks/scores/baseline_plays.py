"""Plays one budget with a baseline, and counts exactly as the contest's server does.

Baselines have no model. They play in the process of the benchmark, without the socket.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from arena.environment.contest_env import ContestEnv
from arena.environment.levels import Level
from arena.evaluation.score import read_monitor
from arena.server.monitor import MONITOR_FILE, Monitor
from baselines.jerk import Jerk
from baselines.simple_agents import POLICIES, BaselineEnv, Buttons, play_policy
from benchmarks.scores.contest_plays import Play

JERK = "JERK"
HOLD_RIGHT, RUN_AND_JUMP, RANDOM = POLICIES
BASELINES = (RANDOM, *(name for name in POLICIES if name != RANDOM), JERK)  # the tables' order


class BudgetSpentError(Exception):
    """All timesteps are used."""


class CountedEnv:
    """A level's environment that counts as the contest's server does, and stops at the budget."""

    def __init__(self, environment: BaselineEnv, monitor: Monitor, budget_steps: int) -> None:
        self._environment = environment
        self._monitor = monitor
        self._budget_steps = budget_steps
        self.timesteps = 0

    def reset(self) -> NDArray[np.uint8]:
        """Start an episode; the episode before it is counted now.

        Raises:
            BudgetSpentError: this was the last timestep.
        """
        self._monitor.reset()
        frame = self._environment.reset()
        self._spend()
        return frame

    def step(self, buttons: Buttons) -> tuple[NDArray[np.uint8], float, bool, object]:
        """Play a step.

        Raises:
            BudgetSpentError: this was the last timestep.
        """
        answer = self._environment.step(buttons)
        self._monitor.step(answer[1])
        self._spend()
        return answer

    def _spend(self) -> None:
        self.timesteps += 1
        if self.timesteps >= self._budget_steps:
            raise BudgetSpentError


@dataclass(frozen=True)
class BaselineTask:
    """A baseline's budget on one level."""

    agent: str
    level: Level
    seed: int
    budget_steps: int
    folder: Path  # for monitor.csv and log.csv


def make_play_baseline() -> Callable[[BaselineTask], Play]:
    """Return the function that a worker process calls for each task."""
    return play_baseline


def play_baseline(task: BaselineTask) -> Play:
    """Play a baseline's budget on the emulator of this process."""
    environment = ContestEnv(task.level, task.seed)
    try:
        return play_budget(environment, task)
    finally:
        environment.close()


def play_budget(environment: BaselineEnv, task: BaselineTask) -> Play:
    """Play a baseline's budget on an environment.

    Raises:
        UserError: the folder for the contest's files can't be written.
    """
    monitor = Monitor(task.folder)
    counted = CountedEnv(environment, monitor, task.budget_steps)
    started = time.perf_counter()
    try:
        with contextlib.suppress(BudgetSpentError):
            if task.agent == JERK:
                Jerk(counted, task.budget_steps, task.seed).run()
            else:
                play_policy(POLICIES[task.agent], counted, task.seed)
    finally:
        monitor.close()
    return read_play(task.folder, counted.timesteps, time.perf_counter() - started)


def read_play(
    folder: Path, timesteps: int, seconds: float, locked_in_at: int | None = None
) -> Play:
    """Return a play whose episodes are read from the contest's monitor.csv in a folder."""
    episodes = read_monitor(folder / MONITOR_FILE)
    returns = [episode.episode_return for episode in episodes]
    return Play(returns, [one.length for one in episodes], timesteps, seconds, locked_in_at)
