"""Plays a plan through the real socket under the contest's limits, in a run that can continue."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from arena.evaluation.evaluate import EvaluationPlan, evaluate
from arena.evaluation.level_run import LevelLimits, LevelRun
from arena.evaluation.results import RunResults
from arena.evaluation.run_folder import current_command, open_run

LEVEL_HOURS = 12.0  # the contest's limit
SECONDS_TO_CONNECT, SECONDS_TO_HANG = 120.0, 900.0


def contest_limits(budget_steps: int) -> LevelLimits:
    """Return the limits of a level with this budget, in timesteps."""
    return LevelLimits(budget_steps, LEVEL_HOURS * 3600, SECONDS_TO_CONNECT, SECONDS_TO_HANG)


def play_plan(
    plan: EvaluationPlan, folder: Path, console: Console, level_run: type[LevelRun] = LevelRun
) -> RunResults:
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
        return evaluate(plan, run, console, level_run=level_run)
    finally:
        run.close()
