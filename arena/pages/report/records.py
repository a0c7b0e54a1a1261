"""A run folder read for people: what is there is told, and what is not is said in a note.

A run may be under way, cut off, of an older version or of a foreign agent without a journal:
nothing here fails on a broken file, which becomes a note in the page instead.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agent import journal
from agent.errors import UserError
from agent.play.timing import Timing
from agent.settings import RULES_WITHOUT_THRESHOLD
from arena.evaluation import results, run_folder
from arena.evaluation.level_run import LIMITS_REACHED
from arena.evaluation.results import LevelResult, Results, ResultsError, read_results
from arena.evaluation.run_folder import RunFolderError, read_run
from arena.evaluation.score import bootstrap_interval, level_score, read_monitor
from arena.server.monitor import MONITOR_FILE
from arena.server.process import read_result
from arena.server.session import ServeResult

Floats = NDArray[np.float64]
PARTS = tuple(Timing().rounded())


class ReportError(UserError):
    """What was given is no run folder at all, or the page can't be written."""


@dataclass(frozen=True)
class AgentSeconds:
    """Seconds of the agent's parts, by the names of `PARTS`, over so many agent steps."""

    parts: Mapping[str, float]
    steps: int


@dataclass(frozen=True)
class LevelRecord:
    """One level of a run.

    Attributes:
        result: its entry of results.json, or what could be made up for one from the files.
        scenario: whose reward was played for; "" where run.json does not say.
        integration: folder of the game's integration, None for stable-retro's own.
        returns: of the finished episodes, float64 (E,), finite.
        timesteps: of the budget used at the end of each, int64 (E,), resets included.
        locked: whether each was played locked in, bool (E,); None: no journal says.
        returned_to: return up to which the agent's memory of the level alone played in each,
            float64 (E,); NaN where no journal says.
        agent_seconds: of the agent's parts; None where the journal does not tell.
        emulator_seconds: as the server measured it; None where it did not.
        numbers: number of each episode in the run, from 0, int64 (E,).
    """

    result: LevelResult
    scenario: str
    integration: str | None
    returns: Floats
    timesteps: NDArray[np.int64]
    numbers: NDArray[np.int64]
    locked: NDArray[np.bool_] | None
    returned_to: Floats
    agent_seconds: AgentSeconds | None
    emulator_seconds: float | None

    @property
    def game(self) -> str:
        return self.result.level.partition(":")[0]

    @property
    def state(self) -> str:
        return self.result.level.partition(":")[2] or self.result.level

    @property
    def remembers(self) -> bool:
        """Whether the agent remembered the level and that led it anywhere."""
        return bool((self.returned_to > 0).any())

    @property
    def usually_returned_to(self) -> float:
        """Mean of `returned_to`, of a level that is remembered."""
        return float(np.nanmean(self.returned_to))

    @property
    def median(self) -> float | None:
        """Of the returns; None without an episode."""
        return float(np.median(self.returns)) if len(self.returns) else None

    @property
    def has_progress(self) -> bool:
        """Whether a return tells how far an episode came: 9,000 is the whole way."""
        return self.scenario == "contest"


@dataclass(frozen=True)
class RunRecord:
    """A run folder.

    Attributes:
        folder: where it lies.
        run: run.json's content; {} where it can't be read.
        results: results.json's content, or what could be made up for it.
        levels: one for each of results.levels.
        notes: what is missing or broken, a sentence each.
    """

    folder: Path
    run: Mapping[str, Any]
    results: Results
    levels: Sequence[LevelRecord]
    notes: Sequence[str]

    @property
    def settings(self) -> Mapping[str, Any]:
        return _mapping(self.run.get("settings"))

    @property
    def agent_settings(self) -> Mapping[str, Any]:
        return _mapping(self.settings.get("agent"))

    @property
    def lock_in_score(self) -> float | None:
        """The threshold that the agent was given, if the run says, and its rule has one."""
        if self.repeats or self.agent_settings.get("lock_in_rule") in RULES_WITHOUT_THRESHOLD:
            return None
        value = self.agent_settings.get("lock_in_score")
        return float(value) if isinstance(value, int | float) and math.isfinite(value) else None

    @property
    def repeats(self) -> int:
        """Episodes of each candidate in a recording for the tuner; 0: it is none."""
        value = self.agent_settings.get("repeats")
        return value if isinstance(value, int) else 0

    @property
    def pretrained(self) -> Path | None:
        """The packed model of the local agent; None for any other agent."""
        value = self.agent_settings.get("pretrained")
        return Path(value) if isinstance(value, str) else None

    @property
    def command(self) -> str:
        return _text(self.run.get("command"))

    @property
    def commit(self) -> str:
        return _text(self.run.get("commit")) or "unknown"

    @property
    def started(self) -> str:
        """As in run.json, ISO 8601; "" where it does not say."""
        return _text(self.run.get("started"))

    @property
    def resumed(self) -> list[tuple[str, str]]:
        """When the run was resumed, and by which command."""
        entries = self.run.get("resumed")
        return [
            (_text(entry.get("started")), _text(entry.get("command")))
            for entry in map(_mapping, entries if isinstance(entries, list) else [])
        ]

    @property
    def name(self) -> str:
        return self.folder.absolute().name


