"""The lock-in rules that the tuner compares: settings of the agent, and what they are called."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from typing import Any

import numpy as np

from agent.lock_in.choose import AnyRule, rule_of
from agent.lock_in.optimal import Optimal, Prior
from agent.lock_in.rule import each
from agent.settings import Settings
from arena.tuner.recorded import RecordedLevel
from arena.tuner.simulate import Outcome, Spread, Worlds, simulate

Choice = Mapping[str, Any]  # settings of play, as play.json holds them

SEED_THRESHOLD = 2000.0
SEED_RULE: Choice = {"lock_in_rule": "first-above", "lock_in_score": SEED_THRESHOLD}
THRESHOLDS = 24  # of first-above; the curve's points
FEWER_THRESHOLDS = 8  # of the rules with more than one setting
K_OF_N = ((2, 2), (2, 3), (3, 4))
WATCHED = ((5, 0.5), (5, 0.75), (20, 0.75))
BEST_OF = (2, 4, 8, 16, 32, 64, 128)


def grid(levels: Sequence[RecordedLevel], spreads: Sequence[Spread]) -> list[Choice]:
    """All that is compared, the seed's rule first."""
    thresholds = candidate_thresholds(levels, THRESHOLDS)
    fewer = candidate_thresholds(levels, FEWER_THRESHOLDS)
    choices = [SEED_RULE]
    choices += [
        {**SEED_RULE, "lock_in_score": value} for value in thresholds if value != SEED_THRESHOLD
    ]
    choices += [
        {
            "lock_in_rule": "k-of-n",
            "lock_in_score": value,
            "lock_in_successes": successes,
            "lock_in_tries": tries,
        }
        for successes, tries in K_OF_N
        for value in fewer
    ]
    choices += [
        {
            "lock_in_rule": "watched",
            "lock_in_score": value,
            "lock_in_watch": watch,
            "lock_in_keep": keep,
        }
        for watch, keep in WATCHED
        for value in fewer
    ]
    choices += [{"lock_in_rule": "best-of", "lock_in_candidates": count} for count in BEST_OF]
    return [*choices, {"lock_in_rule": "optimal"}, {"lock_in_rule": "optimal", **prior_of(spreads)}]


def candidate_thresholds(levels: Sequence[RecordedLevel], count: int) -> list[float]:
    """Round numbers from the lower returns to above the highest, `count` at most.

    One half are quantiles, where the returns are; the other half is spaced evenly, for the best
    threshold often lies in a gap. Each level weighs the same.
    """
    pooled = np.concatenate([level.returns for level in levels])
    weights = np.concatenate([np.full(len(one.returns), 1 / len(one.returns)) for one in levels])
    order = np.argsort(pooled)
    pooled, below = pooled[order], np.cumsum(weights[order]) / weights.sum()
    shares = [*np.linspace(0.3, 0.9, count // 2 - 2), 0.96, 0.99]
    quantiles = pooled[np.minimum(np.searchsorted(below, shares), len(pooled) - 1)]
    low, high = float(quantiles[0]), float(pooled[-1])
    above = high + 0.1 * abs(high) + 1
    even = np.linspace(low, high, count - len(shares), endpoint=False)[1:]
    return sorted({rounded(float(value)) for value in [*quantiles, *even, above]})


def rounded(value: float) -> float:
    """Two digits say all that a threshold is known to."""
    return float(f"{value:.2g}")


def prior_of(spreads: Sequence[Spread]) -> Choice:
    """The distribution of candidates over levels, as settings of the rule `optimal`.

    A new level's mean may be that of any: what levels differ by adds to the candidates' spread.
    """
    means = np.array([spread.mean for spread in spreads])
    skill = float(np.mean([spread.skill**2 for spread in spreads])) + float(means.var())
    luck = float(np.mean([spread.luck**2 for spread in spreads]))
    return {
        "lock_in_prior_mean": round(float(means.mean()), 1),
        "lock_in_prior_spread": round(skill**0.5, 1),
        "lock_in_prior_luck": round(luck**0.5, 1),
    }


def settings_of(choice: Choice, budget_steps: int) -> Settings:
    """The agent's settings that play so."""
    return replace(Settings(), budget_steps=budget_steps, **choice)


def rule_for(choice: Choice, budget_steps: int) -> AnyRule:
    """The rule that the agent would follow."""
    return rule_of(settings_of(choice, budget_steps))


def play_all(choices: Sequence[Choice], worlds: Worlds, budget_steps: int) -> list[Outcome]:
    """Simulate all choices, those of one kind of rule in one go."""
    kinds: dict[str, list[int]] = {}
    for place, choice in enumerate(choices):
        kinds.setdefault(choice["lock_in_rule"], []).append(place)
    outcomes: dict[int, Outcome] = {}
    for places in kinds.values():
        rules = [_held_out_rule(choices[place], budget_steps, worlds) for place in places]
        played = simulate(_side_by_side(rules, worlds.count), worlds, budget_steps, len(places))
        outcomes |= zip(places, played, strict=True)
    return [outcomes[place] for place in range(len(choices))]


def _held_out_rule(choice: Choice, budget_steps: int, worlds: Worlds) -> AnyRule:
    """The rule as it may be simulated: a level's prior comes from all other levels."""
    spreads = worlds.spreads
    if "lock_in_prior_mean" not in choice or len(spreads) < 2:
        return rule_for(choice, budget_steps)
    unscaled = prior_of(spreads)
    scale = next((choice[name] / value for name, value in unscaled.items() if value), 1.0)
    others = [prior_of([*spreads[:place], *spreads[place + 1 :]]) for place in range(len(spreads))]
    values = np.array([list(prior.values()) for prior in others])[worlds.levels] * scale
    return Optimal(budget_steps, Prior(*values.T))


def _side_by_side(settings: Sequence[Any], lanes: int) -> Any:
    """Rules of one kind as one, each with so many lanes of its own: their settings as arrays."""
    first = settings[0]
    if not is_dataclass(first) or isinstance(first, type):
        return np.concatenate([each(value, lanes) for value in settings])
    values = {
        field.name: _side_by_side([getattr(one, field.name) for one in settings], lanes)
        for field in fields(first)
    }
    return type(first)(**values)


def stretched(choice: Choice, factor: float) -> Choice:
    """The rule whose play on the recorded levels is this one's where all returns are / factor."""
    scaled = ("lock_in_score", *(f"lock_in_prior_{name}" for name in ("mean", "spread", "luck")))
    return {name: value * factor if name in scaled else value for name, value in choice.items()}


def name_of(choice: Choice) -> str:
    """A rule in a few words."""
    settings = settings_of(choice, 1)
    threshold = f"{settings.lock_in_score:,g}"
    names = {
        "first-above": f"first above {threshold}",
        "k-of-n": f"above {threshold} in {settings.lock_in_successes} of {settings.lock_in_tries}",
        "watched": f"first above {threshold}, watched {settings.lock_in_watch} episodes,"
        f" kept from {settings.lock_in_keep:.0%}",
        "best-of": f"best of the first {settings.lock_in_candidates}",
        "optimal": "stop optimally"
        + (", with pretraining's prior" if settings.lock_in_prior_mean is not None else ""),
    }
    return names[settings.lock_in_rule]
