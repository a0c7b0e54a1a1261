"""The calibration's scores: the returns of every agent on every level, and the settings.

The benchmark continues its file only with the same settings and the same ROMs.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from baselines.simple_agents import POLICIES
from benchmarks.scores.contest_players import JERK
from benchmarks.store import Values, check_same, load_rows, save_rows

KIND = "calibration"
PLANNER = "planner"
AGENTS = (*POLICIES, JERK, PLANNER)  # the order of rows and columns


@dataclass(frozen=True)
class LevelReturns:
    """Result of one agent on one level.

    Attributes:
        returns: returns of the finished episodes, in order.
        steps: agent steps played, four frames each.
    """

    returns: list[float]
    steps: int

    @property
    def mean(self) -> float:
        """The contest's score: 0 if no episode was finished."""
        return float(np.mean(self.returns)) if self.returns else 0.0

    @property
    def best(self) -> float:
        return max(self.returns, default=0.0)


@dataclass(frozen=True)
class CalibrationSettings:
    """Settings that must be the same for two scores to be in one table.

    Attributes:
        episodes: episodes of each simple policy on each level.
        jerk_steps: JERK's budget on each level, in timesteps.
        seed: random seed of the policies and of the sticky actions.
        roms: game -> SHA-1 of its ROM.
    """

    episodes: int
    jerk_steps: int
    seed: int
    roms: dict[str, str]


@dataclass
class CalibrationScores:
    """The scores measured so far, by agent and level.

    Attributes:
        settings: the settings of all scores.
        order: order of the levels in the tables; some of them may have no score yet.
        scores: agent -> level -> result.
    """

    settings: CalibrationSettings
    order: list[str]
    scores: dict[str, dict[str, LevelReturns]] = field(default_factory=dict)

    @classmethod
    def open(
        cls, path: Path, settings: CalibrationSettings, order: Iterable[str]
    ) -> CalibrationScores:
        """Return the scores of an earlier run to continue with; no scores if there is no file.

        Raises:
            StoreError: the file was measured with other settings, or can't be read.
        """
        if not path.exists():
            return cls(settings, list(order))
        known = cls.load(path)
        check_same(path, dataclasses.asdict(known.settings), dataclasses.asdict(settings))
        known.order = list(dict.fromkeys([*order, *known.order]))
        return known

    @classmethod
    def load(cls, path: Path) -> CalibrationScores:
        """Read a file of calibration scores.

        Raises:
            StoreError: the file is missing, damaged or of another kind.
        """
        return load_rows(path, KIND, cls._build)

    @classmethod
    def _build(cls, values: Values, rows: list[Values]) -> CalibrationScores:
        scores = cls(CalibrationSettings(**values["settings"]), list(values["levels"]))
        for row in rows:
            returns = [float(value) for value in row["returns"]]
            scores.add(row["agent"], row["level"], LevelReturns(returns, int(row["steps"])))
        return scores

    def save(self, path: Path) -> None:
        """Write the file atomically, one line for each agent and level.

        Raises:
            StoreError: the file can't be written.
        """
        values = {"settings": dataclasses.asdict(self.settings), "levels": self.levels}
        rows = (
            {"agent": agent, "level": level, **dataclasses.asdict(self.scores[agent][level])}
            for agent in self.agents
            for level in self.levels
            if level in self.scores[agent]
        )
        save_rows(path, KIND, values, rows)

    def add(self, agent: str, level: str, result: LevelReturns) -> None:
        rounded = [round(value, 2) for value in result.returns]
        self.scores.setdefault(agent, {})[level] = LevelReturns(rounded, result.steps)

    def get(self, agent: str, level: str) -> LevelReturns | None:
        return self.scores.get(agent, {}).get(level)

    @property
    def agents(self) -> list[str]:
        """The agents with a score on any level, in the order of `AGENTS`."""
        return [agent for agent in AGENTS if self.scores.get(agent)]

    @property
    def levels(self) -> list[str]:
        """The levels with a score of any agent."""
        played = {level for by_level in self.scores.values() for level in by_level}
        return [level for level in self.order if level in played]
