"""Makes the calibration's tables for the terminal and the documents, and checks the targets."""

from __future__ import annotations

import numpy as np

from baselines.simple_agents import POLICIES
from benchmarks.scores.calibration_scores import PLANNER, CalibrationScores
from benchmarks.scores.contest_players import HOLD_RIGHT, JERK
from benchmarks.tables import markdown_table

END_POST = 9000.0  # lowest return of an episode that reaches the end post
FIRST_SCREEN = 200.0  # return for about one screen of progress
TARGETS = {HOLD_RIGHT: (500.0, 2000.0), JERK: (1500.0, 4000.0), PLANNER: (9000.0, 10_000.0)}


def table(scores: CalibrationScores) -> str:
    """Return a plain text table: a row for each level, a column for each agent, the means last.

    "-" means that nothing was measured.
    """
    width = max([len(_short(level)) for level in scores.levels], default=0) + 2
    lines = [" " * width + "".join(f"{agent:>20}" for agent in scores.agents)]
    for level in scores.levels:
        cells = "".join(f"{text:>20}" for text in _row(scores, level))
        lines.append(f"{_short(level):{width}}{cells}")
    means = "".join(f"{_number(_mean(scores, agent)):>20}" for agent in scores.agents)
    return "\n".join([*lines, f"{'mean':{width}}{means}"])


def summary(scores: CalibrationScores) -> str:
    """Return Markdown: for each agent its mean over the levels, its worst and its best level."""
    rows = []
    for agent in scores.agents:
        means = [result.mean for result in scores.scores[agent].values()]
        target = TARGETS.get(agent)
        wanted = f"{target[0]:,.0f} to {target[1]:,.0f}" if target else ""
        mean = _number(_mean(scores, agent))
        rows.append([agent, mean, _number(min(means)), _number(max(means)), wanted])
    head = ["agent", f"mean of {len(scores.levels)} levels", "worst", "best", "target"]
    return markdown_table(head, rows)


def by_level(scores: CalibrationScores) -> str:
    """Return Markdown: a row for each level, a column for each agent."""
    rows = ([_short(level), *_row(scores, level)] for level in scores.levels)
    return markdown_table(["level", *scores.agents], rows)


def document_tables(scores: CalibrationScores) -> dict[str, str]:
    """Return the tables by their names in the documents."""
    return {"calibration summary": summary(scores), "calibration levels": by_level(scores)}


def findings(scores: CalibrationScores) -> list[str]:
    """Return lines that say which targets are met, and on which levels others are missed."""
    return [*_targets(scores), *_simple_policies(scores), *_unfinished(scores)]


def _targets(scores: CalibrationScores) -> list[str]:
    lines = []
    for agent, (low, high) in TARGETS.items():
        mean = _mean(scores, agent)
        if mean is None:
            continue
        verdict = "met" if low <= mean <= high else "MISSED"
        lines.append(f"{agent}: mean {mean:.0f}, target {low:.0f} to {high:.0f}: {verdict}")
    return lines


def _simple_policies(scores: CalibrationScores) -> list[str]:
    """No simple policy may finish a level, and on each level one must leave the first screen."""
    won, stuck = [], []
    for level in scores.levels:
        best = [found.best for agent in POLICIES if (found := scores.get(agent, level))]
        if best and max(best) >= END_POST:
            won.append(_short(level))
        if best and max(best) < FIRST_SCREEN:
            stuck.append(_short(level))
    return [
        f"MISSED: a simple policy finishes {', '.join(won)}"
        if won
        else "no simple policy finishes a level",
        f"MISSED: no simple policy leaves the first screen of {', '.join(stuck)}"
        if stuck
        else "on every level a simple policy leaves the first screen",
    ]


def _unfinished(scores: CalibrationScores) -> list[str]:
    results = scores.scores.get(PLANNER, {})
    lost = [_short(level) for level, result in results.items() if result.best < END_POST]
    return [f"MISSED: the planner's movie does not finish {', '.join(lost)}"] if lost else []


def _row(scores: CalibrationScores, level: str) -> list[str]:
    results = (scores.get(agent, level) for agent in scores.agents)
    return [_number(result.mean if result else None) for result in results]


def _mean(scores: CalibrationScores, agent: str) -> float | None:
    """Return the mean over all levels; None if a level was not played yet."""
    results = scores.scores.get(agent, {})
    if not results or len(results) < len(scores.levels):
        return None
    return float(np.mean([result.mean for result in results.values()]))


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:,.0f}"


def _short(level: str) -> str:
    return level.rpartition(":")[2]
