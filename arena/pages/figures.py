"""The plots, as plotly's script takes them: data and layout, JSON values only.

A colour is the name of a custom property of the style sheet ("--accent"); the page's script puts
the value in, light or dark, so that a plot changes with the page.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from arena.evaluation.score import Interval
from arena.pages.curves import chosen_points, curve_points, quartiles, score_so_far
from arena.pages.report.records import LevelRecord
from arena.pages.report.time_spent import TimeSpent

Figure = dict[str, Any]
LINE_COLOURS = ("--accent", "--second", "--third", "--fourth", "--fifth", "--sixth")
ROW_HEIGHT = 46  # pixels a row of a plot with names at its side


def agents(rows: Sequence[tuple[str, float, Interval | None, bool]]) -> Figure:
    """Mean scores with their intervals, one row an agent: (name, mean, interval, is this run)."""
    data = []
    for ours in (False, True):
        chosen = [row for row in rows if row[3] == ours]
        if not chosen:
            continue
        colour = "--accent" if ours else "--muted"
        data.append(
            {
                "type": "scatter",
                "mode": "markers",
                "x": [_round(mean) for _, mean, _, _ in chosen],
                "y": [name for name, _, _, _ in chosen],
                "error_x": {
                    "type": "data",
                    "symmetric": False,
                    "array": [_round(pair[1] - mean if pair else 0) for _, mean, pair, _ in chosen],
                    "arrayminus": [
                        _round(mean - pair[0] if pair else 0) for _, mean, pair, _ in chosen
                    ],
                    "color": colour,
                    "thickness": 2,
                },
                "marker": {"size": 13, "color": colour, "symbol": "circle" if ours else "diamond"},
                "hovertemplate": "%{y}: %{x:,.1f}<extra></extra>",
            }
        )
    layout = _layout(90 + ROW_HEIGHT * len(rows), "score")
    layout["yaxis"] |= {"categoryorder": "array", "categoryarray": [row[0] for row in rows]}
    layout["xaxis"]["rangemode"] = "tozero"
    return {"data": data, "layout": layout}


def level(
    record: LevelRecord, lock_in_score: float | None, advised: float | None, budget_steps: int = 0
) -> Figure:
    """A level's run: the score so far, each episode as a dot, the lock-in as a line.

    Where the agent remembered the level, a dash says how far that led an episode.
    """
    returns, timesteps = record.returns, record.timesteps
    dots = chosen_points(returns)
    locked = np.zeros(len(returns), bool) if record.locked is None else record.locked
    data = [
        _curve(record, "score so far", "--accent"),
        _dots(timesteps, returns, record.numbers, dots[~locked[dots]], "episode", "--dots"),
        _dots(timesteps, returns, record.numbers, dots[locked[dots]], "locked in", "--second"),
    ]
    if record.remembers:
        known = dots[np.isfinite(record.returned_to[dots])]
        ends = record.returned_to
        led = _dots(timesteps, ends, record.numbers, known, "led by memory", "--muted")
        led["marker"] |= {"symbol": "line-ew", "line": {"color": "--muted", "width": 2}}
        led["hovertemplate"] = "episode %{customdata}, led by memory to %{y:,.1f}<extra></extra>"
        data.insert(1, led)  # under the dots
    layout = _layout(320, "timesteps used", "return")
    _with_legend(layout)
    layout["yaxis"]["rangemode"] = "tozero"
    if budget_steps:
        layout["xaxis"]["range"] = [0, 1.02 * max(budget_steps, *timesteps[-1:])]
    shapes, notes = [], []
    if record.result.locked_in_at is not None:
        shapes.append(_line("x", record.result.locked_in_at, "--second", "solid"))
        notes.append(_note("x", record.result.locked_in_at, "locked in"))
    top = 1.3 * float(returns.max()) if len(returns) else 0.0
    marks = [(lock_in_score, "threshold"), (advised, "advised")]
    if advised == lock_in_score:
        marks = [(advised, "advised threshold")]
    for value, word in marks:
        if value is not None and 0 < value <= top:  # a line far above would flatten the plot
            shapes.append(_line("y", value, "--muted", "dash"))
            notes.append(_note("y", value, f"{word} {value:,.0f}"))
    layout |= {"shapes": shapes, "annotations": notes}
    return {"data": [trace for trace in data if trace["x"]], "layout": layout}


def runs_of_level(name: str, records: Sequence[tuple[str, LevelRecord]]) -> Figure:
    """The score so far of several runs on one level."""
    colours = [LINE_COLOURS[number % len(LINE_COLOURS)] for number in range(len(records))]
    data = [
        _curve(record, run, colour)
        for (run, record), colour in zip(records, colours, strict=True)
        if len(record.returns)
    ]
    layout = _layout(320, "timesteps used", "score so far")
    layout["xaxis"]["rangemode"] = layout["yaxis"]["rangemode"] = "tozero"
    _with_legend(layout)
    return {"data": data, "layout": layout}


def before_and_after(levels: Sequence[LevelRecord]) -> Figure:
    """How the returns of each level are distributed, before and after the lock-in."""
    data = []
    any_locked = any(record.locked is not None and record.locked.any() for record in levels)
    for name, colour, wanted in (("before", "--dots", False), ("after", "--second", True)):
        rows = []
        for record in reversed(levels):  # plotly's first row is at the bottom
            locked = np.zeros(len(record.returns), bool) if record.locked is None else record.locked
            summary = quartiles(record.returns[locked == wanted])
            if summary:
                rows.append((record.state, summary))
        if not rows:
            continue
        data.append(
            {
                "type": "box",
                "orientation": "h",
                "name": f"{name} the lock-in",
                "y": [state for state, _ in rows],
                "lowerfence": [_round(summary["low"]) for _, summary in rows],
                "q1": [_round(summary["first"]) for _, summary in rows],
                "median": [_round(summary["median"]) for _, summary in rows],
                "q3": [_round(summary["third"]) for _, summary in rows],
                "upperfence": [_round(summary["high"]) for _, summary in rows],
                "line": {"color": colour, "width": 2},
                "fillcolor": "--surface",
            }
        )
    layout = _layout(130 + ROW_HEIGHT * len(levels), "return of an episode")
    layout["boxmode"] = "group"
    layout["xaxis"]["rangemode"] = "tozero"
    if any_locked:
        _with_legend(layout)
    layout["yaxis"] |= {
        "categoryorder": "array",
        "categoryarray": [record.state for record in reversed(levels)],
    }
    return {"data": data, "layout": layout}


def time_parts(spent: TimeSpent) -> Figure:
    """Milliseconds of a step, by part."""
    parts = [("a whole step", spent.step), *spent.parts]
    parts.reverse()
    data = {
        "type": "bar",
        "orientation": "h",
        "y": [name for name, _ in parts],
        "x": [round(value, 3) for _, value in parts],
        "text": [f"{value:.2f} ms" for _, value in parts],
        "textposition": "outside",
        "cliponaxis": False,
        "marker": {"color": ["--accent" if n == "a whole step" else "--dots" for n, _ in parts]},
        "hovertemplate": "%{y}: %{x:.2f} ms<extra></extra>",
    }
    layout = _layout(100 + ROW_HEIGHT * len(parts), "milliseconds a step")
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
    """Score against lock-in threshold with its interval, the default's threshold marked.

    Args:
        thresholds: rising.
        scores: of each threshold.
        low: where each score's interval begins.
        high: where it ends.
        default: a threshold.
        recommended: a rule's name and its score.
    """
    x = [_round(value) for value in thresholds]
    edge: Figure = {"type": "scatter", "mode": "lines", "x": x, "hoverinfo": "skip"}
    edge |= {"line": {"width": 0, "color": "--accent"}}
    band = {"name": "95% interval", "fill": "tonexty", "fillcolor": "--band"}
    curve = {
        **{"type": "scatter", "mode": "lines+markers", "name": "first above the threshold"},
        **{"x": x, "y": [_round(value) for value in scores]},
        "line": {"color": "--accent", "width": 3},
        "hovertemplate": "first above %{x:,}: %{y:,.1f}<extra></extra>",
    }
    layout = _layout(420, "threshold", "score")
    _with_legend(layout)
    layout["margin"]["t"] = 100  # three rows of legend on a phone, and a note below them
    layout["shapes"] = [_line("x", default, "--second", "dash")]
    layout["annotations"] = [_note("x", default, f"default {default:,.0f}")]
    rule, score = recommended
    level = {
        **{"type": "scatter", "mode": "lines", "name": f"recommended: {rule}, {score:,.0f}"},
        **{"x": [x[0], x[-1]], "y": [_round(score)] * 2, "hoverinfo": "skip"},
        "line": {"color": "--third", "width": 2, "dash": "dot"},
    }
    data = [
        {**edge, "y": [_round(value) for value in low], "showlegend": False},
        {**edge, "y": [_round(value) for value in high], **band},
        level,
        curve,
    ]
    return {"data": data, "layout": layout}


def _dots(
    timesteps: NDArray[np.int64],
    returns: NDArray[np.float64],
    numbers: NDArray[np.int64],
    chosen: NDArray[np.int64],
    name: str,
    colour: str,
) -> Figure:
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "x": timesteps[chosen].tolist(),
        "y": [_round(value) for value in returns[chosen]],
        "customdata": (numbers[chosen] + 1).tolist(),
        "marker": {
            "color": colour,
            "size": 7,
            "opacity": 0.75,
            "symbol": "circle" if name == "episode" else "diamond",
        },
        "hovertemplate": "episode %{customdata}, return %{y:,.1f}<extra></extra>",
    }


def _curve(record: LevelRecord, name: str, colour: str) -> Figure:
    points = curve_points(len(record.returns))
    scores = score_so_far(record.returns)
    return {
        "type": "scatter",
        "mode": "lines+markers" if len(points) < 3 else "lines",
        "name": name,
        "x": record.timesteps[points].tolist(),
        "y": [_round(value) for value in scores[points]],
        "line": {"color": colour, "width": 3},
        "hovertemplate": "after %{x:,} timesteps: %{y:,.1f}<extra></extra>",
    }


def _line(axis: str, value: float, colour: str, dash: str) -> Figure:
    """A line across the whole plot at one value of an axis."""
    other = "y" if axis == "x" else "x"
    return {
        "type": "line",
        f"{axis}0": value,
        f"{axis}1": value,
        f"{other}0": 0,
        f"{other}1": 1,
        f"{other}ref": "paper",
        "line": {"color": colour, "width": 2, "dash": dash},
    }


def _note(axis: str, value: float, text: str) -> Figure:
    place = (
        {"x": value, "y": 1, "yref": "paper", "yanchor": "bottom", "xanchor": "center"}
        if axis == "x"
        else {"x": 0, "y": value, "xref": "paper", "yanchor": "bottom", "xanchor": "left"}
    )
    font = {"color": "--ink", "size": 12}
    return {**place, "text": text, "showarrow": False, "font": font, "bgcolor": "--surface"}


def _layout(height: int, x_title: str, y_title: str = "") -> Figure:
    axis = {
        "gridcolor": "--grid",
        "zerolinecolor": "--grid",
        "linecolor": "--grid",
        "automargin": True,
        "fixedrange": True,  # a finger that moves over a plot scrolls the page
        "tickformat": ",",  # 10,000, not 10k
    }
    return {
        "height": height,
        "margin": {"l": 8, "r": 20, "t": 12, "b": 8},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"color": "--ink", "family": "system-ui, sans-serif", "size": 13},
        "hoverlabel": {"font": {"family": "system-ui, sans-serif"}},
        "showlegend": False,
        "dragmode": False,
        "xaxis": {**axis, "title": {"text": x_title}},
        "yaxis": {**axis, **({"title": {"text": y_title}} if y_title else {})},
    }


def _with_legend(layout: Figure) -> None:
    layout["showlegend"] = True
    layout["margin"]["t"] = 52  # and room for a note under the legend
    layout["legend"] = {
        **{"orientation": "h", "x": 0, "xanchor": "left"},
        **{"y": 1, "yref": "container", "yanchor": "top"},
    }


def _round(value: float) -> float:
    return round(float(value), 2)
