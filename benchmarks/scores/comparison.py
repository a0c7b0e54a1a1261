"""The README's table: this agent and its rivals, at the budget with the most levels played."""

from __future__ import annotations

from benchmarks.scores.calibration_results import JERK
from benchmarks.scores.contest_players import AS_SEED, RANDOM, SHIPPED
from benchmarks.scores.contest_store import Results
from benchmarks.scores.contest_tables import budget_of_ends, scored

COMPARISON = "comparison"  # the table's name in the README
NAMES = {
    RANDOM: "random buttons",
    JERK: "JERK, the contest's baseline",
    AS_SEED: "the original 2018 agent's way of playing, with our networks",
    SHIPPED: "**this project's agent**",
}


def comparison(results: Results) -> str:
    """The table as Markdown: mean score, interval and levels finished, one row per agent."""
    budget_steps = budget_of_ends(results)
    if budget_steps is None:
        return "Nothing is measured yet."
    lines = ["| agent | mean score | 95% interval | levels finished |", "| --- | --- | --- | --- |"]
    for row in scored(results, budget_steps, tuple(NAMES)):
        interval = "{:,.0f} to {:,.0f}".format(*row.interval) if row.interval else "-"
        mean = "-" if row.mean is None else f"{row.mean:,.0f}"
        finished = f"{row.levels_finished} of {len(row.plays)}"
        lines.append(f"| {NAMES[row.agent]} | {mean} | {interval} | {finished} |")
    return "\n".join(lines)
