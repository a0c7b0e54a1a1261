"""Builds the plots as plotly.js expects them: data and layout, JSON values only.

A colour is the name of a custom property of the style sheet ("--accent"). The page's script
inserts its value, so that a plot follows the page's light or dark scheme.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from arena.evaluation.score import Interval
from arena.pages import traces
from arena.pages.curves import chosen_points, quartiles
from arena.pages.report.records import LevelRecord
from arena.pages.report.time_spent import TimeSpent
from arena.pages.traces import Figure

LINE_COLOURS = ("--accent", "--second", "--third", "--fourth", "--fifth", "--sixth")
DASHES = ("solid", "dash", "dot")  # of the first six runs, the next six, and all others
FAR_ABOVE = 1.3  # a line higher than the highest value times this would flatten the plot
AGENT_HEIGHT = 36  # pixels per row of a plot of agents
ROW_HEIGHT = 46  # pixels per row of a plot with names on its left


@dataclass(frozen=True)
class ScoreRow:
    """A mean score in a plot of agents or runs.

    Attributes:
        name: text beside the axis.
        mean: the score.
        interval: its interval, or None.
        colour: colour of the mark.
        symbol: plotly's name of the mark.
        label: text of the legend; "" for a row that needs none.
    """

    name: str
    mean: float
    interval: Interval | None
    colour: str = "--muted"
    symbol: str = "diamond"
    label: str = ""


def colour_of(number: int) -> str:
    """Return the colour of a run in a comparison, in which runs are numbered from 0."""
    return LINE_COLOURS[number % len(LINE_COLOURS)]


def dash_of(number: int) -> str:
    """Return the dashes of a run's line."""
    return DASHES[min(number // len(LINE_COLOURS), len(DASHES) - 1)]


def agents(rows: Sequence[ScoreRow]) -> Figure:
    """Plot mean scores with their intervals, the first row at the bottom."""
    layout = traces.layout(90 + AGENT_HEIGHT * len(rows), "score")
    names = [row.name for row in rows]
    layout["yaxis"] |= {"categoryorder": "array", "categoryarray": names}
    layout["xaxis"]["rangemode"] = "tozero"
    layout["showlegend"] = any(row.label for row in rows)
    return {"data": [_score(row) for row in reversed(rows)], "layout": layout}


def level(
    record: LevelRecord,
    lock_in_score: float | None,
    recommended: float | None,
    budget_steps: int = 0,
) -> Figure:
    """Plot a level's run: the score so far, each episode as a dot, the lock-in as a line.

    If the explorer's archive was used, a dash marks each episode's return point: the return up to
    which the explorer followed known trajectories.
    """
    returns, timesteps = record.returns, record.timesteps
    dots = chosen_points(returns)
    locked = np.zeros(len(returns), bool) if record.locked is None else record.locked
    data = [
        traces.curve(record, "score so far", "--accent"),
        traces.dots(timesteps, returns, record.numbers, dots[~locked[dots]], "episode", "--dots"),
        traces.dots(
            timesteps, returns, record.numbers, dots[locked[dots]], "locked in", "--second"
        ),
    ]
    if record.used_archive:
        known = dots[np.isfinite(record.return_points[dots])]
        points = record.return_points
        dashes = traces.dots(timesteps, points, record.numbers, known, "return point", "--muted")
        dashes["marker"] |= {"symbol": "line-ew", "line": {"color": "--muted", "width": 2}}
        dashes["hovertemplate"] = "episode %{customdata}, return point %{y:,.1f}<extra></extra>"
        data.insert(1, dashes)  # under the dots
    layout = traces.layout(320, "timesteps used", "return")
    layout["showlegend"] = True
    if budget_steps:
        layout["xaxis"]["range"] = [0, 1.02 * max(budget_steps, *timesteps[-1:])]
    layout["shapes"] = _lines(record.result.locked_in_at, lock_in_score, recommended)
    return {"data": [trace for trace in data if trace["x"]], "layout": layout}


def runs_of_level(records: Mapping[int, tuple[str, LevelRecord]]) -> Figure:
    """Plot the score so far of several runs on one level.

    Args:
        records: number of a run in the comparison -> its label and its record of the level.
    """
    data = [
        traces.curve(record, label, colour_of(number), dash_of(number))
        for number, (label, record) in records.items()
    ]
    # Runs of one seed begin alike: the shorter curve is drawn over the longer one.
    for order, trace in enumerate(sorted(data, key=lambda trace: -trace["x"][-1])):
        trace["zorder"] = order
    layout = traces.layout(320, "timesteps used", "score so far")
    layout["xaxis"]["rangemode"] = "tozero"
    layout["showlegend"] = True
    return {"data": data, "layout": layout}


def share_axes(plots: Sequence[Figure]) -> None:
    """Give plots a common y-axis, and each plot an axis of its own for the page's switch.

    A plot's own axis contains 0, its values, and a horizontal line that is not far above them.
    """
    ranges = [_own_range(plot) for plot in plots]
    shared = [min(low for low, _ in ranges), max(high for _, high in ranges)] if ranges else []
    for plot, own in zip(plots, ranges, strict=True):
        plot["ranges"] = {"shared": shared, "own": own}


def before_and_after(levels: Sequence[LevelRecord]) -> Figure:
    """Plot the distribution of returns on each level, before and after the lock-in."""
    data = []
    any_locked = any(record.locked is not None and record.locked.any() for record in levels)
    for name, colour, wanted in (("before", "--dots", False), ("after", "--second", True)):
        rows = []
        for record in reversed(levels):  # plotly's first row is at the bottom
            locked = np.zeros(len(record.returns), bool) if record.locked is None else record.locked
            summary = quartiles(record.returns[locked == wanted])
            if summary:
                rows.append((record.state, summary))
        if rows:
            data.append(_boxes(rows, f"{name} the lock-in", colour))
    layout = traces.layout(130 + ROW_HEIGHT * len(levels), "episode return")
    layout["boxmode"] = "group"
    layout["xaxis"]["rangemode"] = "tozero"
    layout["showlegend"] = any_locked
    layout["yaxis"] |= {
        "categoryorder": "array",
        "categoryarray": [record.state for record in reversed(levels)],
    }
    return {"data": data, "layout": layout}


def time_parts(spent: TimeSpent) -> Figure:
    """Plot the milliseconds per step by component."""
    parts = [("whole step", spent.step), *spent.parts]
    parts.reverse()
    data = {
        "type": "bar",
        "orientation": "h",
        "y": [name for name, _ in parts],
        "x": [round(value, 3) for _, value in parts],
        "text": [f"{value:.2f} ms" for _, value in parts],
        "textposition": "outside",
        "cliponaxis": False,
        "marker": {"color": ["--accent" if n == "whole step" else "--dots" for n, _ in parts]},
        "hovertemplate": "%{y}: %{x:.2f} ms<extra></extra>",
    }
    layout = traces.layout(100 + ROW_HEIGHT * len(parts), "milliseconds per step")
    longest = max(value for _, value in parts)  # its label needs room beside its bar
    layout["xaxis"] |= {"range": [0, 1.35 * longest], "showgrid": False}
    layout["yaxis"]["showgrid"] = False
    return {"data": [data], "layout": layout}


def threshold_curve(
    thresholds: Sequence[float],
    scores: Sequence[float],
    low: Sequence[float],
    high: Sequence[float],
    default: float,
    recommended: tuple[str, float],
) -> Figure:
    """Plot the score against the lock-in threshold, with its interval and the default marked.

    Args:
        thresholds: thresholds in ascending order.
        scores: score of each threshold.
        low: lower end of each score's interval.
        high: upper end of each score's interval.
        default: the default threshold.
        recommended: name and score of the recommended rule.
    """
    x = [traces.rounded(value) for value in thresholds]
    edge: Figure = {"type": "scatter", "mode": "lines", "x": x, "hoverinfo": "skip"}
    edge |= {"line": {"width": 0, "color": "--accent"}}
    band = {"name": "95% interval", "fill": "tonexty", "fillcolor": "--band"}
    curve = {
        **{"type": "scatter", "mode": "lines+markers", "name": "first above the threshold"},
        **{"x": x, "y": [traces.rounded(value) for value in scores]},
        "line": {"color": "--accent", "width": 3},
        "hovertemplate": "first above %{x:,}: %{y:,.1f}<extra></extra>",
    }
    data = [
        {**edge, "y": [traces.rounded(value) for value in low], "showlegend": False},
        {**edge, "y": [traces.rounded(value) for value in high], **band},
        _recommended_line((x[0], x[-1]), *recommended),
        curve,
    ]
    return {"data": data, "layout": _threshold_layout(default)}


def _recommended_line(ends: tuple[float, float], rule: str, score: float) -> Figure:
    return {
        **{"type": "scatter", "mode": "lines", "name": f"recommended: {rule}, {score:,.0f}"},
        **{"x": list(ends), "y": [traces.rounded(score)] * 2, "hoverinfo": "skip"},
        "line": {"color": "--third", "width": 2, "dash": "dot"},
    }


def _threshold_layout(default: float) -> Figure:
    layout = traces.layout(380, "threshold", "score")
    layout["showlegend"] = True
    layout["shapes"] = [
        traces.line("x", default, f"default threshold {default:,.0f}", "--second", "dash")
    ]
    return layout


def _score(row: ScoreRow) -> Figure:
    """A mark with an error bar."""
    low, high = row.interval or (row.mean, row.mean)
    return {
        "type": "scatter",
        "mode": "markers",
        "name": row.label,
        "x": [traces.rounded(row.mean)],
        "y": [row.name],
        "error_x": {
            "type": "data",
            "symmetric": False,
            "array": [traces.rounded(high - row.mean)],
            "arrayminus": [traces.rounded(row.mean - low)],
            "color": row.colour,
            "thickness": 2,
        },
        "marker": {"size": 13, "color": row.colour, "symbol": row.symbol},
        "hovertemplate": "%{y}: %{x:,.1f}<extra></extra>",
    }


def _lines(
    locked_in_at: int | None, threshold: float | None, recommended: float | None
) -> list[Figure]:
    """Lines for the lock-in, the threshold and the recommended threshold."""
    lines = []
    if locked_in_at is not None:
        name = f"lock-in at {locked_in_at:,}"
        lines.append(traces.line("x", locked_in_at, name, "--second", "solid"))
    same = recommended == threshold
    if threshold is not None:
        name = f"lock-in threshold {threshold:,.0f}" + (", also recommended" if same else "")
        lines.append(traces.line("y", threshold, name, "--ink", "dash"))
    if recommended is not None and not same:
        name = f"recommended threshold {recommended:,.0f}"
        lines.append(traces.line("y", recommended, name, "--third", "dot"))
    return lines


def _own_range(plot: Figure) -> list[float]:
    values = [value for trace in plot["data"] for value in trace["y"]]
    top = max([*values, 1.0])
    lines = [shape["y0"] for shape in plot["layout"].get("shapes", []) if "yref" not in shape]
    top = max([top, *(y for y in lines if y <= FAR_ABOVE * top)])
    bottom = min([*values, 0.0])
    margin = 0.05 * (top - bottom)
    return [round(bottom - margin, 2), round(top + margin, 2)]


def _boxes(rows: Sequence[tuple[str, Mapping[str, float]]], name: str, colour: str) -> Figure:
    """Box plots from quartiles, one row per level."""
    parts = {"lowerfence": "low", "q1": "first", "median": "median", "q3": "third"}
    parts["upperfence"] = "high"
    return {
        "type": "box",
        "orientation": "h",
        "name": name,
        "y": [state for state, _ in rows],
        **{
            part: [traces.rounded(summary[key]) for _, summary in rows]
            for part, key in parts.items()
        },
        "line": {"color": colour, "width": 2},
        "fillcolor": "--surface",
    }
