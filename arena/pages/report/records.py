"""The records that a report is made from: the readable parts of a run folder and its levels.

`arena.pages.report.record_reader` fills them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agent.errors import UserError
from agent.settings import RULES_WITHOUT_THRESHOLD
from arena.environment.levels import Level
from arena.evaluation.results import LevelResult, RunResults
from arena.evaluation.score import FULL_PROGRESS_RETURN

Floats = NDArray[np.float64]


class ReportError(UserError):
    """The folder is not a run folder, or the page can't be written."""


@dataclass(frozen=True)
class AgentSeconds:
    """Seconds by component of the agent, added up over `steps` agent steps."""

    parts: Mapping[str, float]
    steps: int


@dataclass(frozen=True)
class LevelRecord:
    """One level of a run.

    Attributes:
        result: the level's entry in results.json, or an entry computed from the level's files.
        scenario: scenario that defines the reward; "" if run.json does not name it.
        integration: folder of a game that is not part of stable-retro; None for its games.
        returns: returns of the finished episodes, float64 (E,), finite.
        timesteps: timesteps of the budget used at the end of each episode, resets included,
            int64 (E,).
        numbers: number of each episode in the run, from 0, int64 (E,).
        locked: whether a locked-in candidate played each episode, bool (E,); None without a
            journal.
        return_points: return up to which the explorer followed known trajectories in each
            episode, float64 (E,); NaN if the journal does not say.
        agent_seconds: time by component of the agent; None without a journal.
        emulator_seconds: time in the emulator, measured by the server; None if it was not measured.
    """

    result: LevelResult
    scenario: str
    integration: str | None
    returns: Floats
    timesteps: NDArray[np.int64]
    numbers: NDArray[np.int64]
    locked: NDArray[np.bool_] | None
    return_points: Floats
    agent_seconds: AgentSeconds | None
    emulator_seconds: float | None

    @property
    def game(self) -> str:
        return Level.parse(self.result.level).game

    @property
    def state(self) -> str:
        return Level.parse(self.result.level).state

    @property
    def used_archive(self) -> bool:
        """Whether the explorer followed known trajectories in any episode."""
        return bool((self.return_points > 0).any())

    @property
    def mean_return_point(self) -> float:
        """Mean of `return_points`; call it only if `used_archive`."""
        return float(np.nanmean(self.return_points))

    @property
    def median(self) -> float | None:
        """Median return; None without an episode."""
        return float(np.median(self.returns)) if len(self.returns) else None

    @property
    def has_progress(self) -> bool:
        """Whether the return is progress in the level: 9,000 from its start to its end."""
        return self.scenario == "contest"

    @property
    def ends_reached(self) -> int | None:
        """Episodes that reached the level's end; None if the return does not show it."""
        if not self.has_progress:
            return None
        return int((self.returns >= FULL_PROGRESS_RETURN).sum())


@dataclass(frozen=True)
class RunRecord:
    """A run folder.

    Attributes:
        folder: the folder's path.
        run: content of run.json; {} if it can't be read.
        results: content of results.json, or results computed from the levels' files.
        levels: a record for each of results.levels.
        notes: what is missing or broken, a sentence each.
    """

    folder: Path
    run: Mapping[str, Any]
    results: RunResults
    levels: Sequence[LevelRecord]
    notes: Sequence[str]

    @property
    def levels_finished(self) -> tuple[int, int] | None:
        """See `count_finished`."""
        return count_finished(self.levels)

    @property
    def settings(self) -> Mapping[str, Any]:
        return mapping(self.run.get("settings"))

    @property
    def agent_settings(self) -> Mapping[str, Any]:
        return mapping(self.settings.get("agent"))

    @property
    def lock_in_score(self) -> float | None:
        """The agent's lock-in threshold; None if its rule has none or run.json does not name it."""
        if self.repeats or self.agent_settings.get("lock_in_rule") in RULES_WITHOUT_THRESHOLD:
            return None
        value = self.agent_settings.get("lock_in_score")
        return float(value) if isinstance(value, int | float) and math.isfinite(value) else None

    @property
    def repeats(self) -> int:
        """Episodes per candidate in a recording for the tuner; 0 if the run is not one."""
        value = self.agent_settings.get("repeats")
        return value if isinstance(value, int) else 0

    @property
    def pretrained(self) -> Path | None:
        """The packed model of the local agent; None for any other agent."""
        value = self.agent_settings.get("pretrained")
        return Path(value) if isinstance(value, str) else None

    @property
    def command(self) -> str:
        return text(self.run.get("command"))

    @property
    def commit(self) -> str:
        return text(self.run.get("commit")) or "unknown"

    @property
    def started(self) -> str:
        """Start time from run.json, ISO 8601; "" if it is missing."""
        return text(self.run.get("started"))

    @property
    def resumed(self) -> list[tuple[str, str]]:
        """Time and command of each resumption."""
        entries = self.run.get("resumed")
        return [
            (text(entry.get("started")), text(entry.get("command")))
            for entry in map(mapping, entries if isinstance(entries, list) else [])
        ]

    @property
    def name(self) -> str:
        return self.folder.absolute().name


def count_finished(levels: Sequence[LevelRecord]) -> tuple[int, int] | None:
    """Count the levels whose end an episode reached, and those whose return would show it.

    None if no level's return shows it.
    """
    known = [level.ends_reached for level in levels if level.ends_reached is not None]
    return (sum(ends > 0 for ends in known), len(known)) if known else None


def mapping(value: object) -> Mapping[str, Any]:
    """A JSON object; {} for any other value."""
    return value if isinstance(value, dict) else {}


def text(value: object) -> str:
    """A JSON string; "" for any other value."""
    return value if isinstance(value, str) else ""
