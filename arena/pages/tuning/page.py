"""The page of the tuner's advice: score against threshold, and the scores of all rules."""

from __future__ import annotations

from collections.abc import Sequence

from arena.environment.levels import Level
from arena.pages import figures
from arena.pages.page import render
from arena.tuner.advice import Advice
from arena.tuner.grid import DEFAULT_RULE, DEFAULT_THRESHOLD, name_of_all
from arena.tuner.score_table import RuleScore, merged


def tuning_page(advice: Advice) -> bytes:
    """Render the advice as one HTML file that works offline, like a run's report."""
    curve = figures.threshold_curve(
        advice.curve_thresholds,
        advice.curve_scores,
        advice.curve_low,
        advice.curve_high,
        DEFAULT_THRESHOLD,
        (advice.recommended.name, advice.recommended.score),
    )
    scores = [rule.by_level for rule in advice.rules]
    best_of_level = [
        advice.rules[column.index(max(column))] for column in zip(*scores, strict=True)
    ]
    return render(
        "tuning.html",
        {"curve": curve},
        advice=advice,
        game=Level.parse(advice.levels[0]).game,
        levels=list(zip(map(Level.parse, advice.levels), best_of_level, strict=True)),
        groups=[(group_name(group), group) for group in merged(advice.rules)],
        peak=max(zip(advice.curve_scores, advice.curve_thresholds, strict=True)),
    )


def group_name(group: Sequence[RuleScore]) -> str:
    """Return the name of rules that did the same in every budget; it marks the default."""
    name = name_of_all([rule.settings for rule in group])
    if all(rule.settings != DEFAULT_RULE for rule in group):
        return name
    return f"{name} (the default)" if len(group) == 1 else f"{name} (with the default)"
