"""Reads the scores of other agents on the same levels from the project's results/ folder.

Where the package is installed without this folder, there are no reference scores.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from arena.evaluation import results
from arena.evaluation.run_folder import PROJECT_DIR
from arena.evaluation.score import Interval, bootstrap_interval

FOLDER = PROJECT_DIR / "results"
CALIBRATION = "world-models-contest/calibration"  # written by benchmarks.scores.calibration


@dataclass(frozen=True)
class ReferenceScore:
    """One agent's score on the levels it shares with the run.

    Attributes:
        name: a short name of the agent.
        source: the file, relative to the project's folder.
        scores: mean return by level.
        mean: mean over the levels shared.
        interval: 95% interval of the mean; None if there are too few returns to resample.
    """

    name: str
    source: str
    scores: Mapping[str, float]
    mean: float
    interval: Interval | None


def read_reference_scores(levels: Sequence[str], folder: Path = FOLDER) -> list[ReferenceScore]:
    """Read the scores of the agents that played any of these levels, the lowest first.

    Files in other formats than those of `_agents` are skipped.
    """
    found = []
    for path in sorted(folder.glob("*.json")) if folder.is_dir() else []:
        try:
            agents = list(_agents(json.loads(path.read_text(encoding="utf-8"))))
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            continue
        for name, returns in agents:
            shared = {level: returns[level] for level in levels if returns.get(level)}
            if shared:
                found.append(_reference(name, f"{folder.name}/{path.name}", shared))
    return sorted(found, key=lambda reference: reference.mean)


def _agents(content: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, list[float]]]]:
    """Yield each agent of a file with its returns by level.

    Two formats are known: a run's results.json (a level's score counts as one return), and a
    calibration, whose `rows` have an agent, a level and the returns.
    """
    if content["format"] == results.FORMAT:
        name = f"{content['agent']}, {int(content['budget_steps']):,} steps"
        scored = [level for level in content["levels"] if level["score"] is not None]
        yield name, {level["level"]: [float(level["score"])] for level in scored}
    elif content["format"] == CALIBRATION:
        agents: dict[str, dict[str, list[float]]] = {}
        for row in content["rows"]:
            numbers = [float(value) for value in row["returns"]]
            finite = [number for number in numbers if np.isfinite(number)]
            agents.setdefault(str(row["agent"]), {})[row["level"]] = finite
        yield from agents.items()


def _reference(name: str, source: str, returns: Mapping[str, list[float]]) -> ReferenceScore:
    scores = {level: float(np.mean(values)) for level, values in returns.items()}
    mean = float(np.mean(list(scores.values())))
    return ReferenceScore(name, source, scores, mean, bootstrap_interval(list(returns.values())))