def read_record(folder: Path) -> RunRecord:
    """Read a run folder.

    Raises:
        ReportError: there is no such folder, or nothing of a run in it.
    """
    if not folder.is_dir():
        raise ReportError(f"there is no run folder {folder}: give one that local_eval.py wrote")
    if not any((folder / name).exists() for name in (run_folder.FILE_NAME, results.FILE_NAME)):
        raise ReportError(
            f"{folder} is no run folder: it has neither {run_folder.FILE_NAME} nor"
            f" {results.FILE_NAME}"
        )
    notes: list[str] = []
    run: Mapping[str, Any] = {}
    try:
        run = read_run(folder)
    except RunFolderError as error:
        notes.append(f"The settings of the run are not known: {_reason(error)}.")
    settings = _level_settings(run)
    found = _results(folder, run, list(settings), notes)
    levels = []
    for result in found.levels:
        record, said = _level(folder, result, settings.get(result.level, {}))
        levels.append(record)
        notes += [f"{result.level}: {note}" for note in said]
    return RunRecord(folder, run, found, levels, notes)


def _results(
    folder: Path, run: Mapping[str, Any], levels: Sequence[str], notes: list[str]
) -> Results:
    try:
        found = read_results(folder)
        if not found.complete:
            notes.append("The run is not finished: the same command goes on with it.")
        return found
    except ResultsError as error:
        notes.append(f"{_reason(error)}. What follows was worked out from the episodes' files.")
    rebuilt = [_rebuilt(folder, level) for level in levels or _level_folders(folder)]
    agent = _mapping(_mapping(run.get("settings")).get("agent"))
    name = Path(str(agent.get("pretrained") or agent.get("image") or "agent")).name
    budget = _mapping(run.get("settings")).get("budget_steps")
    returns = [
        _episodes(folder / level.folder)[0].tolist() for level in rebuilt if level.score is not None
    ]
    interval = bootstrap_interval(returns)
    return Results(name, budget if isinstance(budget, int) else 0, rebuilt, interval)


def _rebuilt(folder: Path, level: str) -> LevelResult:
    """A level's entry where results.json can't be read; finished if the server says so."""
    place = f"levels/{level.replace(':', '.')}"
    returns = _episodes(folder / place)[0]
    end = _server_end(folder / place)
    finished = end is not None and end.reason in LIMITS_REACHED
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
    )


def _level_folders(folder: Path) -> list[str]:
    place = folder / "levels"
    found = sorted(path.name for path in place.iterdir()) if place.is_dir() else []
    return [name.replace(".", ":", 1) for name in found]


