"""Reads one line of the leaderboard from each run folder: its settings and its results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from arena.environment.level_files import LevelError
from arena.environment.levels import Level, level_sets
from arena.evaluation.results import RunResults, RunResultsError, read_results
from arena.evaluation.run_folder import RunFolderError, read_run
from arena.evaluation.score import FULL_PROGRESS_RETURN, Interval
from arena.pages.report.records import mapping, text

REPORT_NAME = "report.html"


@dataclass(frozen=True)
class Entry:
    """A run on the leaderboard.

    Attributes:
        folder: the run folder.
        agent: the agent's name.
        levels: the level set, or the names of the levels.
        budget_steps: timesteps of each level.
        seed: random seed of the sticky actions; None if run.json does not name one.
        score: mean score; None without one.
        interval: its 95% interval.
        levels_scored: number of levels in the mean.
        levels_total: number of all levels.
        finished: number of levels whose end an episode reached; None if no return shows it.
        status: "finished", "not finished", "no episode", or the number of failed levels.
        started: time in UTC, ISO 8601 to the minute; "" if it is missing.
    """

    folder: Path
    agent: str
    levels: str
    budget_steps: int
    seed: int | None
    score: float | None
    interval: Interval | None
    levels_scored: int
    levels_total: int
    finished: int | None
    status: str
    started: str

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def report(self) -> Path | None:
        """The run's report, if it was written."""
        path = self.folder / REPORT_NAME
        return path if path.is_file() else None


def read_entries(root: Path) -> tuple[list[Entry], list[str]]:
    """Read the run folders in a folder.

    Returns:
        The runs, those with the same levels and the same budget together, the highest score
        first; and a note on each folder whose results.json can't be read.
    """
    entries, notes = [], []
    for folder in sorted(path for path in root.iterdir() if path.is_dir()):
        if not (folder / "results.json").exists():
            continue  # not an evaluation, or one that has not begun
        try:
            results = read_results(folder)
        except RunResultsError as error:
            notes.append(str(error).rpartition(": ")[0])
            continue
        try:
            run: Mapping[str, Any] = read_run(folder)
        except RunFolderError as error:
            notes.append(str(error).rpartition(": ")[0])
            run = {}
        entries.append(_entry(folder, run, results))
    return sorted(entries, key=_order), notes


def _entry(folder: Path, run: Mapping[str, Any], results: RunResults) -> Entry:
    settings = mapping(run.get("settings"))
    seed = settings.get("seed")
    return Entry(
        folder=folder,
        agent=results.agent,
        levels=_levels([level.level for level in results.levels]),
        budget_steps=results.budget_steps,
        seed=seed if isinstance(seed, int) else None,
        score=results.mean,
        interval=results.interval,
        levels_scored=results.levels_scored,
        levels_total=len(results.levels),
        finished=_finished(settings, results),
        status=_status(results),
        started=text(run.get("started"))[:16].replace("T", " "),
    )


def _order(entry: Entry) -> tuple[int, str, int, float, str]:
    """Order by number of levels, levels, budget and score, the largest first."""
    score = -entry.score if entry.score is not None else float("inf")
    return -entry.levels_total, entry.levels, -entry.budget_steps, score, entry.name


def _levels(names: Sequence[str]) -> str:
    """Name the level set, or list the levels if they are not a whole set."""
    for name, levels in level_sets().items():
        if sorted(names) == sorted(level.name for level in levels):
            return name
    if len(names) == 1:
        return names[0]
    games = {name.partition(":")[0] for name in names}
    if len(games) == 1:
        states = sorted(name.partition(":")[2] for name in names)
        return f"{len(names)} levels of {games.pop()}: {', '.join(states)}"
    return f"{len(names)} levels: {', '.join(sorted(names))}" if names else "no level"


def _finished(settings: Mapping[str, Any], results: RunResults) -> int | None:
    entries = settings.get("levels")
    progress = set()
    for entry in entries if isinstance(entries, list) else []:
        try:
            level = Level.from_json(entry)
        except LevelError:
            continue
        if level.scenario == "contest":
            progress.add(level.name)
    best = [level.best_return or 0.0 for level in results.levels if level.level in progress]
    return sum(value >= FULL_PROGRESS_RETURN for value in best) if best else None


def _status(results: RunResults) -> str:
    if results.failed:
        return f"{len(results.failed)} failed"
    if not results.complete:
        return "not finished"
    return "finished" if results.levels_scored else "no episode"
