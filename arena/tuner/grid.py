"""The grid of lock-in rules that the tuner compares, as settings of the agent, and their names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

import numpy as np

from agent.lock_in.choose import AnyRule, make_rule
from agent.lock_in.rule import per_row
from agent.settings import Settings
from arena.tuner.recorded import RecordedLevel
from arena.tuner.simulate import Outcome, SimulatedBudgets, simulate

RuleSettings = Mapping[str, Any]  # the settings of a lock-in rule, as play.json stores them

DEFAULT_THRESHOLD = 2000.0
# The original 2018 agent's rule, and the agent's default.
DEFAULT_RULE: RuleSettings = {"lock_in_rule": "first-above", "lock_in_score": DEFAULT_THRESHOLD}
THRESHOLDS = 24  # number of thresholds of first-above, which are the points of the curve
BEST_OF = (2, 4, 8, 16, 32, 64, 128)


def grid(levels: Sequence[RecordedLevel]) -> list[RuleSettings]:
    """Return all rules that are compared, the default rule first."""
    thresholds = [value for value in candidate_thresholds(levels) if value != DEFAULT_THRESHOLD]
    return [
        DEFAULT_RULE,
        *({**DEFAULT_RULE, "lock_in_score": value} for value in thresholds),
        *({"lock_in_rule": "best-of", "lock_in_candidates": count} for count in BEST_OF),
    ]


def candidate_thresholds(levels: Sequence[RecordedLevel]) -> list[float]:
    """Return at most `THRESHOLDS` round numbers, from low returns to above the highest.

    One half are quantiles of the returns. The others are evenly spaced, because the best
    threshold often lies in a gap between returns. Every level has the same weight.
    """
    pooled = np.concatenate([level.returns for level in levels])
    weights = np.concatenate([np.full(len(one.returns), 1 / len(one.returns)) for one in levels])
    order = np.argsort(pooled)
    pooled, below = pooled[order], np.cumsum(weights[order]) / weights.sum()
    shares = [*np.linspace(0.3, 0.9, THRESHOLDS // 2 - 2), 0.96, 0.99]
    quantiles = pooled[np.minimum(np.searchsorted(below, shares), len(pooled) - 1)]
    low, high = float(quantiles[0]), float(pooled[-1])
    above = high + 0.1 * abs(high) + 1
    even = np.linspace(low, high, THRESHOLDS - len(shares), endpoint=False)[1:]
    return sorted({rounded(float(value)) for value in [*quantiles, *even, above]})


def rounded(value: float) -> float:
    """Round to two significant digits: a threshold is not known more precisely."""
    return float(f"{value:.2g}")


def rule_from(rule_settings: RuleSettings) -> AnyRule:
    """Build the rule that the agent would follow with these settings."""
    return make_rule(replace(Settings(), **rule_settings))


def simulate_all(
    rules: Sequence[RuleSettings], budgets: SimulatedBudgets, budget_steps: int
) -> list[Outcome]:
    """Simulate all rules in the same budgets; rules of one kind are simulated as one batch."""
    kinds: dict[str, list[int]] = {}
    for index, rule_settings in enumerate(rules):
        kinds.setdefault(rule_settings["lock_in_rule"], []).append(index)
    outcomes: dict[int, Outcome] = {}
    for indices in kinds.values():
        batch = _as_batch([rule_from(rules[index]) for index in indices], budgets.count)
        outcomes |= zip(
            indices, simulate(batch, budgets, budget_steps, copies=len(indices)), strict=True
        )
    return [outcomes[index] for index in range(len(rules))]


def _as_batch(rules: Sequence[Any], batch_size: int) -> Any:
    """Join rules of one kind into one rule whose settings are arrays (rules * batch_size,)."""
    values = {
        field.name: np.concatenate(
            [per_row(getattr(rule, field.name), batch_size) for rule in rules]
        )
        for field in fields(rules[0])
    }
    return type(rules[0])(**values)


def scaled(rule_settings: RuleSettings, factor: float) -> RuleSettings:
    """Return the rule with its threshold multiplied by a factor.

    If all returns of a level are multiplied by the factor too, both rules choose the same.
    """
    return {
        name: value * factor if name == "lock_in_score" else value
        for name, value in rule_settings.items()
    }


def name_of(rule_settings: RuleSettings) -> str:
    """Return a rule's name, such as "first above 2,000" or "best of the first 64"."""
    settings = replace(Settings(), **rule_settings)
    if settings.lock_in_rule == "best-of":
        return f"best of the first {settings.lock_in_candidates}"
    return f"first above {settings.lock_in_score:,g}"


def name_of_all(rules: Sequence[RuleSettings]) -> str:
    """Return a name of several rules with the same results, such as "first above 2,000 to 3,000".

    If two thresholds give the same results, all thresholds between them do so too.
    """
    kinds: dict[str, list[RuleSettings]] = {}
    for rule_settings in rules:
        kinds.setdefault(rule_settings["lock_in_rule"], []).append(rule_settings)
    names = []
    for group in kinds.values():
        (value,) = group[0].keys() - {"lock_in_rule"}
        ordered = sorted(group, key=lambda one: float(one[value]))
        names.append(name_of(ordered[0]))
        if len(ordered) > 1:
            names[-1] += f" to {ordered[-1][value]:,g}"
    return ", ".join(names)
