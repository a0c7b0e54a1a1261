"""The gallery's plot: the score against the lock-in's threshold, as the tuner found it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np

from agent.errors import UserError

matplotlib.use("agg")  # no display

from matplotlib import pyplot  # noqa: E402

SEED_THRESHOLD = 2000.0
INK, LINE, BAND, MARK = "#1d2321", "#0a7d6b", "#0a7d6b30", "#a8480c"


def draw_curve(path: Path, tuning: Path) -> dict[str, Any]:
    """Draw the tuner's curve with its interval, the seed's threshold and the best one.

    Args:
        path: of the PNG.
        tuning: what `local_eval.py tune` wrote: `curve_thresholds`, `curve_scores`, `curve_low`
            and `curve_high`, equally long, by rising threshold.

    Returns:
        The best threshold and its score.

    Raises:
        UserError: the file holds no curve.
    """
    try:
        values = json.loads(tuning.read_text(encoding="utf-8"))
        names = ("curve_thresholds", "curve_scores", "curve_low", "curve_high")
        thresholds, scores, low, high = (np.array(values[name], float) for name in names)
        levels, budget_steps = len(values["levels"]), int(values["budget_steps"])
        assert len(thresholds) == len(scores) == len(low) == len(high) > 1
    except (OSError, ValueError, KeyError, TypeError, AssertionError) as error:
        raise UserError(f"{tuning} holds no curve of the tuner ({error!r:.80})") from None
    figure, axes = pyplot.subplots(figsize=(7, 3.6), dpi=150, layout="constrained")
    axes.fill_between(thresholds, low, high, color=BAND, linewidth=0, label="95% interval")
    axes.plot(thresholds, scores, color=LINE, marker="o", markersize=3)
    axes.axvline(SEED_THRESHOLD, color=MARK, linestyle="--", linewidth=1.2, label="the seed's 2000")
    best = int(np.argmax(scores))
    axes.plot(thresholds[best], scores[best], "o", color=LINE, markersize=8)
    axes.annotate(
        f"{thresholds[best]:,.0f}: {scores[best]:,.0f}",
        (thresholds[best], scores[best]),
        xytext=(6, 8),
        textcoords="offset points",
        color=INK,
    )
    axes.set_xlabel("lock in the first candidate above")
    axes.set_ylabel("score on the level left out")
    steps = f"{budget_steps:,} timesteps"
    axes.set_title(f"{levels} levels, budgets of {steps}", fontsize=10, color=INK)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=9)
    figure.savefig(path)
    pyplot.close(figure)
    return {"best_threshold": float(thresholds[best]), "score": float(scores[best])}
