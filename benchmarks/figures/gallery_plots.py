"""The gallery's plot: the score against the lock-in threshold, from the tuner's file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from numpy.typing import NDArray

from agent.errors import UserError

matplotlib.use("agg")  # no display

from matplotlib import pyplot  # noqa: E402

ORIGINAL_THRESHOLD = 2000.0  # threshold of the original 2018 agent
Curve = NDArray[np.float64]
INK, LINE, BAND, MARK = "#1d2321", "#0a7d6b", "#0a7d6b30", "#a8480c"


def draw_curve(path: Path, tuning: Path) -> dict[str, Any]:
    """Draw the tuner's curve with its interval, the original 2018 agent's threshold and the best.

    Args:
        path: the PNG file.
        tuning: file of `local_eval.py tune` with `curve_thresholds`, `curve_scores`, `curve_low`
            and `curve_high`, of equal length, in the order of the thresholds.

    Returns:
        The best threshold and its score.

    Raises:
        UserError: the file has no curve.
    """
    thresholds, scores, low, high, title = _read_curve(tuning)
    figure, axes = pyplot.subplots(figsize=(7, 3.6), dpi=150, layout="constrained")
    axes.fill_between(thresholds, low, high, color=BAND, linewidth=0, label="95% interval")
    axes.plot(thresholds, scores, color=LINE, marker="o", markersize=3)
    axes.axvline(
        ORIGINAL_THRESHOLD,
        color=MARK,
        linestyle="--",
        linewidth=1.2,
        label="original 2018 agent: 2,000",
    )
    index = int(np.argmax(scores))
    best = float(thresholds[index]), float(scores[index])
    _mark(axes, *best)
    axes.set_xlabel("threshold of the rule first-above")
    axes.set_ylabel("score on the held-out level")
    axes.set_title(title, fontsize=10, color=INK)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=9)
    figure.savefig(path)
    pyplot.close(figure)
    return {"best_threshold": best[0], "score": best[1]}


def _mark(axes: Any, threshold: float, score: float) -> None:
    """Mark a point of the curve, and write its values beside it."""
    axes.plot(threshold, score, "o", color=LINE, markersize=8)
    axes.annotate(
        f"{threshold:,.0f}: {score:,.0f}",
        (threshold, score),
        xytext=(6, 8),
        textcoords="offset points",
        color=INK,
    )


def _read_curve(tuning: Path) -> tuple[Curve, Curve, Curve, Curve, str]:
    try:
        values = json.loads(tuning.read_text(encoding="utf-8"))
        names = ("curve_thresholds", "curve_scores", "curve_low", "curve_high")
        thresholds, scores, low, high = (np.array(values[name], float) for name in names)
        levels, budget_steps = len(values["levels"]), int(values["budget_steps"])
        assert len(thresholds) == len(scores) == len(low) == len(high) > 1
    except (OSError, ValueError, KeyError, TypeError, AssertionError) as error:
        raise UserError(
            f"{tuning} has no curve of the tuner ({error!r:.80}): give the tune.json that"
            " local_eval.py tune writes"
        ) from None
    title = f"{levels} levels, budgets of {budget_steps:,} timesteps"
    return thresholds, scores, low, high, title
