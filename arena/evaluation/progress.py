"""Shows the progress of an evaluation with the time left, and then the table of scores.

A terminal shows progress bars; a log or a pipe gets a line every 30 seconds.
"""

from __future__ import annotations

import shlex
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Column, Table
from rich.text import Text

from agent.command_line.terminal import printable, program
from arena.environment.contest_rules import MAX_STEPS
from arena.environment.levels import Level
from arena.evaluation.level_run import LevelRun
from arena.evaluation.printed import say, spinner_of
from arena.evaluation.results import LevelResult, RunResults
from arena.evaluation.score import INTERVAL_METHOD, Interval, level_score
from arena.server.session_result import WALL_CLOCK_LIMIT

SECONDS_PER_LINE = 30.0  # between two lines of progress without a terminal
SPEED_SECONDS = 20.0  # the time left is computed from the speed in this period
WIDE = 100  # columns; a narrower terminal has no room for intervals, nor for the speed of a level
BAR_WIDTH = 10
# The longest episode takes 4,500 steps and a reset, and counts only after the next reset.
STEPS_OF_ANY_EPISODE = -(-(MAX_STEPS + 2) // 1000) * 1000
NO_VALUE = "–"


class ProgressDisplay:
    """Progress bars of the levels of a run. Use it as a context manager."""

    def __init__(self, console: Console, runs: Sequence[LevelRun]) -> None:
        self._console = console
        self._runs = runs
        self._names = short_names([run.level.name for run in runs])
        self._tasks: dict[str, TaskID] = {}
        self._began = self._last_line = time.monotonic()
        self._progress = Progress(
            SpinnerColumn(spinner_of(console), finished_text=" "),
            TextColumn(
                "{task.description}", markup=False, table_column=Column(no_wrap=True, ratio=1)
            ),
            BarColumn(BAR_WIDTH),
            TextColumn("{task.percentage:3.0f}%"),
            *([TextColumn("{task.fields[speed]}", justify="right")] * (console.width >= WIDE)),
            TextColumn("{task.fields[score]}", justify="right"),
            TextColumn("[dim]left[/dim]"),
            TimeRemainingColumn(compact=True),
            console=console,
            transient=True,
            expand=True,
            speed_estimate_period=SPEED_SECONDS,
            disable=not console.is_terminal,
        )
        budget = sum(run.limits.budget_steps for run in runs)
        self._all = self._progress.add_task(
            "all levels", total=budget, visible=len(runs) > 1, speed="", score=""
        )

    def __enter__(self) -> ProgressDisplay:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def refresh(self) -> None:
        """Show the current progress of the levels."""
        for run in self._runs:
            if run.state in ("starting", "playing"):
                self._show(run)
            elif run.state == "done" and run.level.name in self._tasks:
                self._progress.update(self._tasks[run.level.name], visible=False)
        done = sum(run.state == "done" for run in self._runs)
        self._progress.update(
            self._all,
            completed=self._timesteps(),
            description=f"all levels, {done} of {len(self._runs)} done",
        )
        if self._progress.disable and time.monotonic() - self._last_line > SECONDS_PER_LINE:
            self._line()

    def show_result(self, result: LevelResult) -> None:
        """Print a line with the result of a level that has ended."""
        if len(self._runs) == 1 and result.status == "finished":
            return  # the table follows immediately
        score = "no episode" if result.score is None else f"score {_number(result.score)}"
        what = score if result.status == "finished" else "failed"
        reason = f": {result.error.reason}" if result.error else ""
        mark = "✓ " if result.status == "finished" else "✗ "
        name = self._names[result.level]
        say(self._progress.console, (mark, _style(result)), f"{name}  {what}{reason}")

    def _show(self, run: LevelRun) -> None:
        name = run.level.name
        if name not in self._tasks:
            self._tasks[name] = self._progress.add_task(
                self._names[name], total=run.limits.budget_steps, speed="", score="starting"
            )
        if run.state == "playing":
            assert run.started is not None
            speed = run.timesteps / max(time.monotonic() - run.started, 1e-9)
            score = level_score(run.returns)
            self._progress.update(
                self._tasks[name],
                completed=run.timesteps,
                speed=f"{speed:,.0f} steps/s" if run.timesteps else "",
                score=f"score {_number(score)} ({len(run.returns)})" if run.returns else "",
            )

    def _timesteps(self) -> int:
        return sum(
            run.limits.budget_steps if run.state == "done" else run.timesteps for run in self._runs
        )

    def _line(self) -> None:
        self._last_line = time.monotonic()
        used, budget = self._timesteps(), sum(run.limits.budget_steps for run in self._runs)
        seconds = self._last_line - self._began
        left = f"{(budget - used) * seconds / used / 60:.1f} min left" if used else "starting"
        say(self._console, f"{used:,} of {budget:,} steps, {left}")


def short_names(levels: Sequence[str]) -> dict[str, str]:
    """Return the names to show for levels: the state first, and the game only if there are several.

    Args:
        levels: names of levels, GAME:STATE.
    """
    parsed = {name: Level.parse(name) for name in levels}
    one_game = len({level.game for level in parsed.values()}) == 1
    return {
        name: printable(level.state if one_game else f"{level.state} {level.game}")
        for name, level in parsed.items()
    }


def show_table(console: Console, results: RunResults) -> None:
    """Print a row per level, the mean, and the reasons of failures."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    names = short_names([level.level for level in results.levels])
    games = {Level.parse(level.level).game for level in results.levels}
    heading = printable(games.pop()) if len(games) == 1 else "level"
    table.add_column(heading, overflow="fold", min_width=16)
    wide = console.width >= WIDE
    headers = ["score", "95% interval", "best", "episodes", "locked in at", "steps/s"]
    for header in headers if wide else [header for header in headers if "interval" not in header]:
        table.add_column(header, justify="right", no_wrap=True)
    for level in results.levels:
        table.add_row(
            Text(names[level.level]),
            _score(level),
            *([_pair(level.interval)] if wide else []),
            _number(level.best_return),
            f"{level.episodes:,}",
            _count(level.locked_in_at),
            _count(level.steps_per_second),
        )
    console.print()
    console.print(table)
    console.print()
    _show_mean(console, results)
    for level in results.failed:
        _show_failure(console, level)


def show_files(console: Console, results: RunResults, folder: Path) -> None:
    """Print the path of the results, and the command that renders the best episode."""
    console.print()
    say(console, f"results  {folder / 'results.json'}")
    played = [level for level in results.levels if level.score is not None and level.movies]
    if played:
        best = max(played, key=lambda level: level.best_return or 0.0)
        movie = folder / best.movies.get("best", best.movies.get("first", ""))
        say(console, f"watch    {program()} movie {shlex.quote(str(movie))}")


def _show_mean(console: Console, results: RunResults) -> None:
    total = len(results.levels)
    missing = total - results.levels_scored
    if results.mean is None:
        say(console, (f"no score: 0 of {total} levels have one", "bold red"))
    else:
        over = f"over {results.levels_scored} of {total} level{'s' if total > 1 else ''}"
        without = f", {missing} without a score excluded" if missing else ""
        middle = f"  {_pair(results.interval)}  {over}{without}"
        mean = ("mean score ", "bold"), (_number(results.mean), "bold green"), middle
        say(console, *mean, prose=True)
    if results.interval is not None:
        say(console, (f"interval: {INTERVAL_METHOD}", "dim"), prose=True)
    without_episode = [level for level in results.levels if _has_no_episode(level)]
    if without_episode:
        say(console, (no_episode(results.budget_steps, without_episode), "yellow"), prose=True)


def _has_no_episode(level: LevelResult) -> bool:
    return level.status == "finished" and level.score is None


def no_episode(budget_steps: int, levels: Sequence[LevelResult]) -> str:
    """Say on how many levels no episode finished, and which budget is enough."""
    text = f"No episode finished on {len(levels)} level{'s' if len(levels) > 1 else ''}"
    if any(level.ended_by == WALL_CLOCK_LIMIT for level in levels):
        return f"{text} within the time limit. Use a larger --wall-clock-hours."
    text += f" in {budget_steps:,} timesteps. "
    if budget_steps < STEPS_OF_ANY_EPISODE:
        return (
            f"{text}Use --budget-steps {STEPS_OF_ANY_EPISODE} or more: an episode takes at most"
            f" {MAX_STEPS:,} steps, and counts after the next reset."
        )
    return f"{text}An episode counts when the agent resets after it: the agent must call reset."


def _show_failure(console: Console, level: LevelResult) -> None:
    assert level.error is not None
    console.print()
    say(console, (f"{level.level} failed: ", "bold red"), level.error.reason)
    for line in level.error.stderr.splitlines():
        say(console, (f"  {line}", "dim"))


def _score(level: LevelResult) -> Text:
    if level.status == "finished" and level.score is not None:
        return Text(_number(level.score), style="bold green")
    words = {"failed": "failed", "pending": "not played", "finished": "no episode"}
    return Text(words[level.status], style=_style(level))


def _style(level: LevelResult) -> str:
    return {"failed": "red", "pending": "dim", "finished": "green"}[level.status]


def _number(value: float | None) -> str:
    return NO_VALUE if value is None else f"{value:,.1f}"


def _count(value: float | None) -> str:
    return NO_VALUE if value is None else f"{value:,.0f}"


def _pair(interval: Interval | None) -> str:
    return NO_VALUE if interval is None else f"{_number(interval[0])} to {_number(interval[1])}"
