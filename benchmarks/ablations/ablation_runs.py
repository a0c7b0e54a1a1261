"""The runs of an ablation: their returns, their settings, and the table of the results.

A run that is in the file is not repeated. All runs in a file have the same settings. If variants
share their networks, all runs have the same trained networks too.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from arena.evaluation.score import bootstrap_difference
from benchmarks.store import Values, check_same, load_rows, save_rows
from benchmarks.tables import markdown_table

KIND = "ablation"


@dataclass(frozen=True)
class EvolvedRun:
    """Result of one variant with one seed.

    Attributes:
        returns: level -> returns of the distribution's mean after the search.
        steps: environment steps of the search.
        seconds: duration of the search.
    """

    returns: dict[str, list[float]]
    steps: int
    seconds: float

    @property
    def score(self) -> float:
        """Mean over the levels of their mean return."""
        return float(np.mean([np.mean(values) for values in self.returns.values()]))


@dataclass
class AblationRuns:
    """The runs that are finished.

    Attributes:
        settings: JSON values that must be the same for two runs to be compared.
        runs: variant -> seed -> run.
        models: variant -> JSON values that describe the model it plays with; may be empty.
    """

    settings: dict[str, Any]
    runs: dict[str, dict[int, EvolvedRun]] = field(default_factory=dict)
    models: dict[str, dict[str, float]] = field(default_factory=dict)

    @classmethod
    def open(cls, path: Path, settings: Mapping[str, Any]) -> AblationRuns:
        """Return the runs of an earlier start to continue with; no runs if there is no file.

        Raises:
            StoreError: the file has other settings, or can't be read.
        """
        if not path.exists():
            return cls(dict(settings))
        known = cls.load(path)
        check_same(path, known.settings, settings)
        return known

    @classmethod
    def load(cls, path: Path) -> AblationRuns:
        """Read a file of runs.

        Raises:
            StoreError: the file is missing, damaged or of another kind.
        """
        return load_rows(path, KIND, cls._build)

    @classmethod
    def _build(cls, values: Values, rows: list[Values]) -> AblationRuns:
        runs: dict[str, dict[int, EvolvedRun]] = {}
        for row in rows:
            runs.setdefault(row["variant"], {})[int(row["seed"])] = _from_row(row)
        return cls(dict(values["settings"]), runs, dict(values["models"]))

    def save(self, path: Path) -> None:
        """Write the file atomically, one line for each run.

        Raises:
            StoreError: the file can't be written.
        """
        rows = (
            {
                "variant": variant,
                "seed": seed,
                **dataclasses.asdict(run),
                "score": round(run.score, 2),
            }
            for variant, by_seed in self.runs.items()
            for seed, run in sorted(by_seed.items())
        )
        save_rows(path, KIND, {"settings": self.settings, "models": self.models}, rows)


def _from_row(row: Values) -> EvolvedRun:
    returns = {level: [float(one) for one in values] for level, values in row["returns"].items()}
    if not returns or not all(returns.values()):
        raise ValueError("a run has no returns")
    return EvolvedRun(returns, int(row["steps"]), float(row["seconds"]))


def table(results: AblationRuns, variants: Mapping[str, str]) -> str:
    """Return Markdown: for each variant the score of each seed, their mean, and the difference.

    The difference from the first variant is computed over the seeds that both have: with the same
    seed, both were evolved and measured on the same levels with the same sticky actions. Its 95%
    interval is a bootstrap over levels and then seeds.

    Args:
        results: the runs.
        variants: description of each variant, by name, in the order of the rows.
    """
    seeds = sorted({seed for by_seed in results.runs.values() for seed in by_seed})
    first = next(iter(variants))
    rows = []
    for name, about in variants.items():
        if not (runs := results.runs.get(name, {})):
            continue
        apart = "" if name == first else _difference(results.runs.get(first, {}), runs)
        scores = [f"{runs[seed].score:,.0f}" if seed in runs else "-" for seed in seeds]
        mean = f"{np.mean([run.score for run in runs.values()]):,.0f}"
        rows.append([about, *scores, mean, apart])
    head = ["variant", *[f"seed {seed}" for seed in seeds], "mean", f"difference from {first}"]
    return markdown_table(head, rows)


def _difference(first: Mapping[int, EvolvedRun], second: Mapping[int, EvolvedRun]) -> str:
    shared = sorted(first.keys() & second.keys())
    if not shared:
        return ""
    mean = np.mean([second[seed].score - first[seed].score for seed in shared])
    below, above = (
        [
            [float(np.mean(runs[seed].returns[level])) for seed in shared]
            for level in first[shared[0]].returns
        ]
        for runs in (first, second)
    )
    interval = bootstrap_difference(below, above)
    return f"{mean:+,.0f}" + (f" ({interval[0]:+,.0f} to {interval[1]:+,.0f})" if interval else "")
