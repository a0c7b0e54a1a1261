"""The options of `local_eval.py run`, and the evaluation plan that they describe."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from agent.command_line import option
from agent.command_line.ranges import COUNT, PROCESSES, SECONDS, SEED, check_ranges
from agent.errors import UserError
from agent.settings import RULES
from arena.environment.level_names import LEVELS_HELP
from arena.environment.levels import select
from arena.evaluation.agents import (
    OURS,
    Agent,
    AgentOptions,
    CommandAgent,
    LocalAgent,
)
from arena.evaluation.baseline_agents import BASELINES, BaselineAgent
from arena.evaluation.containers import ImageAgent
from arena.evaluation.evaluate import EvaluationPlan
from arena.evaluation.level_run import LevelLimits
from arena.workers.ray_cluster import ADDRESS_HELP, EXECUTOR_HELP, EXECUTORS, check_address

DEFAULT_LEVELS = "pangolin-validation"  # the bundled game, which needs no ROM from the user
# An episode that reaches the time limit takes 4,500 steps. It counts only after the next reset.
DEFAULT_BUDGET_STEPS = 5_000
FULL_BUDGET_STEPS = 1_000_000
DEFAULT_SEED = 1
AGENTS_HELP = "\n".join(
    [
        "agent that comes with the project:",
        f"{OURS}: World Models agent of this project",
        *(f"{name}: {about}" for name, about in BASELINES.items()),
    ]
)
# Headings of --help.
WHAT, AGENT, SHOWN = "levels and budget", "agent", "what is written and shown"
MACHINES, LIMITS = "machines", "limits"


@dataclass(frozen=True)
class RunOptions:
    """Evaluate an agent on levels as the contest did, and print its score.

    The same command resumes an interrupted run.
    """

    levels: str = option(LEVELS_HELP, DEFAULT_LEVELS, group=WHAT)
    budget_steps: int | None = option(
        f"timesteps per level, resets included [{DEFAULT_BUDGET_STEPS:,}]",
        None,
        group=WHAT,
        within=COUNT,
    )
    full: bool = option(
        f"use the contest's budget of {FULL_BUDGET_STEPS:,} timesteps", False, group=WHAT
    )
    seed: int | None = option(
        "random seed of the sticky actions and of the agent, 1 or more"
        f" [{DEFAULT_SEED}, and the agent's own]",
        None,
        group=WHAT,
        within=SEED,
    )
    agent: str = option(AGENTS_HELP, OURS, choices=(OURS, *BASELINES), group=AGENT)
    agent_command: str | None = option(
        "command of another agent, instead of --agent", None, group=AGENT
    )
    image: str | None = option(
        "contest image of another agent, instead of --agent", None, group=AGENT
    )
    pretrained: Path | None = option(
        f"packed model of the agent `{OURS}` [pretrained]", None, group=AGENT
    )
    lock_in_rule: str | None = option(
        "lock-in rule [the agent's own]", None, env="LOCK_IN_RULE", choices=RULES, group=AGENT
    )
    lock_in: float | None = option(
        "lock-in score [the agent's own]",
        None,
        env="LOCK_IN_SCORE",
        group=AGENT,
        within=(float("-inf"), float("inf")),
    )
    repeats: int | None = option(
        "episodes per candidate, without a lock-in, to record a run for `tune`",
        None,
        group=AGENT,
        within=COUNT,
    )
    out: Path | None = option(
        "run folder [the unfinished one of this command in runs/, or a new one there]",
        None,
        group=SHOWN,
    )
    watch: bool = option(
        "serve a page on this machine that shows the play live", False, group=SHOWN
    )
    report: bool = option("write report.html into the run folder at the end", True, group=SHOWN)
    workers: int | None = option(
        "number of levels played at once [one per core]", None, group=MACHINES, within=PROCESSES
    )
    executor: str = option(EXECUTOR_HELP, "local", choices=EXECUTORS, group=MACHINES)
    ray_address: str | None = option(ADDRESS_HELP, None, group=MACHINES)
    wall_clock_hours: float = option(
        "time limit per level, in hours", 12.0, group=LIMITS, within=(0.0001, 8784.0)
    )
    connect_seconds: float = option(
        "time limit for an agent to connect, in seconds", 120.0, group=LIMITS, within=SECONDS
    )
    hang_seconds: float = option(
        "seconds without a step after which an agent counts as failed",
        900.0,
        group=LIMITS,
        within=SECONDS,
    )
    image_memory_gigabytes: float = option(
        "memory limit of the image's container, in gigabytes", 8.0, group=LIMITS, within=(0.01, 1e6)
    )

    def __post_init__(self) -> None:
        """Check the numbers, and options that exclude each other.

        Raises:
            UserError: an option is out of range, or two options exclude each other.
        """
        check_ranges(self)
        other_program = self.agent_command is not None or self.image is not None
        baseline = self.agent != OURS
        lock_in = (self.lock_in, self.lock_in_rule, self.repeats) != (None, None, None)
        conflicts = [
            (
                self.full and self.budget_steps is not None,
                "--full and --budget-steps exclude each other: use one of them",
            ),
            (
                self.agent_command is not None and self.image is not None,
                "--agent-command and --image exclude each other: use one of them",
            ),
            (
                self.watch and self.executor == "ray",
                "--watch shows only levels played on this machine: leave out --executor ray",
            ),
            (
                baseline and other_program,
                f"--agent {self.agent} and another agent exclude each other: use one of them",
            ),
            (
                bool(self.pretrained) and (other_program or baseline),
                f"--pretrained is for the agent `{OURS}` only: leave it out",
            ),
            (
                baseline and lock_in,
                f"the agent {self.agent} has no lock-in: leave out --lock-in, --lock-in-rule,"
                " --repeats and their environment variables",
            ),
        ]
        for conflict, message in conflicts:
            if conflict:
                raise UserError(message)
        check_address(self.executor, self.ray_address)


def make_plan(options: RunOptions) -> EvaluationPlan:
    """Resolve the options to levels, an agent and limits.

    Raises:
        UserError: a level, an image or a container engine does not exist, or a command is invalid.
    """
    levels = select(options.levels)
    budget_steps = options.budget_steps or DEFAULT_BUDGET_STEPS
    if options.full:
        budget_steps = FULL_BUDGET_STEPS
    limits = LevelLimits(
        budget_steps=budget_steps,
        wall_clock_seconds=options.wall_clock_hours * 3600,
        connect_seconds=options.connect_seconds,
        hang_seconds=options.hang_seconds,
    )
    agent_options = AgentOptions(
        budget_steps, options.seed, options.lock_in, options.lock_in_rule, options.repeats
    )
    # A level's emulator and agent wait for each other most of the time: together they use one core.
    workers = options.workers or len(os.sched_getaffinity(0))
    return EvaluationPlan(
        levels=levels,
        agent=_make_agent(options, agent_options),
        limits=limits,
        seed=options.seed or DEFAULT_SEED,
        workers=min(workers, len(levels)),
    )


def _make_agent(options: RunOptions, agent_options: AgentOptions) -> Agent:
    if options.agent_command is not None:
        return CommandAgent.parse(options.agent_command, agent_options)
    if options.image is not None:
        memory = options.image_memory_gigabytes
        return ImageAgent.find(options.image, agent_options, memory, os.environ)
    if options.agent != OURS:
        return BaselineAgent(options.agent, agent_options)
    return LocalAgent.configure(os.environ, options.pretrained, agent_options)
