"""Writes synthetic run folders, as local_eval.py would write them, for benchmarks and tests."""

from __future__ import annotations

import csv
import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from agent.journal import EpisodeEntry
from arena.environment.levels import Level
from arena.evaluation.results import LevelFailure, LevelResult, RunResults, write_results
from arena.evaluation.run_folder import FORMAT, VERSION
from arena.evaluation.score import bootstrap_interval, level_score
from arena.server.session_result import SessionResult

THRESHOLD = 2000.0
PANGOLIN = "PangolinDash-Genesis"


@dataclass(frozen=True)
class MadeLevel:
    """A level of a synthetic run: its returns, and its first locked-in episode."""

    name: str
    returns: Sequence[float]
    locked_from: int | None = None
    length: int | Sequence[int] = 100  # agent steps of all episodes, or of each
    status: str = "finished"
    error: LevelFailure | None = None
    scenario: str = "contest"
    integration: Path | None = None
    movies: Mapping[str, bytes] = field(default_factory=dict)
    returned_to: Sequence[float] | None = None  # where the explorer returned to, in each episode

    @property
    def lengths(self) -> list[int]:
        """Agent steps of each episode."""
        if isinstance(self.length, int):
            return [self.length] * len(self.returns)
        return list(self.length)

    @property
    def timesteps(self) -> list[int]:
        """Timesteps used at the end of each episode, resets included."""
        return list(itertools.accumulate(length + 1 for length in self.lengths))


def lucky_level(
    name: str, episodes: int, seed: int = 1, locked_from: int | None = None
) -> MadeLevel:
    """Return a level whose returns are random, and higher after the lock-in."""
    generator = np.random.default_rng(seed)
    returns = generator.normal(900, 250, episodes).clip(50)
    if locked_from is not None:
        returns[locked_from - 1] = THRESHOLD + 500
        returns[locked_from:] = generator.normal(1800, 300, episodes - locked_from)
    return MadeLevel(name, [float(value) for value in returns], locked_from)


def write_run(
    folder: Path,
    levels: Sequence[MadeLevel],
    *,
    agent: str = "pretrained",
    journal: bool = True,
    budget_steps: int = 5000,
    pretrained: Path | None = None,
) -> Path:
    """Write a run folder; return it.

    Args:
        folder: the run folder; it must not exist.
        levels: the played levels.
        agent: name of the packed model.
        journal: whether the agent is ours, which writes a journal.
        budget_steps: timesteps of a level.
        pretrained: folder of the packed model; None names a folder that does not exist.
    """
    folder.mkdir(parents=True)
    run = _run(levels, str(pretrained or f"/models/{agent}"), journal, budget_steps)
    (folder / "run.json").write_text(json.dumps(run))
    results = [_level(folder, level, journal) for level in levels]
    scored = [list(level.returns) for level in levels if level.status == "finished"]
    interval = bootstrap_interval(scored)
    write_results(folder, RunResults(agent, budget_steps, results, interval))
    return folder


def read_results_json(folder: Path) -> dict[str, Any]:
    """Return the content of a run's results.json."""
    content: dict[str, Any] = json.loads((folder / "results.json").read_text())
    return content


def _run(
    levels: Sequence[MadeLevel], pretrained: str, journal: bool, budget_steps: int
) -> dict[str, Any]:
    ours = {"kind": "local", "pretrained": pretrained, "lock_in_score": THRESHOLD}
    return {
        "format": FORMAT,
        "version": VERSION,
        "settings": {
            "levels": [
                replace(
                    Level.parse(level.name), scenario=level.scenario, integration=level.integration
                ).to_json()
                for level in levels
            ],
            "budget_steps": budget_steps,
            "wall_clock_seconds": 43200.0,
            "seed": 1,
            "agent": ours if journal else {"kind": "command", "command": ["./their-agent"]},
        },
        "seeds": {"stickiness": 1, "agent": None},
        "started": "2026-01-02T03:04:05+00:00",
        "command": "python local_eval.py run --levels synthetic",
        "commit": "0123456789abcdef",
        "packages": {"python": "3.11.0", "numpy": "2.0.0"},
        "device": {"system": "Linux", "processor": "a processor", "cores": 2},
        "resumed": [],
    }


def _level(folder: Path, level: MadeLevel, journal: bool) -> LevelResult:
    place = folder / "levels" / Level.parse(level.name).slug
    (place / "out").mkdir(parents=True)
    (place / "movies").mkdir()
    returns = list(level.returns)
    _write_monitor(place / "monitor.csv", level)
    steps = sum(level.lengths) + len(returns)
    seconds = steps * 0.004
    if level.status != "pending":
        end = SessionResult(steps, "timestep-limit", len(returns), seconds, "", seconds * 0.6)
        (place / "server.json").write_text(json.dumps(asdict(end)))
    if journal:
        (place / "out" / "journal.jsonl").write_text("".join(_journal(level)))
    for name, data in level.movies.items():
        (place / "movies" / f"{name}.bk2").write_bytes(data)
    finished = level.status == "finished"
    locked = level.locked_from
    return LevelResult(
        level=level.name,
        folder=str(place.relative_to(folder)),
        status=level.status,
        ended_by="timestep-limit" if finished else None,
        score=level_score(returns) if finished else None,
        interval=bootstrap_interval([returns]) if finished else None,
        best_return=max(returns, default=None),
        best_episode=returns.index(max(returns)) if returns else None,
        episodes=len(returns),
        timesteps=steps if level.status != "pending" else None,
        locked_in_at=[0, *level.timesteps][locked] if locked is not None else None,
        seconds=seconds if level.status != "pending" else None,
        steps_per_second=250.0 if level.status != "pending" else None,
        movies={
            name: str((place / "movies" / f"{name}.bk2").relative_to(folder))
            for name in level.movies
        },
        error=level.error,
        movie_episodes=dict.fromkeys(level.movies, 0),
    )


def _write_monitor(path: Path, level: MadeLevel) -> None:
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("r", "l", "t"))
        rows.writerows(zip(level.returns, level.lengths, itertools.repeat(1.0), strict=False))


def _journal(level: MadeLevel) -> list[str]:
    parts = {"vision": 0.001, "memory": 0.0005, "controller": 0.0001, "waiting": 0.0015}
    entries = [
        EpisodeEntry(
            episode=number,
            candidate=min(number, level.locked_from or number),
            episode_return=value,
            length=length,
            timesteps=timesteps,
            locked=level.locked_from is not None and number >= level.locked_from,
            steps_per_second=250.0,
            returned_to=level.returned_to[number] if level.returned_to else None,
            seconds={part: share * length for part, share in parts.items()},
        )
        for number, (value, length, timesteps) in enumerate(
            zip(level.returns, level.lengths, level.timesteps, strict=True)
        )
    ]
    return [json.dumps(entry.values()) + "\n" for entry in entries]
