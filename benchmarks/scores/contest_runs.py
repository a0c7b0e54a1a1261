"""Plays budgets through the real socket under the contest's limits.

`play_level` plays one level and measures the agent's memory; `play_plan` plays several levels in a
run folder that can be continued.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from agent.errors import UserError
from arena.environment.levels import Level
from arena.evaluation.agent_process import AgentProcess, WorkingDirectory
from arena.evaluation.agents import LocalAgent
from arena.evaluation.baseline_agents import BaselineAgent
from arena.evaluation.evaluate import EvaluationPlan, evaluate
from arena.evaluation.level_run import LevelLimits, LevelRun
from arena.evaluation.results import RunResults
from arena.evaluation.run_folder import current_command, open_run
from arena.evaluation.score import read_monitor
from arena.evaluation.supervisor import descendants
from arena.server.monitor import MONITOR_FILE
from arena.server.session_result import TIMESTEP_LIMIT
from benchmarks.process_memory import PeakMemory
from benchmarks.scores.contest_plays import Play

LEVEL_HOURS = 12.0  # the contest's limit
SECONDS_TO_CONNECT, SECONDS_TO_HANG = 120.0, 900.0
Player = LocalAgent | BaselineAgent


class PlayError(UserError):
    """A budget was not played to its end."""


@dataclass
class MeasuredAgent:
    """An agent whose memory is measured from its start."""

    agent: Player
    memory: PeakMemory | None = None

    @property
    def name(self) -> str:
        return self.agent.name

    def check(self) -> None:
        self.agent.check()

    def describe(self) -> dict[str, Any]:
        return self.agent.describe()

    def start(self, directory: WorkingDirectory) -> AgentProcess:
        process = self.agent.start(directory)
        self.memory = PeakMemory(lambda: descendants(process.supervisor_pid))
        return process


def contest_limits(budget_steps: int) -> LevelLimits:
    """Return the limits of a level with this budget, in timesteps."""
    return LevelLimits(budget_steps, LEVEL_HOURS * 3600, SECONDS_TO_CONNECT, SECONDS_TO_HANG)


def play_level(
    agent: Player,
    level: Level,
    budget_steps: int,
    seed: int,
    folder: Path,
    stop: threading.Event,
) -> Play:
    """Play a budget on one level.

    Args:
        agent: the agent, with its own seed.
        level: the level.
        budget_steps: timesteps, resets included.
        seed: random seed of the sticky actions.
        folder: folder of the play; the files of an earlier, interrupted play are replaced.
        stop: event that interrupts the play.

    Raises:
        LevelStopped: `stop` was set.
        PlayError: the agent or its server failed, or the time limit came first.
    """
    measured = MeasuredAgent(agent)
    run = LevelRun(level, folder, measured, seed, contest_limits(budget_steps))
    try:
        result = run.play(stop)
    except OSError as error:
        raise PlayError(f"{folder} can't be written ({error.strerror})") from error
    finally:
        if measured.memory is not None:
            measured.memory.stop()
    if result.ended_by != TIMESTEP_LIMIT or result.error:
        reason = result.error.reason if result.error else f"it ended by {result.ended_by}"
        output = f"\n{result.error.stderr}" if result.error and result.error.stderr else ""
        raise PlayError(f"{run.folder} was not played to its end: {reason}{output}")
    assert result.timesteps is not None and result.seconds is not None
    assert measured.memory is not None
    episodes = read_monitor(run.folder / MONITOR_FILE)
    return Play(
        returns=[episode.episode_return for episode in episodes],
        lengths=[episode.length for episode in episodes],
        timesteps=result.timesteps,
        seconds=result.seconds,
        locked_in_at=result.locked_in_at,
        peak_mib=measured.memory.mib,
    )


def play_plan(plan: EvaluationPlan, folder: Path, console: Console) -> RunResults:
    """Play the levels that have no result in a run folder, which is new or of the same plan.

    The agent and the sticky actions have the plan's seed.

    Raises:
        EvaluationInterrupted: Ctrl-C; finished levels are kept.
        UserError: a level or the agent is missing, or the folder has another run.
    """
    plan.check()
    seeds = {"stickiness": plan.seed, "agent": plan.seed}
    run = open_run(folder, plan.settings(), name=folder.name, seeds=seeds, argv=current_command())
    try:
        return evaluate(plan, run, console)
    finally:
        run.close()
