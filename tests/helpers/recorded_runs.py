"""Synthetic run folders in the format of `local_eval.py run`, with journals of known candidates."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from arena.environment.levels import Level
from arena.evaluation.results import LevelResult, RunResults, write_results
from arena.evaluation.run_folder import FORMAT, VERSION

Entry = dict[str, Any]
# Plays a candidate: a function of a random generator and a number of episodes, which returns the
# returns and the lengths of these episodes.
Player = Callable[[np.random.Generator, int], tuple[np.ndarray, np.ndarray]]


def entry(candidate: int, episode_return: float, length: int, **more: Any) -> Entry:
    """Return a line of a journal; its `episode` and `timesteps` are the same in every line."""
    values = {"candidate": candidate, "episode_return": episode_return, "length": length}
    rest = {"episode": 0, "timesteps": length + 1, "locked": False, "steps_per_second": 250.0}
    return {**values, **rest, **more}


def recorded_journal(
    draw: Callable[[np.random.Generator], Player],
    random: np.random.Generator,
    timesteps: int,
    repeats: int = 3,
) -> list[Entry]:
    """Return a journal over `timesteps` in which each candidate plays `repeats` episodes."""
    entries: list[Entry] = []
    used = candidate = 0
    while used < timesteps:
        returns, lengths = draw(random)(random, repeats)
        for episode_return, length in zip(returns.tolist(), lengths.tolist(), strict=True):
            entries.append(entry(candidate, episode_return, int(length)))
            used += int(length) + 1
        candidate += 1
    return entries


def write_run(
    folder: Path,
    levels: Mapping[str, Iterable[Entry] | str],
    *,
    budget_steps: int = 100_000,
    unfinished: int = 0,
    agent: Mapping[str, Any] | None = None,
) -> Path:
    """Write a run folder; the journal of a level is a list of entries or the file's text."""
    folder.mkdir(parents=True)
    settings = {"budget_steps": budget_steps, "agent": dict(agent or {"kind": "local"})}
    head = {"format": FORMAT, "version": VERSION, "settings": settings, "resumed": []}
    (folder / "run.json").write_text(json.dumps(head))
    results = []
    for number, (name, journal) in enumerate(levels.items()):
        place = f"levels/{Level.parse(name).slug}"
        out = folder / place / "out"
        out.mkdir(parents=True)
        text = (
            journal if isinstance(journal, str) else "".join(json.dumps(e) + "\n" for e in journal)
        )
        (out / "journal.jsonl").write_text(text)
        status = "pending" if number < unfinished else "finished"
        results.append(LevelResult(name, place, status=status))
    write_results(folder, RunResults("synthetic", budget_steps, results))
    return folder
