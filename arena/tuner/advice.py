"""Recommends the lock-in rule that would score best on new levels, from recorded runs.

    advise([Path("runs/RUN"), ...]) -> Advice

simulates a grid of rules (arena.tuner.grid) in budgets drawn from the recordings
(arena.tuner.simulate). The gain of a recommendation is measured on levels that were not used to
choose it: for each level, a rule is chosen on all others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from arena.evaluation.score import Interval
from arena.tuner.grid import DEFAULT_RULE, grid, scaled, simulate_all
from arena.tuner.recorded import RecordedLevel, Recording, RecordingError, read_recording
from arena.tuner.score_table import RESAMPLES, HeldOut, RuleScore, ScoreTable, mean_score
from arena.tuner.simulate import SimulatedBudgets

RECORDINGS = 16  # resampled recordings per level
BUDGETS = 4  # per resampled recording
OTHER_SCALES = (0.5, 2.0)  # returns of a different level, as multiples of the recorded returns
METHOD = (
    f"{RECORDINGS} resampled recordings per level, {BUDGETS} budgets each; intervals: 95%"
    f" percentile bootstrap, {RESAMPLES:,} resamples of levels, then of recordings"
)


@dataclass(frozen=True)
class Advice:
    """The tuner's recommendation, and the scores behind it.

    Attributes:
        budget_steps: timesteps of the simulated budgets.
        levels: names of the levels, in the order of `by_level`.
        recommended: the rule with the highest score if the interval of its gain is above 0, else
            the default rule.
        default: the agent's default rule: first above 2,000.
        rules: all rules of the grid, the highest score first.
        held_out: the gain on levels not used to choose the rule; None with one level.
        curve_thresholds, curve_scores, curve_low, curve_high: score of the rule "first above
            threshold" with its 95% interval; of equal length, by increasing threshold.
        cost_at_scale: factor -> points that the recommended rule loses against the best rule on
            a level whose returns are the recorded ones times the factor.
        sentences: the advice in words.
        notes: problems and cautions of the recordings, one line each.
        pretrained: folder of the packed model that played, if the runs name one.
        held_out_sets: the validation and test sets whose levels were recorded.
        method: how the numbers were computed.
    """

    budget_steps: int
    levels: tuple[str, ...]
    recommended: RuleScore
    default: RuleScore
    rules: tuple[RuleScore, ...]
    held_out: HeldOut | None
    curve_thresholds: tuple[float, ...]
    curve_scores: tuple[float, ...]
    curve_low: tuple[float, ...]
    curve_high: tuple[float, ...]
    cost_at_scale: dict[float, float]
    sentences: tuple[str, ...]
    notes: tuple[str, ...]
    pretrained: Path | None
    held_out_sets: tuple[str, ...] = ()
    method: str = METHOD

    @property
    def clear(self) -> bool:
        """Whether the recommended rule is clearly better than the default; see `is_clear`."""
        return is_clear(self.held_out, self.recommended, self.default)

    def to_json(self) -> dict[str, Any]:
        """Return all attributes as JSON values."""
        values = asdict(self)
        values["pretrained"] = str(self.pretrained) if self.pretrained else None
        values["cost_at_scale"] = {str(key): cost for key, cost in self.cost_at_scale.items()}
        return {"clear": self.clear, **values}


def is_clear(held_out: HeldOut | None, recommended: RuleScore, default: RuleScore) -> bool:
    """Return whether a recommended rule other than the default is clearly better.

    It is if its gain on levels that were not used to choose it has a 95% interval above 0.
    """
    gains = held_out is not None and held_out.gain_interval[0] > 0
    return gains and recommended != default


def advise(runs: Sequence[Path], budget_steps: int | None = None, seed: int = 1) -> Advice:
    """Read run folders and recommend a lock-in rule.

    Args:
        runs: folders that `local_eval.py run` wrote, of one game. A level that several runs
            contain counts once, with the candidates of all these runs.
        budget_steps: timesteps of the simulated budgets; None: those of the runs.
        seed: random seed of the simulation.

    Raises:
        UserError: the runs contain nothing to tune on.
    """
    recording = read_recording(runs)
    return advise_on(recording, budget_steps or recording.budget_steps, seed)


def advise_on(recording: Recording, budget_steps: int, seed: int = 1) -> Advice:
    """Recommend a rule for budgets of `budget_steps` timesteps, from one recorded level or more.

    Raises:
        RecordingError: no recorded episode fits into the budget.
    """
    levels = [level for level in recording.levels if level.timesteps.min() < budget_steps]
    if not levels:
        raise RecordingError(
            f"no recorded episode fits into {budget_steps:,} timesteps: use a larger --budget-steps"
        )
    budgets = SimulatedBudgets(levels, RECORDINGS, BUDGETS, seed)
    settings = grid(levels)
    table = ScoreTable(settings, simulate_all(settings, budgets, budget_steps), seed)
    rules = table.rules()
    default = next(rule for rule in rules if rule.settings == DEFAULT_RULE)
    # The highest of dozens of scores is partly luck: only a clear gain replaces the default.
    best = rules[0] if rules[0].gain_interval[0] > 0 else default
    costs = _cost_at_scale(best, rules[0], budgets, budget_steps)
    thresholds, scores, low, high = _curve(rules)
    held_out = table.held_out()
    return Advice(
        budget_steps=budget_steps,
        levels=tuple(level.name for level in levels),
        recommended=best,
        default=default,
        rules=rules,
        held_out=held_out,
        curve_thresholds=thresholds,
        curve_scores=scores,
        curve_low=low,
        curve_high=high,
        cost_at_scale=costs,
        sentences=(
            *_recommendation(best, default, rules[0], budget_steps),
            _how_sure(held_out, is_clear(held_out, best, default)),
            _costs(best, rules, levels, costs),
        ),
        notes=(*recording.notes, *_too_long(len(recording.levels) - len(levels))),
        pretrained=recording.pretrained,
        held_out_sets=recording.held_out,
    )


def _cost_at_scale(
    best: RuleScore, highest: RuleScore, budgets: SimulatedBudgets, budget_steps: int
) -> dict[float, float]:
    """Compute the points that a rule loses on levels with returns of another scale.

    If all returns are multiplied by a factor, the best rule is the best one here with its
    threshold multiplied by the factor, and its score is multiplied by the factor too.
    """
    misfits = [scaled(best.settings, 1 / factor) for factor in OTHER_SCALES]
    outcomes = simulate_all(misfits, budgets, budget_steps)
    return {
        factor: max(0.0, highest.score - mean_score(outcome)) * factor
        for factor, outcome in zip(OTHER_SCALES, outcomes, strict=True)
    }


def _curve(rules: Sequence[RuleScore]) -> list[tuple[float, ...]]:
    """Return thresholds, scores and both ends of their intervals, by increasing threshold."""
    curve = sorted(
        (rule.threshold, rule.score, *rule.interval) for rule in rules if rule.threshold is not None
    )
    return list(zip(*curve, strict=True))


def _too_long(count: int) -> list[str]:
    one = "1 level has" if count == 1 else f"{count} levels have"
    return [f"{one} no episode as short as the budget: excluded"] * bool(count)


def _recommendation(
    best: RuleScore, default: RuleScore, highest: RuleScore, budget_steps: int
) -> list[str]:
    if best != default:
        compared = (
            f"; the default, {default.name}, {_with_interval(default.score, default.interval)}"
        )
    elif highest != default:
        score = _with_interval(highest.score, highest.interval)
        compared = f"; {highest.name} scores highest, {score}, but that may be luck"
    else:
        compared = ", and no other rule scores higher"
    mark = " (the default)" if best == default else ""
    sentences = [
        f"Recommended: {best.name}{mark}. In simulated budgets of {budget_steps:,} timesteps it"
        f" scores {_with_interval(best.score, best.interval)}{compared}."
    ]
    if not default.locked:
        sentences.append("No return exceeded 2,000 in any of them: the default never locks in.")
    return sentences


def _how_sure(held_out: HeldOut | None, clear: bool) -> str:
    record_more = "record more levels and repeats before you change the default."
    if held_out is None:
        return "The gain on other levels can't be estimated from one level: record more levels."
    if held_out.gain_interval == (0.0, 0.0):
        return (
            "Choosing the highest-scoring rule on some levels and playing it on the others scores"
            f" as much as the default: {record_more}"
        )
    sure = "That is clear." if clear else f"That is not clear: {record_more}"
    return (
        "Choosing the highest-scoring rule on some levels and playing it on the others gains"
        f" {_with_interval(held_out.gain, held_out.gain_interval)} over the default, and it is"
        f" better in {held_out.better:.0%} of the resamples. {sure}"
    )


def _costs(
    best: RuleScore,
    rules: Sequence[RuleScore],
    levels: Sequence[RecordedLevel],
    costs: dict[float, float],
) -> str:
    losses = [
        max(rule.by_level[index] for rule in rules) - best.by_level[index]
        for index in range(len(levels))
    ]
    worst = int(np.argmax(losses))
    name = levels[worst].name
    return (
        "Compared with the best rule for a level, it loses about"
        f" {costs[0.5]:,.0f} points on a level with returns half as high as these, and about"
        f" {costs[2.0]:,.0f} on one with returns twice as high. Its largest loss on a recorded"
        f" level is {losses[worst]:,.0f} points, on {name.partition(':')[2] or name}."
    )


def _with_interval(value: float, interval: Interval) -> str:
    return f"{value:z,.0f} ({interval[0]:z,.0f} to {interval[1]:z,.0f})"
