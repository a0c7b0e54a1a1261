"""Makes the plays that are missing from a measurement, and writes each to the file when it ends."""

from __future__ import annotations

import fcntl
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from agent.errors import UserError
from arena.environment.availability import check_available
from arena.environment.levels import Level, select
from arena.evaluation.agents import LocalAgent
from arena.workers.pool import Pool
from benchmarks.identity import digest
from benchmarks.scores.baseline_plays import BaselineTask, make_play_baseline
from benchmarks.scores.contest_players import play_ours
from benchmarks.scores.contest_plays import ContestPlays, Play, PlayKey

SCENARIO = "contest"  # the scenario whose reward measures progress
LONGEST_SECONDS = 12 * 3600.0  # time limit of a baseline on one level


class MeasurementFile:
    """The plays so far, written to their file after each play; any thread may add one."""

    def __init__(self, plays: ContestPlays, out: Path, console: Console) -> None:
        self.plays = plays
        self.console = console
        self._out = out
        self._lock = threading.Lock()

    def count(self, keys: Sequence[PlayKey]) -> int:
        """Return how many of these plays are measured."""
        return sum(key in self.plays.plays for key in keys)

    def add(self, key: PlayKey, play: Play) -> None:
        """Add a play and write the file, if the play is new.

        Raises:
            StoreError: the file can't be written.
        """
        with self._lock:
            if key in self.plays.plays:
                return
            self.plays.add(key, play)
            self.save()
        score = "no episode counts" if play.score is None else f"{play.score:,.0f}"
        self.console.print(
            f"{key.agent}, {key.level.rpartition(':')[2]}, seed {key.seed}: {score} over"
            f" {len(play.returns)} episodes, {play.steps_per_second:.0f} steps/s",
            highlight=False,
            markup=False,
            soft_wrap=True,
        )

    def save(self) -> None:
        """Write the file.

        Raises:
            StoreError: it can't be written.
        """
        self.plays.save(self._out)


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


def measure_baselines(
    keys: Sequence[PlayKey],
    levels: Mapping[str, Level],
    folder: Path,
    workers: int,
    file: MeasurementFile,
) -> None:
    """Play baselines in worker processes.

    Args:
        keys: the plays to make.
        levels: levels by name.
        folder: folder of the runs.
        workers: number of processes.
        file: the measurement that the plays are added to.
    """
    tasks = {
        BaselineTask(
            *(key.agent, levels[key.level], key.seed, key.budget_steps),
            baseline_folder(folder, key),
        ): key
        for key in keys
    }
    if tasks:
        with Pool(make_play_baseline, min(workers, len(tasks)), LONGEST_SECONDS) as pool:
            for task, play in pool.run(tasks):
                file.add(tasks[task], play)


def measure_ours(
    player: LocalAgent,
    levels: Sequence[Level],
    keys: Mapping[str, PlayKey],
    folder: Path,
    workers: int,
    file: MeasurementFile,
) -> None:
    """Play one of our agents with one seed on levels that are not measured yet.

    Args:
        player: the agent with the seed and the budget of the keys.
        levels: levels to play.
        keys: key of each play, by level.
        folder: folder of the runs.
        workers: number of levels played at once.
        file: the measurement that the plays are added to.
    """
    key = next(iter(keys.values()))
    file.console.print(f"{key.agent}, seed {key.seed}", highlight=False, markup=False)
    # After an interruption fewer levels are left to play, so their digest names another folder.
    what = digest(
        {
            "levels": [*keys],
            "roms": [key.rom for key in keys.values()],
            "identity": file.plays.players[key.player],
            "agent": player.describe(),
        }
    )
    run_dir = folder / f"{slug(key.agent)}-{key.budget_steps}-seed{key.seed}-{what[:8]}"

    def note(level: str, play: Play) -> None:
        file.add(keys[level], play)

    play_ours(player, key.budget_steps, levels, run_dir, workers, file.console, note)


def baseline_folder(folder: Path, key: PlayKey) -> Path:
    """Return the folder for the contest's files of a baseline's budget."""
    level = slug(key.level)
    return folder / f"{slug(key.agent)}-{key.budget_steps}-seed{key.seed}" / level


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
