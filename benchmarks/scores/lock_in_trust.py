"""Compares the tuner's predictions with real play: the same lock-in rules, simulated and played.

    python -m benchmarks.scores.lock_in_trust          measures, or continues a measurement
    python -m benchmarks.scores.lock_in_trust --show   prints the table and updates the documents

It records some levels, predicts the score of each rule from the recording, then plays each rule on
the emulator with other candidates and other random seeds. The score of a single budget is partly
luck, so a prediction is a range. The result is how often the real score lies within this range, and
whether the real scores of the rules have the predicted order.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from rich.console import Console

from agent import command_line
from agent.command_line import option
from agent.command_line.ranges import COUNT, PROCESSES
from agent.errors import INTERRUPTED_EXIT_CODE, UserError
from agent.settings import Settings
from agent.world_model.packed_model import load
from arena.environment.levels import Level, select
from arena.evaluation.agents import LocalAgent
from arena.evaluation.evaluate import EvaluationInterrupted, EvaluationPlan
from arena.evaluation.results import RunResults
from arena.tuner.advice import advise
from arena.tuner.grid import DEFAULT_RULE, RuleSettings, name_of, simulate_all
from arena.tuner.recorded import read_recording
from arena.tuner.simulate import SimulatedBudgets
from benchmarks.identity import model_digest
from benchmarks.measured import show_measured, write_measured
from benchmarks.scores.contest_runs import contest_limits, play_plan
from benchmarks.scores.contest_summary import count_of
from benchmarks.tables import markdown_table

TABLE = "lock-in trust"  # its name in the documents
HEAD = ("rule", "predicted", "played", "within the predicted range")
RECORDINGS, BUDGETS = 32, 8  # resampled recordings per level, budgets per recording
BEST_OF: RuleSettings = {"lock_in_rule": "best-of", "lock_in_candidates": 16}
RANGE = (0.025, 0.975)  # quantiles of single simulated budgets
RECORDING_SEED = 1
FIRST_PLAY_SEED = 1001


@dataclass(frozen=True)
class Options:
    """Simulate and play lock-in rules on the same levels, and compare the scores."""

    extra: ClassVar[str] = "train"

    levels: str = option(
        "training levels: a level set, or levels separated by commas", "pangolin-train"
    )
    count: int = option(
        "number of these levels to use, evenly spread over the set", 4, within=COUNT
    )
    steps: int = option("timesteps of each recorded and each played budget", 100_000, within=COUNT)
    repeats: int = option("episodes of each recorded candidate", 3, within=COUNT)
    seeds: int = option("budgets that each rule plays on each level", 1, within=COUNT)
    pretrained: Path = option("folder of the packed model", Path("pretrained"))
    workers: int = option("number of levels played at once", 2, within=PROCESSES)
    folder: Path = option(
        "folder of the runs; runs in it are continued", Path("runs/lock_in_trust")
    )
    out: Path = option("JSON file of the results", Path("results/lock_in_trust.json"))
    show: bool = option(
        "measure nothing: print the results in --out and update the documents", False
    )


@dataclass(frozen=True)
class Compared:
    """One played budget of a rule on a level, with its prediction. Scores are points.

    Attributes:
        rule: name of the rule.
        level: name of the level.
        predicted: mean score of the simulated budgets.
        low, high: range of the scores of single simulated budgets.
        played: score of the played budget; None: no episode was finished.
    """

    rule: str
    level: str
    predicted: float
    low: float
    high: float
    played: float | None

    @property
    def inside(self) -> bool | None:
        """Whether the played score lies in the range."""
        return None if self.played is None else self.low <= self.played <= self.high


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    options = command_line.parse(Options, argv, prog="python -m benchmarks.scores.lock_in_trust")
    if options.show:
        show_measured(options.out, TABLE, table)
        return 0
    levels = spread(select(options.levels), options.count)
    # The explorer is off, because the simulation treats returns as independent draws.
    settings = Settings(pretrained=options.pretrained.absolute(), explore=False)
    try:
        content = measure(options, levels, settings, Console(stderr=True))
    except EvaluationInterrupted as interrupted:
        print(f"{interrupted}; the same command continues", file=sys.stderr)
        return INTERRUPTED_EXIT_CODE
    write_measured(options.out, content)
    print(json.dumps(content, indent=2))
    return 0


def measure(
    options: Options, levels: Sequence[Level], settings: Settings, console: Console
) -> dict[str, Any]:
    """Record the levels, predict the rules' scores, play the rules, and compare."""
    recording_run = options.folder / "recording"
    recorder = replace(settings, repeats=options.repeats, seed=RECORDING_SEED)
    play(options, levels, recorder, recording_run, console)
    recommended = advise([recording_run], options.steps).recommended.settings
    rules = compared_rules(recommended)
    predictions = predict(recording_run, rules, options.steps)
    compared = []
    for index, rule in enumerate(rules):
        for number in range(options.seeds):
            player = replace(settings, **rule, seed=FIRST_PLAY_SEED + number)
            folder = options.folder / f"{slug(rule)}-{number + 1}"
            results = play(options, levels, player, folder, console)
            played = {level.level: level.score for level in results.levels}
            for level, (predicted, low, high) in predictions[index].items():
                compared.append(
                    Compared(name_of(rule), level, predicted, low, high, played.get(level))
                )
    return {
        "levels": [level.name for level in levels],
        "model": model_digest(load(options.pretrained)),
        "options": {
            name: getattr(options, name)
            for name in ("levels", "count", "steps", "repeats", "seeds", "workers")
        },
        "recommended": name_of(recommended),
        **summary(compared),
        "budgets": [{**asdict(one), "inside": one.inside} for one in compared],
    }


