"""Draws the learning curves of the contest's plays: a panel for each agent, with ours beside it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import pyplot

from arena.evaluation.learning_curve import (
    Episodes,
    LearningCurve,
    learning_curve,
    timesteps_at_ends,
)
from benchmarks.scores.contest_pictures import INK, OTHERS, OURS, write_png
from benchmarks.scores.contest_players import SHIPPED
from benchmarks.scores.contest_plays import ContestPlays, Play
from benchmarks.scores.contest_summary import AgentPlays, summarize, title
from benchmarks.scores.contest_tables import curve_budgets, curve_picture

COLUMNS = 3
AGENT = "#a8480c"


def draw_curves(folder: Path, plays: ContestPlays) -> list[Path]:
    """Draw the curves at each budget of `curve_budgets`, and return the files."""
    written = []
    for steps in curve_budgets(plays):
        written.append(folder / curve_picture(steps))
        write_png(written[-1], curves_figure(summarize(plays, steps), steps))
    return written


def curves_figure(rows: list[AgentPlays], budget_steps: int) -> Any:
    """Return the figure of the curves of some agents.

    Each panel has the curve of an agent with its interval, that of our agent, and, in grey, those
    of all others. An agent is left out until it has played all levels.

    Args:
        rows: the plays of the agents.
        budget_steps: their budget.
    """
    most = max(len(row.plays) for row in rows)
    curves = {
        row.agent: curve
        for row in rows
        if len(row.plays) == most and (curve := curve_of(row)) is not None
    }
    shown = [agent for agent in curves if agent != SHIPPED] or [SHIPPED]
    columns = min(COLUMNS, len(shown))
    lines = -(-len(shown) // columns)
    figure, panels = pyplot.subplots(
        lines,
        columns,
        figsize=(max(5, 3 * columns), 0.9 + 2 * lines),
        dpi=110,
        layout="constrained",
        squeeze=False,
        sharex=True,
        sharey=True,
    )
    figure.suptitle(f"Mean score so far: {title(rows, budget_steps)}", fontsize=10, color=INK)
    for axes, agent in zip(panels.flat, shown, strict=False):
        _draw_panel(axes, agent, curves)
    for axes in panels.flat[len(shown) :]:
        axes.set_visible(False)
    for axes in panels.flat[len(shown) - columns : len(shown)]:  # nothing is below them
        axes.tick_params(labelbottom=True)
    for axes in panels[:, 0]:
        axes.set_ylabel("mean score so far", fontsize=7)
    panels[0, 0].set_xlim(0, budget_steps)
    panels[0, 0].set_ylim(bottom=0)
    figure.supxlabel(
        f"timesteps used per level (green: {SHIPPED}; grey: the others; bands: 95% intervals)",
        fontsize=8,
        color=INK,
    )
    return figure


def curve_of(row: AgentPlays) -> LearningCurve | None:
    """Compute the learning curve of an agent's plays; None if no episode counts."""
    return learning_curve([list(map(_episodes, plays.values())) for plays in row.plays.values()])


def _episodes(play: Play) -> Episodes:
    return Episodes(timesteps_at_ends(play.lengths), np.array(play.returns))


def _draw_panel(axes: Any, agent: str, curves: Mapping[str, LearningCurve]) -> None:
    for other, curve in curves.items():
        if other not in (agent, SHIPPED):
            axes.plot(curve.timesteps, curve.scores, color=OTHERS, linewidth=0.6, alpha=0.5)
    for name, colour in {agent: AGENT, SHIPPED: OURS}.items():
        if name not in curves:
            continue
        curve = curves[name]
        if curve.intervals is not None:
            low, high = zip(*curve.intervals, strict=True)
            axes.fill_between(curve.timesteps, low, high, color=colour, alpha=0.15, linewidth=0)
        axes.plot(curve.timesteps, curve.scores, color=colour, linewidth=1.8)
    axes.set_title(agent, loc="left", fontsize=8, color=OURS if agent == SHIPPED else AGENT)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value / 1000:,.0f}k" if value else "0")
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.tick_params(labelsize=7, length=2)
    axes.spines[["top", "right"]].set_visible(False)
