"""The contest on this machine: plays an agent on a level set and prints its score.

    python local_eval.py                         the pretrained agent, about two minutes
    python local_eval.py run --levels sonic-validation --full --workers 3
    python local_eval.py run --watch             with a page to look on, live
    python local_eval.py run --agent-command "python my_agent.py"
    python local_eval.py run --image registry/agent:1
    python local_eval.py tune runs/...           the lock-in rule, from what runs have recorded
    python local_eval.py movie runs/.../best.bk2
    python local_eval.py report RUN              makes RUN/report.html again
    python local_eval.py report RUN RUN          compares runs

Exit code: 0; 1 if a level failed; 2 for a mistake, told in one line; 130 after Ctrl-C.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from agent import command_line
from agent.command_line import option
from agent.errors import INTERRUPTED_EXIT_CODE, USER_ERROR_EXIT_CODE, UserError
from agent.settings import RULES, RULES_WITHOUT_THRESHOLD
from agent.world_model.packed_model import PackedModelError

try:
    from rich.console import Console

    from arena.environment.levels import select
    from arena.evaluation.agents import Agent, CommandAgent, LocalAgent, Run
    from arena.evaluation.cluster_level import ClusterLevelRun
    from arena.evaluation.containers import ImageAgent
    from arena.evaluation.evaluate import Audience, Interrupted, Plan, evaluate, integration_of
    from arena.evaluation.level_run import LevelRun, Limits
    from arena.evaluation.progress import show_files, show_table
    from arena.evaluation.run_folder import current_command, open_run
    from arena.pages.report import writing
    from arena.pages.report.endings import LevelMap
    from arena.pages.report.records import LevelRecord
    from arena.pages.tuning import command
    from arena.replay import movies
    from arena.workers.ray_cluster import (
        ADDRESS_HELP,
        EXECUTOR_HELP,
        EXECUTORS,
        check_address,
        connect,
        disconnect,
    )
    from game.cartridge import maps
except ModuleNotFoundError as error:  # the newcomer's first mistake: another Python than .venv's
    print(
        f"error: this Python has no package {error.name}: run `make eval` once, which sets up"
        " .venv, then .venv/bin/python local_eval.py",
        file=sys.stderr,
    )
    sys.exit(USER_ERROR_EXIT_CODE)

DEFAULT_LEVELS = "pangolin-validation"  # the embedded game: needs no ROM of anybody's
# One episode that never ends takes 4,500 steps, and counts only at the next reset.
DEFAULT_BUDGET_STEPS = 5_000
FULL_BUDGET_STEPS = 1_000_000
DEFAULT_SEED = 1
FAILED_EXIT_CODE = 1


@dataclass(frozen=True)
class RunOptions:
    """Play an agent on levels, each with the contest's budget and socket, and print its score.

    The same command again resumes an interrupted run. `movie FILE` renders a recorded episode.
    """

    levels: str = option("SET, GAME:STATE or DIR, or several with commas", DEFAULT_LEVELS)
    budget_steps: int | None = option(
        f"timesteps a level, resets included [{DEFAULT_BUDGET_STEPS:,}]", None
    )
    full: bool = option(f"the contest's budget of {FULL_BUDGET_STEPS:,} timesteps", False)
    workers: int | None = option("levels at once [one a core]", None)
    executor: str = option(EXECUTOR_HELP, "local", choices=EXECUTORS)
    ray_address: str | None = option(ADDRESS_HELP, None)
    seed: int | None = option(
        "of the sticky actions and of the agent, 1 or more [the agent's own]", None
    )
    lock_in: float | None = option(
        "the agent's lock-in score [the agent's own]", None, env="LOCK_IN_SCORE"
    )
    lock_in_rule: str | None = option(
        "the agent's lock-in rule [the agent's own]", None, env="LOCK_IN_RULE", choices=RULES
    )
    repeats: int | None = option(
        "record for `tune`: each candidate plays so many episodes, none is locked in", None
    )
    out: Path | None = option("run folder [a new one in runs/, or the unfinished one there]", None)
    pretrained: Path | None = option("packed model of the local agent [pretrained]", None)
    agent_command: str | None = option("play this program instead of the local agent", None)
    image: str | None = option("play this contest image instead of the local agent", None)
    image_memory_gigabytes: float = option("memory limit of the image's container", 8.0)
    wall_clock_hours: float = option("time limit of a level", 12.0)
    connect_seconds: float = option("an agent that has not connected by then has failed", 120.0)
    hang_seconds: float = option("an agent that takes no step for so long has failed", 900.0)
    watch: bool = option("serve a page on this machine that shows the play, live", False)
    movie: Path | None = option("render this .bk2 to an mp4 (--out names it) and do no more", None)
    report: bool = option("write report.html into the run folder at the end", True)

    def __post_init__(self) -> None:
        """Refuse numbers that can't work, and settings that exclude each other.

        Raises:
            UserError: says which, and what to give.
        """
        least = {"budget_steps": 1, "workers": 1, "seed": 1, "repeats": 1}
        for name, minimum in least.items():
            value = getattr(self, name)
            if value is not None and value < minimum:
                raise UserError(f"--{name.replace('_', '-')} is {value}: give {minimum} or more")
        for name in ("wall_clock_hours", "connect_seconds", "hang_seconds"):
            if not 0 < getattr(self, name) < float("inf"):
                raise UserError(
                    f"--{name.replace('_', '-')} is {getattr(self, name)}: give more than 0"
                )
        if not 0.01 <= self.image_memory_gigabytes < float("inf"):
            raise UserError(
                f"--image-memory-gigabytes is {self.image_memory_gigabytes}: give 0.01 or more"
            )
        if self.lock_in is not None and self.lock_in != self.lock_in:
            raise UserError("--lock-in is NaN: give a number")
        of_another = self.agent_command is not None or self.image is not None
        exclusive = [
            (
                self.full and self.budget_steps is not None,
                "--full and --budget-steps exclude each other: give one",
            ),
            (
                self.agent_command is not None and self.image is not None,
                "--agent-command and --image exclude each other: give one",
            ),
            (
                self.watch and self.executor == "ray",
                "--watch shows what is played on this machine: leave out --executor ray",
            ),
            (
                bool(self.pretrained) and of_another,
                "--pretrained is the local agent's: leave it out",
            ),
        ]
        for both, message in exclusive:
            if both:
                raise UserError(message)


@dataclass(frozen=True)
class MovieOptions:
    """Render a recorded episode (.bk2) to an mp4, without sound."""

    file: Path = option("the .bk2, as a run folder's movies are", positional=True)
    out: Path | None = option("the mp4 [beside the .bk2]", None)


@dataclass(frozen=True)
class ReportOptions:
    """Make the page of a run, or compare several runs; the first is the measure of the others."""

    runs: tuple[Path, ...] = option("run folders", positional=True)
    out: Path | None = option("the page [report.html or comparison.html in the first run]", None)
    videos: bool = option("play the best and a typical episode again, and film them", True)


def main() -> int:
    """Dispatch: `run` (which may be left out), `tune`, `report` or `movie`."""
    arguments = sys.argv[1:]
    if arguments[:1] == ["movie"]:
        movie = command_line.parse(MovieOptions, arguments[1:], prog="local_eval.py movie")
        return render(movie.file, movie.out)
    if arguments[:1] == ["tune"]:
        return command.main(arguments[1:])
    if arguments[:1] == ["report"]:
        return report(command_line.parse(ReportOptions, arguments[1:], prog="local_eval.py report"))
    if arguments[:1] == ["run"]:
        arguments = arguments[1:]
    options = command_line.parse(RunOptions, arguments, prog="local_eval.py")
    if options.movie is not None:
        return render(options.movie, options.out)
    return run(options)


def render(movie: Path, out: Path | None) -> int:
    """Render a movie and say where it went."""
    print(movies.render(movie, out, integration=integration_of(movie)))
    return 0


def report(options: ReportOptions) -> int:
    """Make a page and say where it is."""
    if len(options.runs) == 1:
        page = writing.write_report(options.runs[0], options.out, map_of, options.videos)
    else:
        page = writing.write_comparison(options.runs, options.out)
    print(page)
    return 0


def map_of(level: LevelRecord) -> LevelMap | None:
    """The map of a level of a game of our own; None of any other, or where its ROM is gone."""
    if level.integration is None:
        return None
    try:
        drawn = maps.draw(Path(level.integration, level.game, "rom.md"), level.state)
    except (UserError, OSError):
        return None
    if drawn is None:
        return None
    return LevelMap(maps.webp(drawn), drawn.width, drawn.start_x, drawn.end_x)


def run(options: RunOptions) -> int:
    """Evaluate an agent and print the table."""
    console = Console()
    check_address(options.executor, options.ray_address)
    plan = make_plan(options)
    plan.check()
    seeds = {"stickiness": plan.seed, "agent": options.seed}
    name = f"{plan.agent.name}-{options.levels}"
    on_cluster = options.executor == "ray"
    if on_cluster:
        connect(options.ray_address, plan.workers)
    folder = open_run(options.out, plan.settings(), name=name, seeds=seeds, argv=current_command())
    try:
        level_run = ClusterLevelRun if on_cluster else LevelRun
        with watched(plan.agent, console) if options.watch else nullcontext() as audience:
            results = evaluate(plan, folder, console, audience, level_run)
    except Interrupted as interrupted:
        print(
            f"interrupted: {interrupted.finished} of {len(plan.levels)} levels are finished and"
            f" kept in {folder.path}; the same command resumes",
            file=sys.stderr,
        )
        return INTERRUPTED_EXIT_CODE
    finally:
        folder.close()
        if on_cluster:
            disconnect()
    show_table(console, results)
    show_files(console, results, folder.path)
    if options.report:
        report_run(console, folder.path)
    return FAILED_EXIT_CODE if results.failed else 0


@contextmanager
def watched(agent: Agent, console: Console) -> Iterator[Audience]:
    """The live view of a run, its address printed, while the block runs."""
    # Only here: it takes a quarter of a second that other runs need not wait for.
    from arena.pages.live.state import finite
    from arena.pages.live.view import LiveView, announce
    from arena.replay.imagination import Imagination

    imagination = None
    if isinstance(agent, LocalAgent):
        try:
            imagination = Imagination(agent.settings.pretrained)
        except PackedModelError as error:
            console.print(f"watch   without V and M: {error}", soft_wrap=True, markup=False)
    lock_in = None
    if isinstance(agent, LocalAgent):
        settings = agent.settings
        if not settings.repeats and settings.lock_in_rule not in RULES_WITHOUT_THRESHOLD:
            lock_in = finite(settings.lock_in_score)
    with LiveView({"agent": agent.name, "lock_in": lock_in}, imagination) as view:
        announce(console, view.address, os.environ)
        yield view


def report_run(console: Console, folder: Path) -> None:
    """Write the report of a run; whatever goes wrong with it costs the run nothing but a line."""
    try:
        with console.status("writing the report"):
            page = writing.write_report(folder, map_of=map_of)
    except Exception as error:  # the run is over and kept: a fault of the page must not spoil it
        print(f"warning: no report: {type(error).__name__}: {error}", file=sys.stderr)
    else:
        console.print(f"report   {page}", soft_wrap=True, highlight=False, markup=False)


def make_plan(options: RunOptions) -> Plan:
    """Resolve the options: the levels, the agent, the budget.

    Raises:
        UserError: unknown levels, no such image, no engine, a bad command.
    """
    levels = select(options.levels)
    budget_steps = options.budget_steps or DEFAULT_BUDGET_STEPS
    if options.full:
        budget_steps = FULL_BUDGET_STEPS
    limits = Limits(
        budget_steps=budget_steps,
        wall_clock_seconds=options.wall_clock_hours * 3600,
        connect_seconds=options.connect_seconds,
        hang_seconds=options.hang_seconds,
    )
    this_run = Run(
        budget_steps, options.seed, options.lock_in, options.lock_in_rule, options.repeats
    )
    # A level's emulator and agent mostly wait for each other: together they fill one core.
    workers = options.workers or len(os.sched_getaffinity(0))
    return Plan(
        levels=levels,
        agent=make_agent(options, this_run),
        limits=limits,
        seed=options.seed or DEFAULT_SEED,
        workers=min(workers, len(levels)),
    )


def make_agent(options: RunOptions, this_run: Run) -> Agent:
    """The agent that the options name."""
    if options.agent_command is not None:
        return CommandAgent.parse(options.agent_command, this_run)
    if options.image is not None:
        return ImageAgent.find(options.image, this_run, options.image_memory_gigabytes, os.environ)
    return LocalAgent.configure(os.environ, options.pretrained, this_run)


if __name__ == "__main__":
    command_line.run(main)
