"""Makes the plays that are missing from a measurement, and writes each to the file when it ends."""

from __future__ import annotations

import fcntl
import re
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from agent.errors import UserError
from arena.environment.availability import check_available
from arena.environment.levels import Level, select
from arena.evaluation.level_run import LevelStopped
from arena.server.signals import signals_ignored
from benchmarks.identity import digest
from benchmarks.scores.contest_plays import ContestPlays, Play, PlayKey
from benchmarks.scores.contest_runs import Player, PlayError, play_level

SCENARIO = "contest"  # the scenario whose reward measures progress


@dataclass(frozen=True)
class PlayTask:
    """A play to make.

    Attributes:
        key: its key; the random seed is that of the sticky actions.
        agent: the agent of the key, with the same seed and budget.
        level: the level of the key.
    """

    key: PlayKey
    agent: Player
    level: Level


class MeasurementFile:
    """The plays so far, written to their file after each play; any thread may add one."""

    def __init__(self, plays: ContestPlays, out: Path, console: Console) -> None:
        self.plays = plays
        self._console = console
        self._out = out
        self._lock = threading.Lock()

    def count(self, keys: Sequence[PlayKey]) -> int:
        """Return how many of these plays are measured."""
        return sum(key in self.plays.plays for key in keys)

    def add(self, key: PlayKey, play: Play) -> None:
        """Add a play and write the file.

        Raises:
            StoreError: the file can't be written.
        """
        with self._lock:
            self.plays.add(key, play)
            self.plays.save(self._out)
        score = "no episode counts" if play.score is None else f"{play.score:,.0f}"
        memory = "" if play.peak_mib is None else f", {play.peak_mib:,.0f} MiB"
        self.say(
            f"{name_of(key)}: {score} over {len(play.returns)} episodes,"
            f" {play.steps_per_second:.0f} steps/s{memory}"
        )

    def say(self, line: str) -> None:
        """Print a line."""
        self._console.print(line, highlight=False, markup=False, soft_wrap=True)


def chosen_levels(text: str) -> list[Level]:
    """Return the levels to play; all exist and all have the contest's reward.

    Raises:
        UserError: a level is missing or has another reward; the message names it.
    """
    levels = select(text)
    for level in levels:
        check_available(level)
        if level.scenario != SCENARIO:
            raise UserError(
                f"{level.name} has the scenario {level.scenario!r}, whose reward does not measure"
                f" progress: give levels with the scenario {SCENARIO!r}"
            )
    return levels


def measure(
    tasks: Sequence[PlayTask], folder: Path, workers: int, file: MeasurementFile
) -> list[PlayKey]:
    """Make plays through the real socket, several at once, in the given order.

    A play that fails is named, and the others go on.

    Args:
        tasks: plays that are not in the file.
        folder: folder of the runs.
        workers: number of plays made at once; each has an emulator and an agent.
        file: the measurement that the plays are added to.

    Returns:
        The plays that failed.

    Raises:
        KeyboardInterrupt: every process has ended, and the finished plays are in the file.
        StoreError: the file can't be written.
    """
    stop = threading.Event()
    failed = []
    with ThreadPoolExecutor(workers, thread_name_prefix="play") as pool:
        futures = {pool.submit(_play, task, folder, file, stop): task for task in tasks}
        try:
            for future in _as_completed(futures):
                try:
                    future.result()
                except PlayError as error:
                    failed.append(futures[future].key)
                    file.say(f"{name_of(futures[future].key)} failed: {error}")
        except BaseException:
            with signals_ignored():
                stop.set()
                pool.shutdown(cancel_futures=True)  # waits until every child has ended
            raise
    return failed


def _play(task: PlayTask, folder: Path, file: MeasurementFile, stop: threading.Event) -> None:
    key = task.key
    place = play_folder(folder, key, file.plays)
    try:
        play = play_level(task.agent, task.level, key.budget_steps, key.seed, place, stop)
    except LevelStopped:
        return
    file.add(key, play)


def _as_completed(futures: dict[Future[None], PlayTask]) -> Iterator[Future[None]]:
    pending = set(futures)
    while pending:
        # With a timeout, the main thread receives signals also while no play ends.
        done, pending = wait(pending, timeout=1.0, return_when=FIRST_COMPLETED)
        yield from done


def play_folder(folder: Path, key: PlayKey, plays: ContestPlays) -> Path:
    """Return the folder of a play; plays that differ only in the level share it."""
    what = digest({"identity": plays.players[key.player], "rom": key.rom})
    return folder / f"{slug(key.agent)}-{key.budget_steps}-seed{key.seed}-{what[:8]}"


def name_of(key: PlayKey) -> str:
    """Return a play as it is named in messages."""
    return f"{key.agent}, {key.level.rpartition(':')[2]}, seed {key.seed}"


def slug(text: str) -> str:
    """Return a text as a folder's name."""
    return re.sub(r"[^A-Za-z0-9.]+", "-", text).strip("-.")


@contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Hold a lock on the folder, so that a second measurement can't use it and its file.

    Raises:
        UserError: another measurement uses it, or it can't be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / ".lock").open("wb")
    except OSError as error:
        raise UserError(
            f"{folder} can't be written ({error.strerror}): give another --folder"
        ) from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(
                f"{folder} is in use by another measurement: wait, or give another --folder and"
                " another --out"
            ) from None
        yield
