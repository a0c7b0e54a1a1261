"""Reads the episodes of candidates from the journals of recorded runs, level by level.

A journal may be cut in the middle of a line, and a run may be unfinished: all readable episodes
are used, and each problem becomes a note of one line.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from agent import journal
from agent.errors import UserError
from agent.evolution.candidates import DRAWN
from agent.journal import EpisodeEntry
from agent.journal_reader import read_journal
from arena.environment.held_out import held_out_sets
from arena.environment.levels import Level
from arena.evaluation.results import LevelResult, read_results
from arena.evaluation.run_folder import read_run
from arena.tuner.cautions import caution_about, held_out_caution

CUT_OFF = 0.2  # share of the budget above which an unfinished episode is noted


class RecordingError(UserError):
    """The runs contain nothing to tune on; the text says why and what to do."""


@dataclass(frozen=True)
class RecordedLevel:
    """The recorded episodes of one level, from all runs.

    Candidates are numbered anew: the initial candidates (a packed model's mean and hall of fame)
    first, in the order they played, then the drawn ones.

    Attributes:
        name: "GAME:STATE".
        n_initial: number of initial candidates; candidates 0 .. n_initial - 1 were not drawn.
        candidate: (episodes,), the candidate of each episode.
        returns: (episodes,), the return of each episode.
        timesteps: (episodes,), timesteps of the budget, the reset included.
    """

    name: str
    n_initial: int
    candidate: NDArray[np.int64]
    returns: NDArray[np.float64]
    timesteps: NDArray[np.float64]

    @property
    def n_candidates(self) -> int:
        """Number of candidates."""
        return int(self.candidate.max()) + 1

    @property
    def tries(self) -> NDArray[np.int64]:
        """Number of episodes of each candidate, (candidates,)."""
        return np.bincount(self.candidate)


@dataclass(frozen=True)
class Recording:
    """All recorded levels.

    Attributes:
        levels: the levels with at least one episode.
        budget_steps: timesteps of the runs' budgets; the largest if they differ.
        pretrained: folder of the packed model that played; None if no run names one.
        notes: problems and cautions, one line each.
        held_out: the validation and test sets whose levels are among these.
    """

    levels: tuple[RecordedLevel, ...]
    budget_steps: int
    pretrained: Path | None
    notes: tuple[str, ...]
    held_out: tuple[str, ...] = ()


class _RecordedEpisode(NamedTuple):
    """An episode, and a key of its candidate that is unique across all runs."""

    candidate: Hashable
    is_initial: bool
    episode_return: float
    timesteps: float


@dataclass
class _Reader:
    """Collects episodes and notes while the runs are read.

    Attributes:
        notes: problems and cautions, one line each.
        episodes: the episodes of each level.
        models: SHA-256 of a model's manifest -> the first run in which it played.
        budgets: timesteps of the runs' budgets.
        pretrained: folder of the first packed model that a run names.
        unreadable: the problems of journals without a readable episode, one line each.
        played: model and run -> its episodes by level.
    """

    notes: list[str] = field(default_factory=list)
    episodes: dict[str, list[_RecordedEpisode]] = field(default_factory=dict)
    models: dict[str, str] = field(default_factory=dict)
    budgets: set[int] = field(default_factory=set)
    pretrained: Path | None = None
    unreadable: list[str] = field(default_factory=list)
    played: dict[tuple[str, Path], dict[str, list[EpisodeEntry]]] = field(default_factory=dict)

    def read(self, run: Path) -> None:
        if not run.is_dir():
            raise RecordingError(
                f"there is no folder {run}: give run folders that local_eval.py run wrote"
            )
        record, results = read_run(run), read_results(run)
        journals = [run / level.folder / "out" / journal.FILE_NAME for level in results.levels]
        settings = record.get("settings")
        agent = settings.get("agent") if isinstance(settings, dict) else None
        agent = agent if isinstance(agent, dict) else {}
        if agent.get("kind") != "local" and not any(path.exists() for path in journals):
            raise RecordingError(
                f"{run} was played by another agent, {results.agent}, which wrote no journal of"
                " candidates: tune on runs of the project's own agent"
            )
        self._note_agent(run, agent)
        self.budgets.add(results.budget_steps)
        model = str(agent.get("manifest_sha256", run))
        self.models.setdefault(model, str(run))
        unfinished = sum(level.status != "finished" for level in results.levels)
        if unfinished:
            self.notes.append(
                f"{run}: {unfinished} of {len(results.levels)} levels are not finished; their"
                " finished episodes count"
            )
        own = self.played.setdefault((model, run), {})
        for level, path in zip(results.levels, journals, strict=True):
            own[level.level] = self._read_level(run, level, path, model)
        self._refuse_a_copy(run, model)

    def _refuse_a_copy(self, run: Path, model: str) -> None:
        """Refuse a copy of another run, and a run with its seed: they are no new evidence."""
        own = self.played[model, run]
        for (other_model, other), levels in self.played.items():
            pairs = [(own[name], levels[name]) for name in own if own[name] and levels.get(name)]
            if other_model == model and other != run and pairs and all(map(_begin_alike, pairs)):
                raise RecordingError(
                    f"{run} has the same episodes as {other}: use one of the two, or record with"
                    " another --seed"
                )

    def _note_agent(self, run: Path, agent: dict[str, Any]) -> None:
        if isinstance(agent.get("pretrained"), str) and self.pretrained is None:
            self.pretrained = Path(agent["pretrained"])
        if caution := caution_about(agent):
            self.notes.append(f"{run}: {caution}")

    def _read_level(
        self, run: Path, level: LevelResult, path: Path, model: str
    ) -> list[EpisodeEntry]:
        entries, problems = read_entries(path)
        found = [f"{run}: {level.level}: {problem}" for problem in problems]
        self.notes += found
        self.unreadable += [] if entries else found
        if entries and level.timesteps:
            self._note_cut_off(f"{run}: {level.level}", level.timesteps - _used(entries), level)
        known = self.episodes.setdefault(level.level, [])
        for entry in entries:
            is_initial = entry.origin != DRAWN
            # The initial candidates of a model are the same in all of its runs.
            candidate = (model if is_initial else str(run), entry.candidate)
            episode_return, timesteps = entry.episode_return, entry.length + 1.0
            known.append(_RecordedEpisode(candidate, is_initial, episode_return, timesteps))
        return entries

    def _note_cut_off(self, where: str, timesteps: int, level: LevelResult) -> None:
        if level.timesteps and timesteps > CUT_OFF * level.timesteps:
            self.notes.append(
                f"{where}: the last {timesteps:,} of {level.timesteps:,} timesteps are an"
                " unfinished episode, so long episodes are underrepresented: record with a larger"
                " --budget-steps"
            )


def read_entries(path: Path) -> tuple[list[EpisodeEntry], list[str]]:
    """Return the valid entries of a journal, and a note on each kind of excluded line."""
    content = read_journal(path)
    if content is None:
        return [], ["no journal: no episode was played, or the agent writes no journal"]
    if content.problem:
        return [], [content.problem]
    if content.lines and not content.episodes:
        return [], ["the journal contains no readable episode"]
    entries = [entry for entry in content.episodes if math.isfinite(entry.episode_return)]
    foreign, infinite = content.broken - content.cut, len(content.episodes) - len(entries)
    problems = ["the last line is incomplete: excluded"] * content.cut
    problems += [f"{foreign} lines are not episodes: excluded"] * bool(foreign)
    problems += [f"{infinite} returns are NaN or infinite: excluded"] * bool(infinite)
    problems += ["only one episode: the variance of its return is unknown"] * (len(entries) == 1)
    return entries, problems


def read_recording(runs: Sequence[Path]) -> Recording:
    """Read the journals of run folders.

    Raises:
        RecordingError: there is no episode, no level has two, a run is named twice or is another
            agent's, or the games differ.
        ResultsError, RunFolderError: a folder is not a run, or has another format version.
    """
    reader = _Reader()
    places: set[Path] = set()
    for run in runs:
        if run.resolve() in places:
            raise RecordingError(f"{run} is named twice: name each run folder once")
        places.add(run.resolve())
        reader.read(run)
    games = sorted({Level.parse(name).game for name in reader.episodes})
    if len(games) > 1:
        raise RecordingError(
            f"the runs play different games ({', '.join(games)}), whose returns have different"
            " scales: tune each game alone"
        )
    levels = tuple(_level(name, episodes) for name, episodes in reader.episodes.items() if episodes)
    if not levels and reader.unreadable:
        problem = reader.unreadable[0].removesuffix(": excluded")
        raise RecordingError(f"no episode can be read: {problem}; use another run")
    if not levels:
        raise RecordingError(
            f"no episode was finished in {_names(runs)}: record with a larger --budget-steps"
        )
    if all(len(level.returns) == 1 for level in levels):
        raise RecordingError(
            f"every level of {_names(runs)} has only one episode: use a larger --budget-steps"
        )
    notes = list(reader.notes)
    if len(reader.models) > 1:
        runs_of_models = " and ".join(reader.models.values())
        notes.append(f"different agents played ({runs_of_models}): the advice is for their mixture")
    if all((level.tries == 1).all() for level in levels):
        notes.append(
            "no candidate played twice, so half of the variance of returns is assumed to be luck"
            " (record with --repeats 3 to measure it)"
        )
    held_out = held_out_sets(level.name for level in levels)
    if held_out:
        notes.insert(0, held_out_caution(held_out))
    sets = tuple(dict.fromkeys(held_out.values()))
    return Recording(levels, max(reader.budgets), reader.pretrained, tuple(notes), sets)


def _begin_alike(journals: tuple[Sequence[EpisodeEntry], Sequence[EpisodeEntry]]) -> bool:
    """Return whether the shorter journal equals the beginning of the longer one."""
    return all(
        (one.candidate, one.length, one.episode_return)
        == (other.candidate, other.length, other.episode_return)
        for one, other in zip(*journals, strict=False)
    )


def _used(entries: Sequence[EpisodeEntry]) -> int:
    """Return the timesteps of finished episodes, resets included."""
    return sum(entry.length + 1 for entry in entries)


def _level(name: str, episodes: Sequence[_RecordedEpisode]) -> RecordedLevel:
    initial = dict.fromkeys(one.candidate for one in episodes if one.is_initial)
    drawn = dict.fromkeys(one.candidate for one in episodes if not one.is_initial)
    numbers = {key: number for number, key in enumerate([*initial, *drawn])}
    return RecordedLevel(
        name,
        len(initial),
        np.array([numbers[one.candidate] for one in episodes]),
        np.array([one.episode_return for one in episodes], np.float64),
        np.array([one.timesteps for one in episodes], np.float64),
    )


def _names(runs: Sequence[Path]) -> str:
    return ", ".join(map(str, runs[:3])) + (" and others" if len(runs) > 3 else "")
