"""What the ablations measured: every return of every run, with the settings, and as a table.

The file is the measurement's own memory: a run that is in it is not made again, and only runs of
the same settings and the same trained networks stand in one file.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from agent.errors import UserError
from agent.files import write_atomically
from arena.evaluation.score import bootstrap_difference

FORMAT_VERSION = 1


class AblationError(UserError):
    """Ablations that can't be made, or a file of them that can't be used."""


@dataclass(frozen=True)
class Run:
    """One variant with one seed.

    Attributes:
        returns: of the distribution's mean when all was evolved, by level.
        steps: of the environment that evolving took.
        seconds: that it took.
    """

    returns: dict[str, list[float]]
    steps: int
    seconds: float

    @property
    def score(self) -> float:
        """Mean over the levels of their mean return."""
        return float(np.mean([np.mean(values) for values in self.returns.values()]))


@dataclass
class Results:
    """The runs made so far: variant -> seed -> run.

    Attributes:
        settings: JSON values that must be the same for two runs to be compared.
        models: what is to be known of the models that the variants play with, JSON by variant.
    """

    settings: dict[str, Any]
    runs: dict[str, dict[int, Run]] = field(default_factory=dict)
    models: dict[str, dict[str, float]] = field(default_factory=dict)

    @classmethod
    def open(cls, path: Path, settings: Mapping[str, Any]) -> Results:
        """The results so far, to go on with; empty where there is no file.

        Raises:
            AblationError: the file is of other settings, or can't be read.
        """
        if not path.exists():
            return cls(dict(settings))
        known = cls.load(path)
        for name in sorted({*settings, *known.settings}):
            there, now = known.settings.get(name), settings.get(name)
            if there != now:
                raise AblationError(
                    f"{path} was made with {name} {there!r:.80}, not {now!r:.80}: give the same, "
                    "or another --out"
                )
        return known

    @classmethod
    def load(cls, path: Path) -> Results:
        """Read a file of results.

        Raises:
            AblationError: there is none, or it is cut or something else.
        """
        try:
            content = json.loads(path.read_bytes())
            if content["format_version"] != FORMAT_VERSION:
                raise ValueError(f"format_version {content['format_version']!r}")
            runs = {
                variant: {int(seed): _run(values) for seed, values in by_seed.items()}
                for variant, by_seed in content["runs"].items()
            }
            return cls(dict(content["settings"]), runs, dict(content.get("models", {})))
        except FileNotFoundError:
            raise AblationError(f"{path} is not there: measure first, without --show") from None
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise AblationError(
                f"{path} is no file of ablations ({type(error).__name__}: {error}): remove it, or "
                "give another --out"
            ) from None

    def save(self, path: Path) -> None:
        """Write the file, whole, its folder too if need be.

        Raises:
            AblationError: it can't be written; what was there is untouched.
        """
        runs = {
            variant: {
                str(seed): {**dataclasses.asdict(run), "score": round(run.score, 2)}
                for seed, run in sorted(by_seed.items())
            }
            for variant, by_seed in self.runs.items()
        }
        content = {"format_version": FORMAT_VERSION, "settings": self.settings, "runs": runs}
        if self.models:
            content["models"] = self.models
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, (json.dumps(content, indent=1) + "\n").encode())
        except OSError as error:
            raise AblationError(f"{path} can't be written: {error.strerror}") from None


def _run(values: Mapping[str, Any]) -> Run:
    returns = {level: [float(one) for one in of_it] for level, of_it in values["returns"].items()}
    if not returns or not all(returns.values()):
        raise ValueError("a run without returns")
    return Run(returns, int(values["steps"]), float(values["seconds"]))


def table(results: Results, variants: Mapping[str, str]) -> str:
    """A row a variant, as Markdown: each seed's score, their mean, and the mean's distance.

    The distance is to the first variant, over the seeds that both have: with the same seed, both
    were evolved and measured on the same levels with the same stickiness. Beside it stands its 95%
    interval, a bootstrap over levels and then seeds.

    Args:
        results: what was measured.
        variants: what to say of each, by name, in the rows' order.
    """
    seeds = sorted({seed for by_seed in results.runs.values() for seed in by_seed})
    first = next(iter(variants))
    lines = [
        _line(["variant", *[f"seed {seed}" for seed in seeds], "mean", f"against {first}"]),
        _line(["---"] * (len(seeds) + 3)),
    ]
    for name, about in variants.items():
        if not (runs := results.runs.get(name, {})):
            continue
        apart = "" if name == first else _distance(results.runs.get(first, {}), runs)
        cells = [f"{runs[seed].score:,.0f}" if seed in runs else "-" for seed in seeds]
        mean = f"{np.mean([run.score for run in runs.values()]):,.0f}"
        lines.append(_line([about, *cells, mean, apart]))
    return "\n".join(lines)


def _distance(first: Mapping[int, Run], second: Mapping[int, Run]) -> str:
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


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"
