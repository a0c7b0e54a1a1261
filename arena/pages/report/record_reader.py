"""Reads a run folder for the report.

A run may be in progress or interrupted, or its agent may have written no journal. A broken file
never stops the report: it becomes a note on the page.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agent import journal
from agent.journal import EpisodeEntry
from agent.journal_reader import read_journal
from agent.play.timing import Timing
from arena.environment.level_files import LevelError
from arena.environment.levels import Level
from arena.evaluation import results, run_folder
from arena.evaluation.kept_movies import KEPT_MOVIES
from arena.evaluation.learning_curve import timesteps_at_ends
from arena.evaluation.level_run import LIMITS_REACHED
from arena.evaluation.results import LevelResult, RunResults, RunResultsError, read_results
from arena.evaluation.run_folder import RunFolderError, read_run
from arena.evaluation.score import (
    MonitorFileError,
    bootstrap_interval,
    level_score,
    read_monitor,
)
from arena.pages.report.records import (
    AgentSeconds,
    Floats,
    LevelRecord,
    ReportError,
    RunRecord,
    mapping,
)
from arena.server.monitor import MONITOR_FILE
from arena.server.process import ServerResultError, read_result
from arena.server.session_result import SessionResult

COMPONENTS = tuple(Timing().rounded())


def read_record(folder: Path) -> RunRecord:
    """Read a run folder.

    Raises:
        ReportError: there is no such folder, or it is not a run folder.
    """
    if not folder.is_dir():
        raise ReportError(
            f"there is no run folder {folder}: give a folder that local_eval.py wrote"
        )
    if not any((folder / name).exists() for name in (run_folder.FILE_NAME, results.FILE_NAME)):
        raise ReportError(
            f"{folder} is not a run folder: it has neither {run_folder.FILE_NAME} nor"
            f" {results.FILE_NAME}; give a folder that local_eval.py wrote"
        )
    notes: list[str] = []
    run: Mapping[str, Any] = {}
    try:
        run = read_run(folder)
    except RunFolderError as error:
        notes.append(f"The settings of the run are unknown: {_reason(error)}.")
    settings = _level_settings(run)
    found = _results(folder, run, settings, notes)
    levels = []
    for result in found.levels:
        record, level_notes = _level(folder, result, settings.get(result.level))
        levels.append(record)
        notes += [f"{result.level}: {note}" for note in level_notes]
    return RunRecord(folder, run, found, levels, notes)


def _results(
    folder: Path, run: Mapping[str, Any], levels: Mapping[str, Level], notes: list[str]
) -> RunResults:
    try:
        found = read_results(folder)
        if not found.complete:
            notes.append("The run is not finished. The same command resumes it.")
        return found
    except RunResultsError as error:
        notes.append(f"{_reason(error)}. The numbers below were computed from the levels' files.")
    places = {name: level.slug for name, level in levels.items()} or _level_folders(folder)
    rebuilt = [_rebuilt(folder, name, f"levels/{slug}") for name, slug in places.items()]
    agent = mapping(mapping(run.get("settings")).get("agent"))
    name = Path(str(agent.get("pretrained") or agent.get("image") or "agent")).name
    budget = mapping(run.get("settings")).get("budget_steps")
    if not isinstance(budget, int):
        budget = max((level.timesteps or 0 for level in rebuilt), default=0)
    returns = [
        _episodes(folder / level.folder)[0].tolist() for level in rebuilt if level.score is not None
    ]
    interval = bootstrap_interval(returns)
    return RunResults(name, budget, rebuilt, interval)


def _rebuilt(folder: Path, level: str, place: str) -> LevelResult:
    """Compute a level's entry from its files; the server's file says whether it is finished."""
    returns = _episodes(folder / place)[0]
    end = _server_end(folder / place)
    finished = end is not None and end.reason in LIMITS_REACHED
    movies = {name: f"{place}/movies/{name}.bk2" for name in KEPT_MOVIES}
    return LevelResult(
        level=level,
        folder=place,
        status="finished" if finished else "pending",
        ended_by=end.reason if end else None,
        score=level_score(list(returns)) if finished else None,
        interval=bootstrap_interval([list(returns)]) if finished else None,
        best_return=float(returns.max()) if len(returns) else None,
        best_episode=int(returns.argmax()) if len(returns) else None,
        episodes=len(returns),
        timesteps=end.timesteps if end else None,
        seconds=end.seconds if end else None,
        steps_per_second=end.timesteps / end.seconds if end and end.seconds else None,
        movies={name: movie for name, movie in movies.items() if (folder / movie).is_file()},
    )


def _level_folders(folder: Path) -> dict[str, str]:
    """Map guessed names of levels to their folders, for a run.json that does not name the levels.

    A name is guessed from its folder's, which does not show where the name of the game ends. So the
    name may be wrong, but the folder is right.
    """
    place = folder / "levels"
    found = sorted(path.name for path in place.iterdir() if path.is_dir()) if place.is_dir() else []
    parts = {slug: slug.partition(".") for slug in found}
    return {f"{game}:{state or game}": slug for slug, (game, _, state) in parts.items() if game}


def _level(folder: Path, result: LevelResult, level: Level | None) -> tuple[LevelRecord, list[str]]:
    place = folder / result.folder
    returns, lengths, notes = _episodes(place)
    timesteps = timesteps_at_ends(lengths)
    finite = np.isfinite(returns)
    if not finite.all():
        count = int((~finite).sum())
        notes.append(f"{count} of {len(returns)} returns are NaN or infinite and are excluded.")
    entries, journal_notes = _journal(place / "out" / journal.FILE_NAME)
    notes += journal_notes
    if entries and len(returns) and not _same(entries, returns, lengths):
        notes.append("The agent's journal describes other episodes and is ignored.")
        entries = []
    locked, return_points = _from_journal(entries, len(returns))
    if locked is not None and result.locked_in_at is None and locked.any():
        first = int(locked.argmax())
        at = int(timesteps[first] - lengths[first] - 1)
        result = replace(result, locked_in_at=at)
    end = _server_end(place)
    record = LevelRecord(
        result=result,
        scenario=level.scenario if level else "",
        integration=str(level.integration) if level and level.integration else None,
        returns=returns[finite],
        timesteps=timesteps[finite],
        numbers=np.flatnonzero(finite),
        locked=None if locked is None else locked[finite],
        return_points=return_points[finite],
        agent_seconds=_agent_seconds(entries),
        emulator_seconds=(end.emulator_seconds or None) if end else None,
    )
    return record, notes


def _episodes(place: Path) -> tuple[Floats, NDArray[np.int64], list[str]]:
    """Returns and lengths from the contest's monitor file, and a note if it can't be read."""
    try:
        episodes = read_monitor(place / MONITOR_FILE)
    except MonitorFileError as error:
        empty = np.zeros(0)
        return empty, empty.astype(np.int64), [f"{error}."]
    returns = np.array([episode.episode_return for episode in episodes], np.float64)
    return returns, np.array([episode.length for episode in episodes], np.int64), []


def _journal(path: Path) -> tuple[list[EpisodeEntry], list[str]]:
    """The journal's episodes, and a note on broken lines; other agents have no journal."""
    content = read_journal(path)
    if content is None:
        return [], []
    if content.problem:
        return [], [f"{content.problem}."]
    note = f"{content.broken} of {content.lines} lines of the journal are broken."
    return content.episodes, [note] if content.broken else []


