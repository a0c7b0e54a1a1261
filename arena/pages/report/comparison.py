"""Compares runs with the first of them, on the levels that they share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from arena.evaluation.score import Interval, bootstrap_difference, bootstrap_interval
from arena.pages.report.records import LevelRecord, RunRecord, count_finished


@dataclass(frozen=True)
class Difference:
    """The difference between a run's scores and the first run's.

    Attributes:
        value: difference of the mean scores over the levels that both runs scored.
        interval: 95% interval of the difference; None if there are too few episodes to resample.
        levels: number of levels that both runs scored.
    """

    value: float
    interval: Interval | None
    levels: int

    @property
    def verdict(self) -> str:
        """The conclusion that the interval allows."""
        if self.interval is None:
            return "too few episodes"
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
        label: a letter and the run folder's name; no two runs have the same.
        run: the run.
        mean: mean score over all its levels, from results.json; None without a score.
        shared: mean score over the levels that all runs scored; None if there is no such level.
        shared_interval: 95% interval of `shared`.
        finished: number of those levels whose end an episode reached, and of those whose return
            would show it; None if no return shows it.
        difference: difference from the first run; None for the first run, and if the two runs
            share no level.
    """

    label: str
    run: RunRecord
    mean: float | None
    shared: float | None
    shared_interval: Interval | None
    finished: tuple[int, int] | None
    difference: Difference | None

    @property
    def letter(self) -> str:
        """The label's letter, which stands for the run where there is little room."""
        return self.label.partition(":")[0]


@dataclass(frozen=True)
class ComparedLevel:
    """One level of a comparison: records and differences from the first run, by run label."""

    level: str
    records: Mapping[str, LevelRecord]
    differences: Mapping[str, Difference]


@dataclass(frozen=True)
class Comparison:
    """Several runs; the first is the baseline.

    Attributes:
        runs: the runs in the order given.
        levels: all levels of all runs, in the order played.
        shared: names of the levels that all runs scored.
        warnings: what makes the runs hard to compare, a sentence each.
    """

    runs: Sequence[ComparedRun]
    levels: Sequence[ComparedLevel]
    shared: Sequence[str]
    warnings: Sequence[str]


def compare(runs: Sequence[RunRecord]) -> Comparison:
    """Compare two or more runs."""
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
                finished=count_finished([scored[number][level] for level in shared]),
                difference=difference(scored[0], scored[number]) if number else None,
            )
        )
    names = list(dict.fromkeys(level.result.level for run in runs for level in run.levels))
    levels = [_level(name, labels, runs) for name in names]
    return Comparison(compared, levels, shared, _warnings(runs, shared))


def difference(
    first: Mapping[str, LevelRecord], second: Mapping[str, LevelRecord]
) -> Difference | None:
    """Compute second minus first on the levels that both scored; None if there is no such level."""
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
    """A letter and the folder's name for each run: two folders may have the same name."""
    letters = [chr(ord("A") + number % 26) * (1 + number // 26) for number in range(len(runs))]
    return [f"{letter}: {run.name}" for letter, run in zip(letters, runs, strict=True)]


def _warnings(runs: Sequence[RunRecord], shared: Sequence[str]) -> list[str]:
    warnings = []
    budgets = list(dict.fromkeys(run.results.budget_steps for run in runs))
    if len(budgets) > 1:
        *firsts, last = (f"{budget:,}" for budget in budgets)
        listed = f"{', '.join(firsts)} and {last}"
        warnings.append(
            f"The budgets differ ({listed} timesteps). A larger budget gives an agent more time to"
            " find a good candidate and to play it, so part of a difference may come from the"
            " budget."
        )
    if not shared:
        games = list(dict.fromkeys(level.game for run in runs for level in run.levels))
        listed = f" They play {', '.join(games)}." if len(games) > 1 else ""
        warnings.append(
            f"No level was scored by all of these runs, so no scores are compared.{listed}"
        )
    elif any(len(run.levels) != len(shared) for run in runs):
        warnings.append(
            f"The runs share {len(shared)} level{'s' if len(shared) > 1 else ''}. Only shared"
            " levels are compared."
        )
    return warnings
