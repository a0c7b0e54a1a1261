"""The building blocks of the plots: traces, lines and the common layout."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from arena.pages.curves import curve_points, score_so_far
from arena.pages.report.records import LevelRecord

Figure = dict[str, Any]


def dots(
    timesteps: NDArray[np.int64],
    returns: NDArray[np.float64],
    numbers: NDArray[np.int64],
    chosen: NDArray[np.int64],
    name: str,
    colour: str,
) -> Figure:
    """Build dots of the chosen episodes; hovering shows the episode's number, from 1."""
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "x": timesteps[chosen].tolist(),
        "y": [rounded(value) for value in returns[chosen]],
        "customdata": (numbers[chosen] + 1).tolist(),
        "marker": {
            "color": colour,
            "size": 7,
            "opacity": 0.75,
            "symbol": "circle" if name == "episode" else "diamond",
        },
        "hovertemplate": "episode %{customdata}, return %{y:,.1f}<extra></extra>",
    }


def curve(record: LevelRecord, name: str, colour: str, dash: str = "solid") -> Figure:
    """Build the curve of a level's score so far."""
    points = curve_points(len(record.returns))
    scores = score_so_far(record.returns)
    return {
        "type": "scatter",
        "mode": "lines+markers" if len(points) < 3 else "lines",
        "name": name,
        "x": record.timesteps[points].tolist(),
        "y": [rounded(value) for value in scores[points]],
        "line": {"color": colour, "width": 3, "dash": dash},
        "hovertemplate": "after %{x:,} timesteps: %{y:,.1f}<extra></extra>",
    }


def line(axis: str, value: float, name: str, colour: str, dash: str) -> Figure:
    """Draw a line across the whole plot at one value of an axis; the legend shows its name."""
    other = "y" if axis == "x" else "x"
    return {
        "type": "line",
        "name": name,
        f"{axis}0": value,
        f"{axis}1": value,
        f"{other}0": 0,
        f"{other}1": 1,
        f"{other}ref": "paper",
        "line": {"color": colour, "width": 2, "dash": dash},
    }


def layout(height: int, x_title: str, y_title: str = "") -> Figure:
    """Build a layout of a height in pixels, with titles for the axes.

    The page's script writes the legend above the plot if `showlegend` is set: unlike plotly's, it
    never covers a line, and it has as many rows as a narrow screen needs.
    """
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


def rounded(value: float) -> float:
    """Round to two decimals, which keeps the page small."""
    return round(float(value), 2)
