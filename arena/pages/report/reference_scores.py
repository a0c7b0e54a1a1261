"""Reads the scores of other agents on the same levels from results/contest_scores.json.

The file is written by `benchmarks.scores.contest_scores`. Only plays of each agent's present
version are read, and only those of one budget: the one nearest to the run's. Where the package is
installed without this file, there are no reference scores.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from arena.evaluation.run_folder import PROJECT_DIR
from arena.evaluation.score import FULL_PROGRESS_RETURN, Interval, bootstrap_interval

FILE = PROJECT_DIR / "results" / "contest_scores.json"
FORMAT = ("world-models-contest/contest-scores", 3)

Scores = dict[str, list[float]]  # level -> the score of each play


@dataclass(frozen=True)
class ReferenceScore:
    """One agent's score on the levels it shares with the run.

    Attributes:
        name: the agent.
        budget_steps: timesteps of its plays.
        scores: mean score by level.
        finished: number of these levels whose end an episode reached.
        mean: mean over these levels.
        interval: 95% interval of the mean; None if there are too few plays to resample.
    """

    name: str
    budget_steps: int
    scores: Mapping[str, float]
    finished: int
    mean: float
    interval: Interval | None


def read_reference_scores(
    levels: Sequence[str], budget_steps: int, file: Path = FILE
) -> tuple[list[ReferenceScore], str | None]:
    """Read the scores of the agents that played any of these levels, the lowest first.

    Args:
        levels: names of the run's levels.
        budget_steps: timesteps of the run.
        file: the file of scores.

    Returns:
        The scores; and None, or a sentence that says why a file that exists gives no scores.
    """
    if not file.exists():
        return [], None
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        found = (content["format"], content["version"])
        if found != FORMAT:
            raise ValueError(f"it is {found[0]} version {found[1]}, not {FORMAT[0]} {FORMAT[1]}")
        return _references(content, set(levels), budget_steps), None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        where = f"{file.parent.name}/{file.name}"
        return [], f"The scores of other agents are missing: {where} can't be read ({error})."


def _references(
    content: Mapping[str, Any], levels: set[str], budget_steps: int
) -> list[ReferenceScore]:
    rows = [row for row in content["rows"] if row["level"] in levels and _is_current(content, row)]
    budgets = {int(row["budget_steps"]) for row in rows}
    if not budgets:
        return []
    nearest = min(budgets, key=lambda budget: abs(math.log(budget / max(budget_steps, 1))))
    plays: dict[str, Scores] = {}
    ends: dict[str, set[str]] = {}
    for row in rows:
        returns = [float(value) for value in row["returns"]]
        if int(row["budget_steps"]) != nearest or not returns or not np.isfinite(returns).all():
            continue
        scores = plays.setdefault(str(row["agent"]), {})
        scores.setdefault(row["level"], []).append(float(np.mean(returns)))
        if max(returns) >= FULL_PROGRESS_RETURN:
            ends.setdefault(str(row["agent"]), set()).add(row["level"])
    found = [
        _reference(name, nearest, scores, len(ends.get(name, ()))) for name, scores in plays.items()
    ]
    return sorted(found, key=lambda reference: reference.mean)


def _is_current(content: Mapping[str, Any], row: Mapping[str, Any]) -> bool:
    """Whether a play is of the agent's present version, on the present ROM."""
    game = row["level"].partition(":")[0]
    return bool(
        content["current"].get(row["agent"]) == row["player"]
        and content["roms"].get(game) == row["rom"]
    )


def _reference(name: str, budget_steps: int, plays: Scores, finished: int) -> ReferenceScore:
    scores = {level: float(np.mean(values)) for level, values in plays.items()}
    mean = float(np.mean(list(scores.values())))
    interval = bootstrap_interval(list(plays.values()))
    return ReferenceScore(name, budget_steps, scores, finished, mean, interval)
