"""Can the tuner be trusted? The same rules, simulated from a recording and really played.

    python -m benchmarks.scores.lock_in_trust          measures, or goes on measuring
    python -m benchmarks.scores.lock_in_trust --show   prints the table, and puts it into the README

It records some levels, lets the tuner choose rules that differ, predicts what each will score, then
plays each on the emulator with other candidates and other stickiness. A prediction is a range:
one budget is luck, so what counts is how often the real score lies within it, and whether the
rules stand in the order that was predicted.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from agent import command_line
from agent.command_line import option
from agent.errors import INTERRUPTED_EXIT_CODE, UserError
from agent.settings import Settings
from agent.world_model.packed_model import load
from arena.environment.levels import Level, select
from arena.evaluation.agents import LocalAgent
from arena.evaluation.evaluate import Interrupted, Plan, evaluate
from arena.evaluation.level_run import Limits
from arena.evaluation.results import Results
from arena.evaluation.run_folder import current_command, open_run
from arena.tuner.advice import advise
from arena.tuner.grid import SEED_RULE, Choice, candidate_thresholds, name_of, play_all, prior_of
from arena.tuner.recorded import read_recording
from arena.tuner.simulate import Worlds
from benchmarks.identity import model_digest
from benchmarks.measured import show_measured, write_measured

TABLE = "lock-in trust"  # its name in the README
WORLDS, BUDGETS = 32, 8
RANGE = (0.025, 0.975)  # of single simulated budgets
RECORDING_SEED = 1
FIRST_PLAY_SEED = 1001
HOURS = 12.0
SECONDS_TO_CONNECT, SECONDS_TO_HANG = 120.0, 900.0


@dataclass(frozen=True)
class Options:
    """Simulate lock-in rules and play them, on the same levels, and compare."""

    levels: str = option("level set, or levels with commas, that may be tuned to", "pangolin-train")
    count: int = option("how many of them, evenly spread", 4)
    steps: int = option("timesteps of each budget, recorded and played", 100_000)
    repeats: int = option("episodes of each recorded candidate", 3)
    seeds: int = option("budgets that each rule really plays on each level", 1)
    pretrained: Path = option("packed model", Path("pretrained"))
    workers: int = option("levels at once", 2)
    folder: Path = option("where the runs go, and are resumed", Path("runs/lock_in_trust"))
    out: Path = option("file for the results as JSON", Path("results/lock_in_trust.json"))
    show: bool = option("measure nothing: print --out as Markdown, and into the README", False)

    def __post_init__(self) -> None:
        """Refuse counts below 1.

        Raises:
            UserError: says which.
        """
        for name in ("count", "steps", "repeats", "seeds", "workers"):
            if getattr(self, name) < 1:
                raise UserError(f"--{name} is {getattr(self, name)}: give 1 or more")


@dataclass(frozen=True)
class Compared:
    """One rule on one level, in one played budget."""

    rule: str
    level: str
    predicted: float  # mean over simulated budgets
    low: float  # range of single simulated budgets
    high: float
    played: float | None  # None: no episode was finished

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
    # Nothing learned or remembered: the simulation's candidates are draws from one distribution.
    settings = Settings(
        pretrained=options.pretrained.absolute(),
        learn=False,
        retrace=False,
        budget_steps=options.steps,
    )
    try:
        content = measure(options, levels, settings, Console(stderr=True))
    except Interrupted as interrupted:
        print(f"{interrupted}; the same command goes on", file=sys.stderr)
        return INTERRUPTED_EXIT_CODE
    write_measured(options.out, content)
    print(json.dumps(content, indent=2))
    return 0


def measure(
    options: Options, levels: Sequence[Level], settings: Settings, console: Console
) -> dict[str, Any]:
    """Record, predict, play, compare."""
    recording_run = options.folder / "recording"
    recorder = replace(settings, repeats=options.repeats, seed=RECORDING_SEED)
    play(options, levels, recorder, recording_run, console)
    recommended = advise([recording_run], options.steps).recommended.settings
    choices = choose(recording_run, recommended)
    predictions = predict(recording_run, choices, options.steps)
    compared = []
    for place, choice in enumerate(choices):
        for number in range(options.seeds):
            player = replace(settings, **choice, seed=FIRST_PLAY_SEED + number)
            folder = options.folder / f"{slug(choice)}-{number + 1}"
            results = play(options, levels, player, folder, console)
            played = {level.level: level.score for level in results.levels}
            for level, (predicted, low, high) in predictions[place].items():
                compared.append(
                    Compared(name_of(choice), level, predicted, low, high, played.get(level))
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
    """So many levels, evenly spread over the set."""
    count = min(count, len(levels))
    return [levels[place * len(levels) // count] for place in range(count)]


def play(
    options: Options, levels: Sequence[Level], settings: Settings, out: Path, console: Console
) -> Results:
    """Play the levels that this folder has no result of.

    Raises:
        Interrupted: Ctrl-C; what was finished is kept.
        UserError: a level failed.
    """
    seed = settings.seed or RECORDING_SEED
    plan = Plan(
        levels=levels,
        agent=LocalAgent(settings),
        limits=Limits(options.steps, HOURS * 3600, SECONDS_TO_CONNECT, SECONDS_TO_HANG),
        seed=seed,
        workers=min(options.workers, len(levels)),
    )
    plan.check()
    seeds = {"stickiness": seed, "agent": seed}
    folder = open_run(out, plan.settings(), name=out.name, seeds=seeds, argv=current_command())
    try:
        results = evaluate(plan, folder, console)
    finally:
        folder.close()
    for level in results.failed:
        reason = level.error.reason if level.error else "no reason is known"
        raise UserError(f"{out}: {level.level} failed ({reason}): repeat the command")
    return results


def choose(recording_run: Path, recommended: Choice) -> list[Choice]:
    """Rules that differ: the seed's, the recommended, and one of each other kind.

    Thresholds lie in the middle of the recorded returns and near their top, where rules lock in
    often and seldom.
    """
    levels = read_recording([recording_run]).levels
    thresholds = candidate_thresholds(levels, 9)
    middle, high = thresholds[len(thresholds) // 2], thresholds[-2]
    spreads = Worlds(levels, 1, 1).spreads
    choices: list[Choice] = [
        SEED_RULE,
        recommended,
        {
            "lock_in_rule": "k-of-n",
            "lock_in_score": middle,
            "lock_in_successes": 2,
            "lock_in_tries": 3,
        },
        {
            "lock_in_rule": "watched",
            "lock_in_score": high,
            "lock_in_watch": 5,
            "lock_in_keep": 0.75,
        },
        {"lock_in_rule": "best-of", "lock_in_candidates": 16},
        {"lock_in_rule": "optimal", **prior_of(spreads)},
    ]
    return [choice for place, choice in enumerate(choices) if choice not in choices[:place]]


def predict(
    recording_run: Path, choices: Sequence[Choice], steps: int
) -> list[dict[str, tuple[float, float, float]]]:
    """For each rule and level: mean of the simulated budgets, and the range of single ones."""
    levels = read_recording([recording_run]).levels
    predictions = []
    for outcome in play_all(choices, Worlds(levels, WORLDS, BUDGETS), steps):
        rule = {}
        for level, scores in zip(levels, outcome.scores, strict=True):
            known = scores[np.isfinite(scores)]
            if len(known):
                low, high = np.quantile(known, RANGE)
                rule[level.name] = (float(known.mean()), float(low), float(high))
        predictions.append(rule)
    return predictions


def summary(compared: Sequence[Compared]) -> dict[str, Any]:
    """How far simulation and play agree."""
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
        "mean_absolute_error_of_budgets": float(np.abs(errors).mean()),  # most of it is luck
        "mean_absolute_error_of_rules": float(np.abs(pairs[:, 0] - pairs[:, 1]).mean()),
        "rank_correlation_of_rules": rank_correlation(pairs[:, 0], pairs[:, 1]),
    }


def rank_correlation(first: np.ndarray, second: np.ndarray) -> float | None:
    """Spearman's rank correlation of two samples (n,); None where one of them is constant."""
    if len(first) < 2 or len(set(first)) < 2 or len(set(second)) < 2:
        return None
    ranks = [np.unique(one, return_inverse=True)[1].astype(np.float64) for one in (first, second)]
    return float(np.corrcoef(ranks[0], ranks[1])[0, 1])