def _level(
    folder: Path, result: LevelResult, settings: Mapping[str, Any]
) -> tuple[LevelRecord, list[str]]:
    place = folder / result.folder
    returns, lengths, notes = _episodes(place)
    timesteps = np.cumsum(lengths + 1) if len(lengths) else np.zeros(0, np.int64)
    finite = np.isfinite(returns)
    if not finite.all():
        count = int((~finite).sum())
        notes.append(f"{count} of {len(returns)} returns are no numbers and are left out.")
    entries, said = _journal(place / "out" / journal.FILE_NAME)
    notes += said
    locked, returned_to = None, np.full(len(returns), np.nan)
    if entries and _same(entries, returns, lengths):
        known = [_number(entry.get("returned_to")) for entry in entries[: len(returns)]]
        returned_to[: len(known)] = known
        flags = [bool(entry["locked"]) for entry in entries][: len(returns)]
        flags += flags[-1:] * (len(returns) - len(flags))  # a journal may end before the run does
        locked = np.array(flags, bool)
    elif entries and len(returns):
        notes.append("the agent's journal tells of other episodes; it is left aside.")
        entries = []
    if locked is not None and result.locked_in_at is None and locked.any():
        first = int(locked.argmax())
        at = int(timesteps[first] - lengths[first] - 1)
        result = replace(result, locked_in_at=at)
    end = _server_end(place)
    record = LevelRecord(
        result=result,
        scenario=str(settings.get("scenario") or ""),
        integration=_text(settings.get("integration")) or None,
        returns=returns[finite],
        timesteps=timesteps[finite],
        numbers=np.flatnonzero(finite),
        locked=None if locked is None else locked[finite],
        returned_to=returned_to[finite],
        agent_seconds=_agent_seconds(entries),
        emulator_seconds=(end.emulator_seconds or None) if end else None,
    )
    return record, notes


def _episodes(place: Path) -> tuple[Floats, NDArray[np.int64], list[str]]:
    """Returns and lengths as the contest's monitor has them, and what is wrong with it."""
    try:
        episodes = read_monitor(place / MONITOR_FILE)
    except (OSError, ValueError, KeyError, TypeError) as error:
        empty = np.zeros(0)
        return empty, empty.astype(np.int64), [f"{MONITOR_FILE} can't be read ({error})."]
    returns = np.array([episode.episode_return for episode in episodes], np.float64)
    return returns, np.array([episode.length for episode in episodes], np.int64), []


def _journal(path: Path) -> tuple[list[dict[str, Any]], list[str]]:
    """The journal's whole lines; an agent that is not ours has none."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return [], []
    entries, broken = [], 0
    for line in lines:
        try:
            entry = json.loads(line)
            float(entry["episode_return"]), int(entry["length"]), entry["locked"]
            entries.append(entry)
        except (ValueError, KeyError, TypeError, OverflowError):
            broken += 1
    notes = [f"{broken} of {len(lines)} lines of the journal are broken."] if broken else []
    return entries, notes


def _same(
    entries: Sequence[Mapping[str, Any]], returns: Floats, lengths: NDArray[np.int64]
) -> bool:
    """Whether the journal and the monitor tell of the same episodes, as far as both go."""
    told = [(int(entry["length"]), float(entry["episode_return"])) for entry in entries]
    seen = zip(lengths.tolist(), returns.tolist(), strict=True)
    return bool(told) and all(
        length == other and (value == theirs or math.isclose(value, theirs, abs_tol=0.01)
                             or not math.isfinite(theirs))
        for (length, value), (other, theirs) in zip(told, seen, strict=False)
    )  # fmt: skip


def _agent_seconds(entries: Sequence[Mapping[str, Any]]) -> AgentSeconds | None:
    parts = dict.fromkeys(PARTS, 0.0)
    steps = 0
    for entry in entries:
        seconds = entry.get("seconds")
        if not isinstance(seconds, dict):
            continue
        values = [seconds.get(part) for part in PARTS]
        if all(isinstance(value, int | float) and math.isfinite(value) for value in values):
            steps += int(entry["length"])
            for part, value in zip(PARTS, values, strict=True):
                parts[part] += float(value)  # type: ignore[arg-type]
    return AgentSeconds(parts, steps) if steps else None


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else math.nan


def _server_end(place: Path) -> ServeResult | None:
    try:
        return read_result(place)
    except (OSError, ValueError, TypeError):
        return None


def _level_settings(run: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Level name -> its settings, as run.json has them."""
    entries = _mapping(run.get("settings")).get("levels")
    if not isinstance(entries, list):
        return {}
    return {str(entry["level"]): entry for entry in map(_mapping, entries) if "level" in entry}


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _reason(error: Exception) -> str:
    """An error's text without its advice about --out, which is for those who run."""
    return str(error).rpartition(": ")[0] or str(error)
