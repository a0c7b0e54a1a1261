"""Evaluates one agent on several levels, some in parallel; an interrupted run can be resumed.

The main thread shows the progress and writes results.json after each level. Each level has a thread
that only waits for its processes (see arena.evaluation.level_run).
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from rich.console import Console

from agent.errors import UserError
from arena.environment.availability import check_available
from arena.environment.levels import Level
from arena.evaluation.agents import Agent
from arena.evaluation.level_run import LevelLimits, LevelRun
from arena.evaluation.printed import say
from arena.evaluation.progress import ProgressDisplay
from arena.evaluation.results import FILE_NAME, LevelResult, RunResults, read_results, write_results
from arena.evaluation.run_folder import RunFolder
from arena.evaluation.score import MonitorFileError, bootstrap_interval, finite_returns
from arena.evaluation.unseen_games import unseen_games
from arena.server.monitor import MONITOR_FILE
from arena.server.signals import signals_as_interrupt, signals_ignored

REFRESH_SECONDS = 0.25


@dataclass(frozen=True)
class EvaluationPlan:
    """What to evaluate.

    Attributes:
        levels: levels to play, each once.
        agent: agent that plays them.
        limits: limits of each level.
        seed: random seed of the sticky actions on every level; None for a random one on each level.
        workers: number of levels played in parallel; each has an emulator and an agent.
    """

    levels: Sequence[Level]
    agent: Agent
    limits: LevelLimits
    seed: int | None
    workers: int

    def settings(self) -> dict[str, Any]:
        """Return the settings that change the score; a resumed run must have the same ones."""
        return {
            "levels": [level.to_json() for level in self.levels],
            "budget_steps": self.limits.budget_steps,
            "wall_clock_seconds": self.limits.wall_clock_seconds,
            "seed": self.seed,
            "agent": self.agent.describe(),
        }

    def check(self) -> None:
        """Check the levels and the agent before anything is started.

        Raises:
            UserError: a level does not exist, a ROM is missing, or the agent can't start.
        """
        for level in self.levels:
            check_available(level)
        self.agent.check()


class EvaluationInterrupted(Exception):
    """The user stopped the run: every process has ended, and finished levels are kept.

    Attributes:
        finished: number of finished levels.
    """

    def __init__(self, finished: int) -> None:
        super().__init__(f"{finished} levels are finished")
        self.finished = finished


class RunObserver(Protocol):
    """Observes the levels while they are played, as `arena.pages.live.view` does."""

    def show(self, runs: Sequence[LevelRun]) -> None:
        """Receive the levels that will be played; called once, before the first starts."""


def evaluate(
    plan: EvaluationPlan,
    folder: RunFolder,
    console: Console,
    observer: RunObserver | None = None,
    level_run: type[LevelRun] = LevelRun,
) -> RunResults:
    """Play every level that has no result in the run folder, and return the results of all.

    Levels that failed before are played again.

    Args:
        plan: what to evaluate.
        folder: the open run folder.
        console: where the progress is shown.
        observer: a live view; with one, each level's server writes a frame ring.
        level_run: where levels are played: LevelRun (this machine) or ClusterLevelRun.

    Raises:
        EvaluationInterrupted: Ctrl-C, SIGTERM or SIGHUP.
        UserError: the run folder is not writable any more.
    """
    results_file = _ResultsFile(plan, folder.path)
    watched = observer is not None
    runs = [
        level_run(level, folder.path, plan.agent, plan.seed, plan.limits, watched=watched)
        for level in plan.levels
        if not results_file.is_finished(level)
    ]
    say(console, _announcement(plan, folder, len(runs)))
    if unseen := unseen_games(plan.agent.describe(), [level.name for level in plan.levels]):
        say(console, (unseen, "yellow"), prose=True)
    if observer is not None:
        observer.show(runs)
    try:
        results_file.write()
        with signals_as_interrupt():
            _play_all(runs, results_file, plan.workers, console)
        return results_file.finish()
    except KeyboardInterrupt:
        results = results_file.finish()
        raise EvaluationInterrupted(sum(_finished(level) for level in results.levels)) from None
    except OSError as error:
        raise UserError(
            f"{folder.path} can't be written ({error.strerror}): finished levels are kept; free"
            " some space and repeat the command"
        ) from error


def _announcement(plan: EvaluationPlan, folder: RunFolder, to_play: int) -> str:
    total = len(plan.levels)
    levels = f"{total} level{'s' if total > 1 else ''}"
    text = f"{plan.agent.name} on {levels}, {plan.limits.budget_steps:,} timesteps each"
    if not folder.resumed:
        return f"run {folder.path}: {text}"
    return f"resuming {folder.path}: {text}, {total - to_play} already finished"


def _play_all(
    runs: Sequence[LevelRun], results_file: _ResultsFile, workers: int, console: Console
) -> None:
    stop = threading.Event()
    with ThreadPoolExecutor(workers, thread_name_prefix="level") as pool:
        futures = {pool.submit(run.play, stop): run for run in runs}
        try:
            with ProgressDisplay(console, runs) as display:
                for future in _as_completed(futures, display):
                    results_file.add(future.result())
                    display.show_result(future.result())
        except BaseException:
            with signals_ignored():
                stop.set()
                pool.shutdown(cancel_futures=True)  # waits until every child has ended
                results_file.add_ended(futures)
            raise


def _as_completed(
    futures: dict[Future[LevelResult], LevelRun], display: ProgressDisplay
) -> Iterator[Future[LevelResult]]:
    pending = set(futures)
    while pending:
        done, pending = wait(pending, timeout=REFRESH_SECONDS, return_when=FIRST_COMPLETED)
        display.refresh()
        yield from done


class _ResultsFile:
    """The results so far, written to results.json after each level."""

    def __init__(self, plan: EvaluationPlan, folder: Path) -> None:
        self._folder = folder
        earlier = {}
        if (folder / FILE_NAME).exists():
            earlier = {entry.level: entry for entry in read_results(folder).levels}
        blank = [LevelResult(level.name, f"levels/{level.slug}") for level in plan.levels]
        levels = [
            earlier[entry.level] if _finished(earlier.get(entry.level)) else entry
            for entry in blank
        ]
        self._results = RunResults(plan.agent.name, plan.limits.budget_steps, levels)

    def is_finished(self, level: Level) -> bool:
        return any(entry.level == level.name and _finished(entry) for entry in self._results.levels)

    def add(self, result: LevelResult) -> None:
        levels = [result if old.level == result.level else old for old in self._results.levels]
        self._results = replace(self._results, levels=levels)
        self.write()

    def add_ended(self, futures: dict[Future[LevelResult], LevelRun]) -> None:
        """Add the levels that ended while the run was being stopped."""
        for future in futures:
            if future.done() and not future.cancelled() and future.exception() is None:
                self.add(future.result())

    def write(self) -> None:
        write_results(self._folder, self._results)

    def finish(self) -> RunResults:
        """Add the interval of the mean, which needs all episodes of all levels."""
        scored = [level for level in self._results.levels if level.score is not None]
        try:
            returns = [
                finite_returns(self._folder / level.folder / MONITOR_FILE) for level in scored
            ]
            interval = bootstrap_interval(returns)
        except MonitorFileError:  # the file of a finished level was altered; its score is kept
            interval = None
        self._results = replace(self._results, interval=interval)
        self.write()
        return self._results


def _finished(entry: LevelResult | None) -> bool:
    return entry is not None and entry.status == "finished"
