"""Builds the plots of learning curves: the mean score so far over the levels of a run.

The plots of single levels are in `arena.pages.figures`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from arena.evaluation.learning_curve import Episodes, LearningCurve, learning_curve
from arena.pages import traces
from arena.pages.figures import colour_of, dash_of
from arena.pages.report.records import LevelRecord
from arena.pages.traces import Figure

BAND_OPACITY = "29"  # hexadecimal, 0.16


def curve_of(levels: Sequence[LevelRecord]) -> LearningCurve | None:
    """Compute the learning curve of a run; None if it has fewer than two levels with episodes.

    With a single level, the curve is that of the level's own plot.
    """
    played = [[Episodes(level.timesteps, level.returns)] for level in levels if len(level.returns)]
    return learning_curve(played) if len(played) > 1 else None


def of_runs(curves: Mapping[int, tuple[str, LearningCurve]]) -> Figure:
    """Plot the learning curves of runs with their intervals.

    Args:
        curves: number of a run in the comparison, from 0 -> its label and its curve.
    """
    layout = traces.layout(320, "timesteps used per level", "mean score so far")
    layout["xaxis"]["rangemode"] = layout["yaxis"]["rangemode"] = "tozero"
    layout["showlegend"] = True
    bands = [_band(number, curve) for number, (_, curve) in curves.items()]
    lines = [_line(number, label, curve) for number, (label, curve) in curves.items()]
    return {"data": [trace for band in bands for trace in band] + lines, "layout": layout}


def _line(number: int, label: str, curve: LearningCurve) -> Figure:
    return {
        **{"type": "scatter", "mode": "lines", "name": label},
        "x": curve.timesteps,
        "y": [traces.rounded(score) for score in curve.scores],
        "line": {"color": colour_of(number), "width": 3, "dash": dash_of(number)},
        "hovertemplate": "after %{x:,} timesteps: %{y:,.1f}<extra></extra>",
    }


def _band(number: int, curve: LearningCurve) -> list[Figure]:
    if curve.intervals is None:
        return []
    edge: Figure = {
        **{"type": "scatter", "mode": "lines", "x": curve.timesteps, "hoverinfo": "skip"},
        **{"line": {"width": 0, "color": colour_of(number)}, "showlegend": False},
    }
    low, high = zip(*curve.intervals, strict=True)
    fill = {"fill": "tonexty", "fillcolor": f"{colour_of(number)} {BAND_OPACITY}"}
    return [
        {**edge, "y": [traces.rounded(value) for value in low]},
        {**edge, "y": [traces.rounded(value) for value in high], **fill},
    ]
