"""What a calibration measured: every return of every agent on every level, and with what settings.

The file is the measurement's own memory: it is read again to go on, and only by a measurement of
the same settings and the same builds of the games.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import stable_retro

from agent.errors import UserError
from agent.files import write_atomically
from arena.environment.levels import Level, register_integration
from baselines.simple_agents import POLICIES

FORMAT_VERSION = 2
JERK = "JERK"
PLANNER = "planner"
AGENTS = (*POLICIES, JERK, PLANNER)  # the order of rows and columns


class ResultsError(UserError):
    """A file of results that is cut, or of another measurement."""


@dataclass(frozen=True)
class Cell:
    """One agent on one level.

    Attributes:
        returns: of its finished episodes, in order.
        steps: of the contest, four frames each.
    """

    returns: list[float]
    steps: int

    @property
    def mean(self) -> float:
        """The contest's score: 0 where no episode was finished."""
        return float(np.mean(self.returns)) if self.returns else 0.0

    @property
    def best(self) -> float:
        return max(self.returns, default=0.0)


@dataclass(frozen=True)
class Settings:
    """What must be the same for two figures to stand in one table.

    Attributes:
        roms: game -> SHA-1 of its ROM.
    """

    episodes: int
    jerk_steps: int
    seed: int
    roms: dict[str, str]


@dataclass
class Results:
    """The cells measured so far, by agent and level.

    Attributes:
        order: of the levels in tables; it may name some that nobody played yet.
    """

    settings: Settings
    order: list[str]
    cells: dict[str, dict[str, Cell]] = field(default_factory=dict)

    @classmethod
    def open(cls, path: Path, settings: Settings, order: Iterable[str]) -> Results:
        """The results so far, to go on with; empty where there is no file.

        Raises:
            ResultsError: the file belongs to another measurement, or can't be read.
        """
        if not path.exists():
            return cls(settings, list(order))
        known = cls.load(path)
        for name, value in dataclasses.asdict(settings).items():
            there = getattr(known.settings, name)
            if there != value:
                raise ResultsError(
                    f"{path} was measured with {name} {there}, not {value}: give the same, or"
                    " another --out, or remove the file"
                )
        known.order = list(dict.fromkeys([*order, *known.order]))
        return known

    @classmethod
    def load(cls, path: Path) -> Results:
        """Read a file of results.

        Raises:
            ResultsError: it is not there, cut, or of another form.
        """
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            if content["format_version"] != FORMAT_VERSION:
                raise ValueError(f"format_version {content['format_version']!r}")
            cells = {
                agent: {level: _cell(row) for level, row in rows.items()}
                for agent, rows in content["agents"].items()
            }
            return cls(Settings(**content["settings"]), list(content["levels"]), cells)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise ResultsError(
                f"{path} is no file of calibration results ({type(error).__name__}: {error}):"
                " remove it, or give another --out"
            ) from None

    def save(self, path: Path) -> None:
        """Write the file, whole."""
        lines = [
            f'{{"format_version": {FORMAT_VERSION},',
            f'"settings": {json.dumps(dataclasses.asdict(self.settings))},',
            f'"levels": {json.dumps(self.levels)},',
            '"agents": {',
            ",\n".join(self._lines_of(agent) for agent in self.agents),
            "}}",
        ]
        write_atomically(path, ("\n".join(lines) + "\n").encode())

    def _lines_of(self, agent: str) -> str:
        """An agent's cells, a line a level: JERK has hundreds of returns on each."""
        rows = self.cells[agent]
        cells = (
            f"  {json.dumps(level)}: {json.dumps(dataclasses.asdict(rows[level]))}"
            for level in self.levels
            if level in rows
        )
        return f" {json.dumps(agent)}: {{\n" + ",\n".join(cells) + "\n }"

    def add(self, agent: str, level: str, cell: Cell) -> None:
        rounded = [round(value, 2) for value in cell.returns]
        self.cells.setdefault(agent, {})[level] = Cell(rounded, cell.steps)

    def get(self, agent: str, level: str) -> Cell | None:
        return self.cells.get(agent, {}).get(level)

    @property
    def agents(self) -> list[str]:
        """Those measured on any level, in the order of `AGENTS`."""
        return [agent for agent in AGENTS if self.cells.get(agent)]

    @property
    def levels(self) -> list[str]:
        """Those that any agent played."""
        played = {level for rows in self.cells.values() for level in rows}
        return [level for level in self.order if level in played]


def rom_hashes(levels: Iterable[Level]) -> dict[str, str]:
    """Game -> the SHA-1 of its ROM, as its `rom.sha` says: `check_available` has checked it."""
    shas = {}
    for level in levels:
        path = stable_retro.data.get_file_path(level.game, "rom.sha", register_integration(level))
        shas[level.game] = Path(path).read_text().split()[0] if path else ""
    return shas


def _cell(row: Any) -> Cell:
    return Cell([float(value) for value in row["returns"]], int(row["steps"]))