def table(content: dict[str, Any]) -> str:
    """What was predicted and what was played, as Markdown."""
    lines = ["| rule | predicted | played | within the range |", "| --- | --- | --- | --- |"]
    for rule in sorted(content["rules"], key=lambda rule: -rule["predicted"]):
        name = rule["rule"] + " (recommended)" * (rule["rule"] == content["recommended"])
        figures = f"{rule['predicted']:,.0f} | {rule['played']:,.0f} | {rule['inside']:.0%}"
        lines.append(f"| {name} | {figures} |")
    settings, agreement = content["options"], content["rank_correlation_of_rules"]
    ranks = "" if agreement is None else f" Spearman's rank correlation is {agreement:.2f}."
    return "\n".join(
        [
            *lines,
            "",
            f"{len(content['levels'])} levels, {settings['steps']:,} timesteps each,"
            f" {len(content['budgets'])} budgets played. Of these {content['inside']:.0%} scored"
            f" within the range in which {content['expected_inside']:.0%} of the simulated ones"
            f" did; a rule's mean is off by {content['mean_absolute_error_of_rules']:,.0f} points"
            f" on average, a single budget's score by"
            f" {content['mean_absolute_error_of_budgets']:,.0f}, most of it luck.{ranks}",
        ]
    )


def slug(choice: Choice) -> str:
    """A folder's name for a rule."""
    return re.sub(r"[^a-z0-9.]+", "-", name_of(choice).lower()).strip("-")


if __name__ == "__main__":
    command_line.run(main)
