"""An evaluation: levels x one agent, several at once, resumable, into a run folder.

The main thread shows the progress and writes results.json after each level; each level has a
thread that only waits on its processes (see arena.evaluation.level_run).
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn, Protocol

from rich.console import Console

from agent.errors import UserError
from arena.environment.levels import Level, available
from arena.evaluation.agents import Agent
from arena.evaluation.level_run import LevelRun, Limits
from arena.evaluation.progress import Display
from arena.evaluation.results import FILE_NAME, LevelResult, Results, read_results, write_results
from arena.evaluation.run_folder import RunFolder, RunFolderError, read_run
from arena.evaluation.score import bootstrap_interval, read_monitor

REFRESH_SECONDS = 0.25


@dataclass(frozen=True)
class Plan:
    """What to evaluate.

    Attributes:
        levels: each once.
        agent: who plays them.
        limits: of each level.
        seed: of the stickiness, the same on every level; None draws one for each.
        workers: how many levels at once; an emulator and an agent each.
    """

    levels: Sequence[Level]
    agent: Agent
    limits: Limits
    seed: int | None
    workers: int

    def settings(self) -> dict[str, Any]:
        """What moves the score, for run.json: a run is resumed under the same settings only."""
        return {
            "levels": [
                {
                    "level": level.name,
                    "scenario": level.scenario,
                    "integration": str(level.integration) if level.integration else None,
                }
                for level in self.levels
            ],
            "budget_steps": self.limits.budget_steps,
            "wall_clock_seconds": self.limits.wall_clock_seconds,
            "seed": self.seed,
            "agent": self.agent.describe(),
        }

    def check(self) -> None:
        """Find every mistake that can be found before something is started.

        Raises:
            UserError: a level that is not there, a missing ROM, an agent that can't start.
        """
        for level in self.levels:
            available(level)
        self.agent.check()


class Interrupted(Exception):
    """The user stopped the run; everything is ended and what was finished is kept."""

    def __init__(self, finished: int) -> None:
        super().__init__(f"{finished} levels are finished")
        self.finished = finished


class Audience(Protocol):
    """Whoever looks on, as `arena.pages.live.view` does."""

    def show(self, runs: Sequence[LevelRun]) -> None:
        """These are the levels that will be played."""


def evaluate(
    plan: Plan,
    folder: RunFolder,
    console: Console,
    audience: Audience | None = None,
    level_run: type[LevelRun] = LevelRun,
) -> Results:
    """Play all levels that the run folder has no result of, and return the results of all.

    Levels that failed before are played again. An audience can look into each level's window.
    `level_run` says where they are played: here, or on a cluster.

    Raises:
        Interrupted: Ctrl-C, or a request to end.
        UserError: the run folder can't be written any more.
    """
    book = _Book(plan, folder.path)
    runs = [
        level_run(
            level, folder.path, plan.agent, plan.seed, plan.limits, watched=audience is not None
        )
        for level in plan.levels
        if not book.is_finished(level)
    ]
    console.print(_announcement(plan, folder, len(runs)), highlight=False, markup=False)
    if audience is not None:
        audience.show(runs)
    try:
        book.write()
        with end_request_as_interrupt():
            _play_all(runs, book, plan.workers, console)
        return book.close()
    except KeyboardInterrupt:
        results = book.close()
        raise Interrupted(sum(_finished(level) for level in results.levels)) from None
    except OSError as error:
        raise UserError(
            f"{folder.path} can't be written ({error.strerror}): finished levels are kept; make"
            " room and repeat the command"
        ) from error


def _announcement(plan: Plan, folder: RunFolder, to_play: int) -> str:
    total = len(plan.levels)
    levels = f"{total} level{'s' if total > 1 else ''}"
    text = f"{plan.agent.name} on {levels}, {plan.limits.budget_steps:,} timesteps each"
    if not folder.resumed:
        return f"run {folder.path}: {text}"
    return f"resuming {folder.path}: {text}, {total - to_play} finished already"


def _play_all(runs: Sequence[LevelRun], book: _Book, workers: int, console: Console) -> None:
    stop = threading.Event()
    with ThreadPoolExecutor(workers, thread_name_prefix="level") as pool:
        futures = {pool.submit(run.play, stop): run for run in runs}
        try:
            with Display(console, runs) as display:
                for future in _as_they_end(futures, display):
                    book.enter(future.result())
                    display.ended(future.result())
        except BaseException:
            with _uninterrupted():
                stop.set()
                pool.shutdown(cancel_futures=True)  # waits until every child has ended
                book.enter_ended(futures)
            raise


def _as_they_end(
    futures: dict[Future[LevelResult], LevelRun], display: Display
) -> Iterator[Future[LevelResult]]:
    pending = set(futures)
    while pending:
        done, pending = wait(pending, timeout=REFRESH_SECONDS, return_when=FIRST_COMPLETED)
        display.refresh()
        yield from done


class _Book:
    """The results so far, and their file."""

    def __init__(self, plan: Plan, folder: Path) -> None:
        self._folder = folder
        earlier = {}
        if (folder / FILE_NAME).exists():
            earlier = {entry.level: entry for entry in read_results(folder).levels}
        blank = [LevelResult(level.name, f"levels/{level.slug}") for level in plan.levels]
        levels = [
            earlier[entry.level] if _finished(earlier.get(entry.level)) else entry
            for entry in blank
        ]
        self._results = Results(plan.agent.name, plan.limits.budget_steps, levels)

    def is_finished(self, level: Level) -> bool:
        return any(entry.level == level.name and _finished(entry) for entry in self._results.levels)

    def enter(self, result: LevelResult) -> None:
        levels = [result if old.level == result.level else old for old in self._results.levels]
        self._results = replace(self._results, levels=levels)
        self.write()

    def enter_ended(self, futures: dict[Future[LevelResult], LevelRun]) -> None:
        """Enter what ended while the run was being stopped."""
        for future in futures:
            if future.done() and not future.cancelled() and future.exception() is None:
                self.enter(future.result())

    def write(self) -> None:
        write_results(self._folder, self._results)

    def close(self) -> Results:
        """Add the interval of the mean, which takes all episodes of all levels."""
        scored = [level for level in self._results.levels if level.score is not None]
        returns = [
            [episode.episode_return for episode in read_monitor(self._monitor(level))]
            for level in scored
        ]
        self._results = replace(self._results, interval=bootstrap_interval(returns))
        self.write()
        return self._results

    def _monitor(self, level: LevelResult) -> Path:
        return self._folder / level.folder / "monitor.csv"


def _finished(entry: LevelResult | None) -> bool:
    return entry is not None and entry.status == "finished"


@contextmanager
def end_request_as_interrupt() -> Iterator[None]:
    """SIGTERM and a closed terminal end a run as Ctrl-C does: with everything cleaned up.

    SIGINT is set too: a shell starts its background jobs with it ignored, and `kill -INT` is then
    the only way to say it. A terminal's end stays ignored where it was (nohup).
    """

    def interrupt(number: int, frame: FrameType | None) -> NoReturn:
        raise KeyboardInterrupt

    numbers = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
        numbers.append(signal.SIGHUP)
    before = {number: signal.signal(number, interrupt) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """A second Ctrl-C must not cut the clean-up short: it takes seconds at most."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, signal.SIG_IGN) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def integration_of(movie: Path) -> Path | None:
    """The folder of one's own game that a movie in a run folder was recorded on, if it was one."""
    for parent in movie.absolute().parents:
        try:
            levels = read_run(parent)["settings"]["levels"]
        except (RunFolderError, KeyError):
            continue
        for entry in levels:
            level = Level(*entry["level"].split(":", 1))
            if entry["integration"] and level.slug == movie.absolute().parent.parent.name:
                return Path(entry["integration"])
    return None
