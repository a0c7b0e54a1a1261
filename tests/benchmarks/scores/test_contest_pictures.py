"""The pictures of the contest's scores: small files, one for each zone, no bar cut off."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib import pyplot

from benchmarks.scores import contest_pictures
from benchmarks.scores.contest_measure import chosen_levels
from benchmarks.scores.contest_pictures import draw_all, draw_scores
from benchmarks.scores.contest_players import SHIPPED
from benchmarks.scores.contest_plays import ContestPlays
from benchmarks.scores.contest_summary import summarize
from benchmarks.scores.curve_pictures import curves_figure
from tests.helpers.contest_plays import JERK, LEVELS, add, opened


def test_pictures_are_small_and_each_zone_has_one(tmp_path: Path) -> None:
    results = opened()
    random = np.random.default_rng(1)
    add(results, SHIPPED, [[list(random.uniform(0, 9500, 300))]] * 2)
    add(results, JERK, [[[500.0]], [[]]], steps=2000)
    levels = chosen_levels(",".join(LEVELS))
    written = draw_all(tmp_path / "pictures", results, levels[:1])  # one has no map
    assert [path.name for path in written] == [
        "contest_scores.png",
        "ends_MeadowZone.png",
        "ends_CanyonZone.png",
    ]
    for path in written:
        assert path.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n" and path.stat().st_size < 150_000
    assert draw_all(tmp_path / "none", ContestPlays(), levels) == []


def test_the_bars_of_every_budget_are_completely_visible(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    results = opened()
    add(results, SHIPPED, [[[9000.0]]], steps=1000)
    add(results, JERK, [[[1000.0]]], steps=2000)  # the larger budget comes first
    drawn: list[Any] = []
    monkeypatch.setattr(contest_pictures, "write_png", lambda path, figure: drawn.append(figure))
    draw_scores(tmp_path / "scores.png", results)
    panels = drawn[0].axes
    assert [bar.get_width() for axes in panels for bar in axes.patches] == [1000.0, 9000.0]
    assert all(axes.get_xlim()[0] == 0 and axes.get_xlim()[1] > 9000 for axes in panels)
    pyplot.close(drawn[0])


def test_curves_have_a_panel_for_each_agent_that_played_all_levels() -> None:
    results = opened()
    add(results, JERK, [[[100.0, 300.0]], [[100.0, 100.0]]])
    add(results, SHIPPED, [[[1000.0, 2000.0]], [[1000.0, 1000.0]]])
    add(results, "ppo2", [[[9000.0, 9000.0]]])
    figure = curves_figure(summarize(results, 1000), 1000)
    (panel,) = (axes for axes in figure.axes if axes.get_visible())
    jerk, ours = panel.lines
    assert panel.get_title(loc="left") == JERK
    # An episode takes 100 steps and a reset.
    assert (jerk.get_xdata()[0], jerk.get_xdata()[-1]) == (101, 202)
    assert jerk.get_ydata()[-1] == (200 + 100) / 2 and ours.get_ydata()[-1] == (1500 + 1000) / 2
    pyplot.close(figure)
    add(results, JERK, [[[]], [[]]])
    add(results, SHIPPED, [[[1000.0, 2000.0]], [[]]])
    (panel,) = (axes for axes in curves_figure(summarize(results, 1000), 1000).axes)
    assert panel.get_title(loc="left") == SHIPPED and len(panel.lines) == 1
    pyplot.close("all")