def _from_journal(
    entries: Sequence[EpisodeEntry], episodes: int
) -> tuple[NDArray[np.bool_] | None, Floats]:
    """Whether each episode was locked in (None without a journal), and its return point."""
    return_points = np.full(episodes, np.nan)
    if not entries or not episodes:
        return None, return_points
    covered = entries[:episodes]
    return_points[: len(covered)] = [
        math.nan if entry.returned_to is None else entry.returned_to for entry in covered
    ]
    flags = [entry.locked for entry in covered]
    flags += flags[-1:] * (episodes - len(flags))  # a journal may end before the run does
    return np.array(flags, bool), return_points


def _same(entries: Sequence[EpisodeEntry], returns: Floats, lengths: NDArray[np.int64]) -> bool:
    """Whether the journal and the monitor describe the same episodes, as far as both have them."""
    for entry, length, value in zip(entries, lengths.tolist(), returns.tolist(), strict=False):
        if entry.length != length:
            return False
        if math.isfinite(value) and not math.isclose(entry.episode_return, value, abs_tol=0.01):
            return False
    return True


def _agent_seconds(entries: Sequence[EpisodeEntry]) -> AgentSeconds | None:
    timed = [
        (entry.length, entry.seconds)
        for entry in entries
        if entry.seconds is not None and all(name in entry.seconds for name in COMPONENTS)
    ]
    if not timed:
        return None
    sums = {name: float(sum(seconds[name] for _, seconds in timed)) for name in COMPONENTS}
    return AgentSeconds(sums, sum(length for length, _ in timed))


def _server_end(place: Path) -> SessionResult | None:
    try:
        return read_result(place)
    except ServerResultError:
        return None


def _level_settings(run: Mapping[str, Any]) -> dict[str, Level]:
    """Levels of run.json by name; entries of another form are skipped."""
    entries = mapping(run.get("settings")).get("levels")
    levels = {}
    for entry in entries if isinstance(entries, list) else []:
        with contextlib.suppress(LevelError):
            level = Level.from_json(entry)
            levels[level.name] = level
    return levels


def _reason(error: Exception) -> str:
    """An error's text without its next step, which is for the run command."""
    return str(error).rpartition(": ")[0] or str(error)
