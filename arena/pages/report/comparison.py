"""Runs against each other: on the levels that they share, how much more one has than another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from arena.evaluation.score import Interval, bootstrap_difference, bootstrap_interval
from arena.pages.report.records import LevelRecord, RunRecord


@dataclass(frozen=True)
class Difference:
    """How much more a run has than the first one.

    Attributes:
        value: difference of the mean scores over the levels that both scored.
        interval: of it; None where there is too little to resample.
        levels: how many they share.
    """

    value: float
    interval: Interval | None
    levels: int

    @property
    def verdict(self) -> str:
        """What the interval allows to say."""
        if self.interval is None:
            return "too few episodes to say"
        low, high = self.interval
        if low > 0:
            return "better"
        if high < 0:
            return "worse"
        return "no clear difference"


@dataclass(frozen=True)
class ComparedRun:
    """One run of a comparison.

    Attributes:
        label: short, and of no other run.
        run: the run.
        mean: over all its levels, as results.json has it; None without a score.
        shared: mean over the levels that all runs scored; None where there is none.
        shared_interval: of it.
        difference: from the first run; None of the first, or where they share no level.
    """

    label: str
    run: RunRecord
    mean: float | None
    shared: float | None
    shared_interval: Interval | None
    difference: Difference | None


@dataclass(frozen=True)
class ComparedLevel:
    """One level of a comparison: run label -> its record, and -> its difference from the first."""

    level: str
    records: Mapping[str, LevelRecord]
    differences: Mapping[str, Difference]


@dataclass(frozen=True)
class Comparison:
    """Several runs, the first of which is what the others are measured against.

    Attributes:
        runs: in the order given.
        levels: all levels of all runs, in the order played.
        shared: names of the levels that all runs scored.
        warnings: what makes the runs hard to compare, a sentence each.
    """

    runs: Sequence[ComparedRun]
    levels: Sequence[ComparedLevel]
    shared: Sequence[str]
    warnings: Sequence[str]


def compare(runs: Sequence[RunRecord]) -> Comparison:
    """Compare two runs or more."""
    labels = _labels(runs)
    scored = [
        {level.result.level: level for level in run.levels if level.result.score is not None}
        for run in runs
    ]
    shared = [level for level in scored[0] if all(level in levels for levels in scored)]
    compared = []
    for number, (label, run) in enumerate(zip(labels, runs, strict=True)):
        scores = [scored[number][level].result.score or 0.0 for level in shared]
        compared.append(
            ComparedRun(
                label=label,
                run=run,
                mean=run.results.mean,
                shared=float(np.mean(scores)) if shared else None,
                shared_interval=bootstrap_interval(
                    [scored[number][level].returns.tolist() for level in shared]
                ),
                difference=difference(scored[0], scored[number]) if number else None,
            )
        )
    names = list(dict.fromkeys(level.result.level for run in runs for level in run.levels))
    levels = [_level(name, labels, runs) for name in names]
    return Comparison(compared, levels, shared, _warnings(runs, shared))


def difference(
    first: Mapping[str, LevelRecord], second: Mapping[str, LevelRecord]
) -> Difference | None:
    """How much more the second has on the levels that both scored; None where there is none."""
    both = [level for level in first if level in second]
    if not both:
        return None
    values = [
        (second[level].result.score or 0.0) - (first[level].result.score or 0.0) for level in both
    ]
    interval = bootstrap_difference(
        [first[level].returns.tolist() for level in both],
        [second[level].returns.tolist() for level in both],
    )
    return Difference(float(np.mean(values)), interval, len(both))


def _level(name: str, labels: Sequence[str], runs: Sequence[RunRecord]) -> ComparedLevel:
    records = {
        label: level
        for label, run in zip(labels, runs, strict=True)
        for level in run.levels
        if level.result.level == name
    }
    differences = {}
    first = records.get(labels[0])
    for label, record in records.items():
        if label == labels[0] or first is None:
            continue
        if first.result.score is None or record.result.score is None:
            continue
        found = difference({name: first}, {name: record})
        if found is not None:
            differences[label] = found
    return ComparedLevel(name, records, differences)


def _labels(runs: Sequence[RunRecord]) -> list[str]:
    """A letter, and what tells the run: its folder's name, which may be the same twice."""
    letters = [chr(ord("A") + number % 26) * (1 + number // 26) for number in range(len(runs))]
    return [f"{letter}: {run.name}" for letter, run in zip(letters, runs, strict=True)]


def _warnings(runs: Sequence[RunRecord], shared: Sequence[str]) -> list[str]:
    warnings = []
    budgets = list(dict.fromkeys(run.results.budget_steps for run in runs))
    if len(budgets) > 1:
        told = " and ".join(f"{budget:,}" for budget in budgets)
        warnings.append(
            f"The budgets differ ({told} timesteps): a longer run has more time to find a good"
            " candidate and more to play it, so a difference is not the agent's alone."
        )
    if not shared:
        games = list(dict.fromkeys(level.game for run in runs for level in run.levels))
        told = f" They play {', '.join(games)}." if len(games) > 1 else ""
        warnings.append(f"No level was scored by all of these runs: nothing is compared.{told}")
    elif any(len(run.levels) != len(shared) for run in runs):
        warnings.append(
            f"The runs share {len(shared)} level{'s' if len(shared) > 1 else ''}; what is compared"
            " is over these alone."
        )
    return warnings
