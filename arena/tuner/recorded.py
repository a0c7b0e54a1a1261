"""What runs have recorded of candidates: the episodes of each, level by level, from the journals.

A journal may be cut in the middle of a line, a run may be unfinished: what can be read counts,
and what was left out is said in one line each.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agent import journal
from agent.candidates import DRAWN
from agent.errors import UserError
from agent.journal import EpisodeEntry
from agent.journal_reader import read_journal
from arena.environment.levels import Level
from arena.evaluation.results import LevelResult, read_results
from arena.evaluation.run_folder import read_run

CUT_OFF = 0.2  # share of the budget beyond which an unfinished episode is worth a word


class RecordingError(UserError):
    """Runs that nothing can be learned from."""


@dataclass(frozen=True)
class RecordedLevel:
    """The episodes of one level, of all runs; arrays (episodes,).

    Candidates are numbered anew: the leaders (a packed model's mean and hall of fame) first, in
    the order they played, then the draws.
    """

    name: str
    leaders: int  # candidates 0 .. leaders - 1 were not drawn
    candidate: NDArray[np.int64]
    returns: NDArray[np.float64]  # what the candidate is credited with, and a rule sees
    counted: NDArray[np.float64]  # what the contest counts: the two differ after a switch
    timesteps: NDArray[np.float64]  # of the budget, the reset included

    @property
    def candidates(self) -> int:
        """How many there are."""
        return int(self.candidate.max()) + 1

    @property
    def tries(self) -> NDArray[np.int64]:
        """Episodes of each candidate, (candidates,)."""
        return np.bincount(self.candidate)


@dataclass(frozen=True)
class Recording:
    """What there is to learn from."""

    levels: tuple[RecordedLevel, ...]
    budget_steps: int  # of the runs; of several, the largest
    pretrained: Path | None  # the packed model that played, where one did
    notes: tuple[str, ...]  # what was left out or is to be known, a line each


@dataclass
class _Reader:
    """Collects while the runs are read."""

    notes: list[str] = field(default_factory=list)
    episodes: dict[str, list[tuple[Hashable, bool, float, float, float]]] = field(
        default_factory=dict
    )
    models: dict[str, str] = field(default_factory=dict)  # model -> the first run it played
    budgets: set[int] = field(default_factory=set)
    pretrained: Path | None = None

    def read(self, run: Path) -> None:
        if not run.is_dir():
            raise RecordingError(f"{run} is no folder: give run folders of local_eval.py run")
        record, results = read_run(run), read_results(run)
        settings = record.get("settings")
        agent = settings.get("agent") if isinstance(settings, dict) else None
        agent = agent if isinstance(agent, dict) else {}
        self._note_agent(run, agent)
        self.budgets.add(results.budget_steps)
        model = str(agent.get("manifest_sha256", run))
        self.models.setdefault(model, str(run))
        unfinished = sum(level.status != "finished" for level in results.levels)
        if unfinished:
            self.notes.append(
                f"{run}: {unfinished} of {len(results.levels)} levels are not finished; what was"
                " played of them counts"
            )
        for level in results.levels:
            self._read_level(run, level, model)

    def _note_agent(self, run: Path, agent: dict[str, Any]) -> None:
        if isinstance(agent.get("pretrained"), str) and self.pretrained is None:
            self.pretrained = Path(agent["pretrained"])
        if caution := caution_about(agent):
            self.notes.append(f"{run}: {caution}")

    def _read_level(self, run: Path, level: LevelResult, model: str) -> None:
        path = run / level.folder / "out" / journal.FILE_NAME
        entries, problems = read_entries(path)
        self.notes += [f"{run}: {level.level}: {problem}" for problem in problems]
        if entries and level.timesteps:
            self._note_cut_off(f"{run}: {level.level}", level.timesteps - _used(entries), level)
        known = self.episodes.setdefault(level.level, [])
        for entry in entries:
            leads = entry.origin != DRAWN
            # The leaders of one model are the same candidates in each of its runs.
            key = (model if leads else str(run), entry.candidate)
            value = entry.episode_return
            known.append((key, leads, value, value, entry.length + 1.0))

    def _note_cut_off(self, where: str, timesteps: int, level: LevelResult) -> None:
        if level.timesteps and timesteps > CUT_OFF * level.timesteps:
            self.notes.append(
                f"{where}: the last {timesteps:,} of {level.timesteps:,} timesteps are an episode"
                " that did not end: long ones are underestimated, record a larger budget"
            )


def caution_about(agent: Mapping[str, Any]) -> str | None:
    """Why a run with these settings of the agent records no plain draws; None: it does."""
    changing = ["learned while it played"] * bool(agent.get("learn"))
    changing += ["went back to what had worked on the level"] * bool(agent.get("retrace"))
    if not changing or agent.get("repeats"):
        return None
    return (
        f"the agent {' and '.join(changing)}; the tuner takes its candidates as draws from one"
        " distribution (record with --repeats 3)"
    )


def read_entries(path: Path) -> tuple[list[EpisodeEntry], list[str]]:
    """The usable episodes of a journal, and what was left out, in a few words each."""
    content = read_journal(path)
    if content is None:
        return [], ["no journal: nothing was played, or another agent played, which keeps none"]
    entries = [entry for entry in content.episodes if math.isfinite(entry.episode_return)]
    foreign, infinite = content.broken - content.cut, len(content.episodes) - len(entries)
    problems = ["the last line is torn: left out"] * content.cut
    problems += [f"{foreign} lines are no episodes: left out"] * bool(foreign)
    problems += [f"{infinite} returns are NaN or infinite: left out"] * bool(infinite)
    problems += ["one episode only: it tells nothing of luck"] * (len(entries) == 1)
    return entries, problems


def read_recording(runs: Sequence[Path]) -> Recording:
    """Read the journals of run folders.

    Raises:
        RecordingError: no episode at all, no two of one level, or runs of different games.
        ResultsError, RunFolderError: a folder that is no run, or of another version.
    """
    reader = _Reader()
    for run in dict.fromkeys(runs):
        reader.read(run)
    games = sorted({Level.parse(name).game for name in reader.episodes})
    if len(games) > 1:
        raise RecordingError(
            f"the runs are of different games ({', '.join(games)}): their returns have different"
            " scales, tune each game alone"
        )
    levels = tuple(_level(name, episodes) for name, episodes in reader.episodes.items() if episodes)
    if not levels:
        raise RecordingError(
            f"no episode was finished in {_names(runs)}: play longer, with the project's own agent"
        )
    if all(len(level.returns) == 1 for level in levels):
        raise RecordingError(
            f"every level of {_names(runs)} has one episode only: play longer (--budget-steps)"
        )
    notes = list(reader.notes)
    if len(reader.models) > 1:
        runs_of_models = " and ".join(reader.models.values())
        notes.append(f"different agents played ({runs_of_models}): the advice is for their mixture")
    if all((level.tries == 1).all() for level in levels):
        notes.append(
            "no candidate played twice: half of the differences is taken for luck (record with"
            " --repeats 3 to know)"
        )
    return Recording(levels, max(reader.budgets), reader.pretrained, tuple(notes))


def _used(entries: Sequence[EpisodeEntry]) -> int:
    """Timesteps of finished episodes, the resets included."""
    return sum(entry.length + 1 for entry in entries)


def _level(
    name: str, episodes: Sequence[tuple[Hashable, bool, float, float, float]]
) -> RecordedLevel:
    leaders = dict.fromkeys(key for key, leads, *_ in episodes if leads)
    draws = dict.fromkeys(key for key, leads, *_ in episodes if not leads)
    numbers = {key: number for number, key in enumerate([*leaders, *draws])}
    columns = np.array([values for _, _, *values in episodes], np.float64)
    return RecordedLevel(
        name,
        len(leaders),
        np.array([numbers[key] for key, *_ in episodes]),
        *columns.T,
    )


def _names(runs: Sequence[Path]) -> str:
    return ", ".join(map(str, runs[:3])) + (" and others" if len(runs) > 3 else "")
