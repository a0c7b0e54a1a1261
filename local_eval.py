"""Runs the contest on this machine: evaluates an agent on a level set and prints its score.

    python local_eval.py                         list the commands
    python local_eval.py run                     evaluate the pretrained agent, about a minute
    python local_eval.py run --levels sonic-validation --full --workers 3
    python local_eval.py run --watch             show the play live on a page
    python local_eval.py run --agent-command "python my_agent.py"
    python local_eval.py run --image registry/agent:1
    python local_eval.py tune runs/...           choose the lock-in rule from recorded runs
    python local_eval.py movie runs/.../best.bk2 render a recorded episode to an mp4
    python local_eval.py report RUN              write RUN/report.html again
    python local_eval.py report RUN OTHER        compare runs
    python local_eval.py leaderboard             rank all runs in runs/

Exit code: 0; 1 if a level failed; 2 for a user's mistake (one line on stderr); 130 after Ctrl-C.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from agent import command_line
from agent.command_line import option
from agent.command_line.subcommands import Command, CompletionOptions, choose, completion
from agent.command_line.terminal import printable
from agent.errors import INTERRUPTED_EXIT_CODE, USER_ERROR_EXIT_CODE, UserError
from agent.settings import RULES_WITHOUT_THRESHOLD
from agent.world_model.packed_model import PackedModelError

try:
    from rich.console import Console

    from arena.evaluation.agents import Agent, LocalAgent
    from arena.evaluation.cluster_level import ClusterLevelRun
    from arena.evaluation.evaluate import EvaluationInterrupted, evaluate
    from arena.evaluation.kept_movies import integration_of
    from arena.evaluation.level_run import LevelRun
    from arena.evaluation.options import RunOptions, make_plan
    from arena.evaluation.printed import output, say, waiting
    from arena.evaluation.progress import show_files, show_table
    from arena.evaluation.run_folder import current_command, open_run
    from arena.pages.leaderboard.command import LeaderboardOptions, leaderboard
    from arena.pages.report import writing
    from arena.pages.report.comparison_page import compare_folders, write_comparison
    from arena.pages.report.comparison_table import show_comparison
    from arena.pages.report.episode_ends import LevelMap
    from arena.pages.report.records import LevelRecord
    from arena.pages.tuning.command import TuneOptions, tune
    from arena.replay import movies
    from arena.workers.ray_cluster import connect, disconnect
    from game.cartridge import maps
except ModuleNotFoundError as error:  # another Python than the one in .venv
    print(
        f"error: this Python has no package {error.name}: run `make eval` once, which creates"
        " .venv, then use .venv/bin/python local_eval.py",
        file=sys.stderr,
    )
    sys.exit(USER_ERROR_EXIT_CODE)

if TYPE_CHECKING:
    from arena.pages.live.view import LiveView

FAILED_EXIT_CODE = 1


@dataclass(frozen=True)
class MovieOptions:
    """Render a recorded episode (.bk2) to an mp4, without sound."""

    file: Path = option("recorded episode (.bk2), as in a run folder's movies/", positional=True)
    out: Path | None = option("path of the mp4 [beside the .bk2]", None)


@dataclass(frozen=True)
class ReportOptions:
    """Write the report of a run, or compare several runs with the first one."""

    runs: tuple[Path, ...] = option("run folders", positional=True)
    out: Path | None = option(
        "path of the page [report.html or comparison.html in the first run folder]", None
    )
    videos: bool = option("replay the best and a typical episode, and add videos of them", True)


def main() -> int:
    """Run the command that the first argument names."""
    return choose(COMMANDS, DESCRIPTION)


def program() -> NoReturn:
    """Run `main` as the installed command `world-models-contest` does."""
    command_line.run(main)


def movie(options: MovieOptions) -> int:
    """Render a movie and print the path of the mp4."""
    print(movies.render(options.file, options.out, integration=integration_of(options.file)))
    return 0


def report(options: ReportOptions) -> int:
    """Write a page and print its path; with several runs, also print their comparison."""
    with waiting("reading the runs") as show:
        if len(options.runs) == 1:
            run = options.runs[0]
            page = writing.write_report(run, options.out, draw_map, options.videos, show)
        else:
            comparison = compare_folders(options.runs)
            page = write_comparison(comparison, options.out)
    if len(options.runs) > 1:
        show_comparison(output(), comparison)
    print(page)
    return 0


def print_completion(options: CompletionOptions) -> int:
    """Print the completion script of a shell."""
    print(completion(COMMANDS, options.shell))
    return 0


def draw_map(level: LevelRecord) -> LevelMap | None:
    """Draw a level's map; None if its game is not the bundled one, or the ROM is missing."""
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
    """Evaluate an agent and print the table of scores."""
    console = output()
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
        with watched(plan.agent, console) if options.watch else nullcontext() as view:
            results = evaluate(plan, folder, console, view, level_run)
            show_table(console, results)
            show_files(console, results, folder.path)
            page = report_run(console, folder.path) if options.report else None
            if view is not None and page is not None:
                view.offer_report(page)
    except EvaluationInterrupted as interrupted:
        print(
            f"interrupted: {interrupted.finished} of {len(plan.levels)} levels are finished and"
            f" kept in {folder.path}; run the same command to resume",
            file=sys.stderr,
        )
        return INTERRUPTED_EXIT_CODE
    finally:
        folder.close()
        if on_cluster:
            disconnect()
    return FAILED_EXIT_CODE if results.failed else 0


@contextmanager
def watched(agent: Agent, console: Console) -> Iterator[LiveView]:
    """Serve the live view of a run while the block runs, and print its address."""
    # Imported here, because the import takes a quarter of a second and other runs don't need it.
    from arena.pages.live.state import finite
    from arena.pages.live.view import LiveView, announce
    from arena.replay.decoded_views import DecodedViews

    views = None
    if isinstance(agent, LocalAgent):
        try:
            views = DecodedViews(agent.settings.pretrained)
        except PackedModelError as error:
            say(console, f"watch    no images of V and M: {error}")
    lock_in = None
    if isinstance(agent, LocalAgent):
        settings = agent.settings
        if not settings.repeats and settings.lock_in_rule not in RULES_WITHOUT_THRESHOLD:
            lock_in = finite(settings.lock_in_score)
    with LiveView({"agent": agent.name, "lock_in": lock_in}, views) as view:
        announce(console, view.address, os.environ)
        yield view


def report_run(console: Console, folder: Path) -> Path | None:
    """Write the report of a run; an error in it prints a warning and does not fail the run."""
    try:
        with waiting("writing the report") as show:
            page = writing.write_report(folder, draw_map=draw_map, show=show)
    except Exception as error:  # the run has ended: its results stay valid
        reason = printable(f"{type(error).__name__}: {error}")
        print(f"warning: no report: {reason}", file=sys.stderr)
        return None
    say(console, f"report   {page}")
    return page


DESCRIPTION = """\
The contest on this machine. `run` without options evaluates the pretrained agent on 11 levels,
in about a minute."""
COMMANDS = {
    "run": Command(RunOptions, run, ("evaluate", "eval", "play")),
    "report": Command(ReportOptions, report, ("compare", "comparison", "html")),
    "leaderboard": Command(LeaderboardOptions, leaderboard, ("ranking", "scores", "runs")),
    "movie": Command(MovieOptions, movie, ("video", "render", "mp4")),
    "tune": Command(TuneOptions, tune, ("tuner", "advise")),
    "completion": Command(CompletionOptions, print_completion),
}


if __name__ == "__main__":
    program()