def spread(levels: Sequence[Level], count: int) -> list[Level]:
    """Return `count` levels, evenly spread over the set."""
    count = min(count, len(levels))
    return [levels[number * len(levels) // count] for number in range(count)]


def play(
    options: Options, levels: Sequence[Level], settings: Settings, out: Path, console: Console
) -> RunResults:
    """Play the levels that have no result in this folder.

    Raises:
        EvaluationInterrupted: Ctrl-C; finished plays are kept.
        UserError: a level failed.
    """
    plan = EvaluationPlan(
        levels=levels,
        agent=LocalAgent(settings),
        limits=contest_limits(options.steps),
        seed=settings.seed or RECORDING_SEED,
        workers=min(options.workers, len(levels)),
    )
    results = play_plan(plan, out, console)
    for level in results.failed:
        reason = level.error.reason if level.error else "unknown reason"
        raise UserError(f"{out}: {level.level} failed ({reason}): repeat the command")
    return results


def compared_rules(recommended: RuleSettings) -> list[RuleSettings]:
    """Return the rules to compare: the default, the recommended one, and best-of."""
    rules: list[RuleSettings] = []
    for rule in (DEFAULT_RULE, recommended, BEST_OF):
        if rule not in rules:
            rules.append(rule)
    return rules


def predict(
    recording_run: Path, rules: Sequence[RuleSettings], steps: int
) -> list[dict[str, tuple[float, float, float]]]:
    """Predict the score of each rule on each level.

    Returns:
        For each rule: level -> mean of the simulated budgets, and the range of single ones.
    """
    levels = read_recording([recording_run]).levels
    predictions = []
    budgets = SimulatedBudgets(levels, RECORDINGS, BUDGETS)
    for outcome in simulate_all(rules, budgets, steps):
        rule = {}
        for level, scores in zip(levels, outcome.scores, strict=True):
            known = scores[np.isfinite(scores)]
            if len(known):
                low, high = np.quantile(known, RANGE)
                rule[level.name] = (float(known.mean()), float(low), float(high))
        predictions.append(rule)
    return predictions


def summary(compared: Sequence[Compared]) -> dict[str, Any]:
    """Summarise how well prediction and play agree."""
    known = [one for one in compared if one.played is not None]
    if not known:
        return {"rules": [], "inside": None}
    rules: dict[str, list[Compared]] = {}
    for one in known:
        rules.setdefault(one.rule, []).append(one)
    table = [
        {
            "rule": rule,
            "predicted": float(np.mean([one.predicted for one in ones])),
            "played": float(np.mean([one.played for one in ones if one.played is not None])),
            "inside": float(np.mean([bool(one.inside) for one in ones])),
        }
        for rule, ones in rules.items()
    ]
    errors = np.array([one.played - one.predicted for one in known if one.played is not None])
    pairs = np.array([(rule["predicted"], rule["played"]) for rule in table], np.float64)
    return {
        "rules": table,
        "inside": float(np.mean([bool(one.inside) for one in known])),
        "expected_inside": RANGE[1] - RANGE[0],
        "mean_error": float(errors.mean()),
        "mean_absolute_error_of_budgets": float(np.abs(errors).mean()),  # mostly luck
        "mean_absolute_error_of_rules": float(np.abs(pairs[:, 0] - pairs[:, 1]).mean()),
        "rank_correlation_of_rules": rank_correlation(pairs[:, 0], pairs[:, 1]),
    }


def rank_correlation(first: np.ndarray, second: np.ndarray) -> float | None:
    """Return Spearman's rank correlation of two samples (n,).

    It is None if n is below 3, or if one sample is constant.
    """
    if len(first) < 3 or len(set(first)) < 2 or len(set(second)) < 2:
        return None
    ranks = [np.unique(one, return_inverse=True)[1].astype(np.float64) for one in (first, second)]
    return float(np.corrcoef(ranks[0], ranks[1])[0, 1])


def table(content: dict[str, Any]) -> str:
    """Format predicted and played scores as Markdown."""
    rows = [
        [
            rule["rule"] + " (recommended)" * (rule["rule"] == content["recommended"]),
            f"{rule['predicted']:,.0f}",
            f"{rule['played']:,.0f}",
            f"{rule['inside']:.0%}",
        ]
        for rule in sorted(content["rules"], key=lambda rule: -rule["predicted"])
    ]
    settings, agreement = content["options"], content["rank_correlation_of_rules"]
    ranks = "" if agreement is None else f" Spearman's rank correlation is {agreement:.2f}."
    return "\n".join(
        [
            markdown_table(HEAD, rows),
            "",
            f"{count_of(len(content['budgets']), 'budget')} of {settings['steps']:,} timesteps were"
            f" played, on {count_of(len(content['levels']), 'level')}. {content['inside']:.0%} of"
            " the played scores lie within the range that contains"
            f" {content['expected_inside']:.0%} of the simulated scores. On average, the prediction"
            f" differs by {content['mean_absolute_error_of_rules']:,.0f} points from the mean score"
            " of a rule's played budgets, and by"
            f" {content['mean_absolute_error_of_budgets']:,.0f} points from the score of a single"
            f" budget; most of the latter difference is luck.{ranks}",
        ]
    )


def slug(rule: RuleSettings) -> str:
    """Return a folder name for a rule."""
    return re.sub(r"[^a-z0-9.]+", "-", name_of(rule).lower()).strip("-")


if __name__ == "__main__":
    command_line.run(main)
