"""Builds the plots as plotly.js expects them: data and layout, JSON values only.

A colour is the name of a custom property of the style sheet ("--accent"). The page's script
inserts its value, so that a plot follows the page's light or dark scheme.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from arena.evaluation.score import Interval
from arena.pages import traces
from arena.pages.curves import chosen_points, quartiles
from arena.pages.report.records import LevelRecord
from arena.pages.report.time_spent import TimeSpent
from arena.pages.traces import Figure

LINE_COLOURS = ("--accent", "--second", "--third", "--fourth", "--fifth", "--sixth")
ROW_HEIGHT = 46  # pixels per row of a plot with names on its left


def agents(rows: Sequence[tuple[str, float, Interval | None, bool]]) -> Figure:
    """Plot mean scores with their intervals; a row is (name, mean, interval, is this run)."""
    chosen = [[row for row in rows if row[3] == ours] for ours in (False, True)]
    data = [_scores(some, some[0][3]) for some in chosen if some]
    layout = traces.layout(90 + ROW_HEIGHT * len(rows), "score")
    layout["yaxis"] |= {"categoryorder": "array", "categoryarray": [row[0] for row in rows]}
    layout["xaxis"]["rangemode"] = "tozero"
    return {"data": data, "layout": layout}


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
    traces.add_legend(layout)
    layout["yaxis"]["rangemode"] = "tozero"
    if budget_steps:
        layout["xaxis"]["range"] = [0, 1.02 * max(budget_steps, *timesteps[-1:])]
    top = 1.3 * float(returns.max()) if len(returns) else 0.0
    marks = _marks(record.result.locked_in_at, lock_in_score, recommended, top)
    layout |= {"shapes": [shape for shape, _ in marks], "annotations": [note for _, note in marks]}
    return {"data": [trace for trace in data if trace["x"]], "layout": layout}


def runs_of_level(name: str, records: Sequence[tuple[str, LevelRecord]]) -> Figure:
    """Plot the score so far of several runs on one level."""
    colours = [LINE_COLOURS[number % len(LINE_COLOURS)] for number in range(len(records))]
    data = [
        traces.curve(record, run, colour)
        for (run, record), colour in zip(records, colours, strict=True)
        if len(record.returns)
    ]
    layout = traces.layout(320, "timesteps used", "score so far")
    layout["xaxis"]["rangemode"] = layout["yaxis"]["rangemode"] = "tozero"
    traces.add_legend(layout)
    return {"data": data, "layout": layout}


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
    if any_locked:
        traces.add_legend(layout)
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
    layout["xaxis"]["rangemode"] = "tozero"
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
    layout = traces.layout(420, "threshold", "score")
    traces.add_legend(layout)
    layout["margin"]["t"] = 100  # three rows of legend on a phone, and a note below them
    layout["shapes"] = [traces.line("x", default, "--second", "dash")]
    layout["annotations"] = [traces.note("x", default, f"default {default:,.0f}")]
    return layout


def _scores(rows: Sequence[tuple[str, float, Interval | None, bool]], ours: bool) -> Figure:
    """Marks with error bars."""
    colour = "--accent" if ours else "--muted"
    above = [pair[1] - mean if pair else 0 for _, mean, pair, _ in rows]
    below = [mean - pair[0] if pair else 0 for _, mean, pair, _ in rows]
    return {
        "type": "scatter",
        "mode": "markers",
        "x": [traces.rounded(mean) for _, mean, _, _ in rows],
        "y": [name for name, _, _, _ in rows],
        "error_x": {
            "type": "data",
            "symmetric": False,
            "array": [traces.rounded(value) for value in above],
            "arrayminus": [traces.rounded(value) for value in below],
            "color": colour,
            "thickness": 2,
        },
        "marker": {"size": 13, "color": colour, "symbol": "circle" if ours else "diamond"},
        "hovertemplate": "%{y}: %{x:,.1f}<extra></extra>",
    }


def _marks(
    locked_in_at: int | None, threshold: float | None, recommended: float | None, top: float
) -> list[tuple[Figure, Figure]]:
    """Lines with their notes: the lock-in, the threshold and the recommended one up to `top`."""
    marks = []
    if locked_in_at is not None:
        shape = traces.line("x", locked_in_at, "--second", "solid")
        marks.append((shape, traces.note("x", locked_in_at, "lock-in")))
    thresholds = [(threshold, "threshold"), (recommended, "recommended")]
    if recommended == threshold:
        thresholds = [(recommended, "recommended threshold")]
    for value, word in thresholds:
        if value is not None and 0 < value <= top:  # a line far above would flatten the plot
            shape = traces.line("y", value, "--muted", "dash")
            marks.append((shape, traces.note("y", value, f"{word} {value:,.0f}")))
    return marks


def _boxes(rows: Sequence[tuple[str, Mapping[str, float]]], name: str, colour: str) -> Figure:
    """Box plots from quartiles, one row a level."""
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
