"""The computations behind the report: comparison, curves, episode ends, time, other agents."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from arena.pages import figures
from arena.pages.curves import chosen_points, curve_points, quartiles, score_so_far
from arena.pages.page import json_for_script, percent, signed
from arena.pages.report import writing
from arena.pages.report.comparison import compare
from arena.pages.report.episode_ends import LevelMap, episode_ends
from arena.pages.report.record_reader import read_record
from arena.pages.report.reference_scores import CALIBRATION, read_reference_scores
from arena.pages.report.time_spent import time_spent
from benchmarks.made_runs import PANGOLIN, MadeLevel, lucky_level, read_results_json, write_run
from tests.helpers.report_pages import text_of

MEADOW, GLACIER = f"{PANGOLIN}:MeadowZone.Act3", f"{PANGOLIN}:GlacierZone.Act3"


def test_a_comparison_pairs_the_levels(tmp_path: Path) -> None:
    base = [lucky_level(MEADOW, 20, 1), lucky_level(GLACIER, 20, 2)]
    more = [replace(level, returns=[value + 100 for value in level.returns]) for level in base]
    first, second = write_run(tmp_path / "a", base), write_run(tmp_path / "b", more)
    compared = compare([read_record(first), read_record(second)])
    difference = compared.runs[1].difference
    assert difference is not None and difference.value == pytest.approx(100)
    assert difference.interval is not None
    assert difference.interval[0] < 100 < difference.interval[1]
    page = writing.write_comparison([first, second]).read_text()
    assert (first / "comparison.html").exists()
    assert "+100.0" in text_of(page)
    for run in (first, second):
        row = re.search(rf'<tr data-run="{run}">.*?</tr>', page, re.DOTALL)
        assert row and str(read_results_json(run)["mean"]["score"]) in row[0]


def test_comparing_other_games_or_budgets_gives_a_warning(tmp_path: Path) -> None:
    runs = [
        write_run(tmp_path / "a", [lucky_level(MEADOW, 5)]),
        write_run(tmp_path / "b", [lucky_level("Sonic:GreenHill", 5)], budget_steps=100_000),
    ]
    text = text_of(writing.write_comparison(runs, tmp_path / "page.html").read_text())
    assert "No level was scored by all of these runs" in text
    assert "The budgets differ (5,000 and 100,000 timesteps)" in text
    assert "no shared level" in text


def test_a_selection_of_points_keeps_the_extremes() -> None:
    values = np.random.default_rng(1).normal(size=30_000)
    chosen = chosen_points(values)
    assert len(chosen) <= 500
    assert {int(values.argmin()), int(values.argmax())} <= set(chosen.tolist())
    assert abs(np.median(values[chosen]) - np.median(values)) < 0.15
    points = curve_points(30_000)
    assert len(points) <= 300 and points[0] == 0 and points[-1] == 29_999
    assert len(points[points < 300]) > 50  # where the running mean still changes
    assert curve_points(4).tolist() == chosen_points(values[:4]).tolist() == [0, 1, 2, 3]
    assert score_so_far(np.array([2.0, 4.0, 9.0])).tolist() == [2.0, 3.0, 5.0]
    summary = quartiles(np.arange(5.0))
    assert summary is not None
    assert [summary[key] for key in ("low", "first", "median", "third", "high")] == [0, 1, 2, 3, 4]


def test_a_return_is_a_position_on_the_map(tmp_path: Path) -> None:
    level = MadeLevel(MEADOW, [900.0, 4500.0, 9800.0, -5.0])
    record = read_record(write_run(tmp_path / "run", [level])).levels[0]
    strip = LevelMap(b"a picture", width=2000, start_x=100, end_x=1900)
    ends = episode_ends(record, lambda _: strip)
    assert ends is not None
    assert ends.before == [5 + 9, 5 + 45, 95, 5]  # percent of the picture's width
    assert (ends.finished, ends.farthest, ends.start, ends.end) == (1, 1.0, 5.0, 95.0)
    plain = episode_ends(record)
    assert plain is not None and plain.before == [10, 50, 100, 0] and plain.picture is None


def test_time_is_split_by_component(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", [lucky_level(MEADOW, 5)])
    spent = time_spent(read_record(run).levels)
    assert spent is not None
    assert spent.step == pytest.approx(4.0)
    assert spent.emulator == pytest.approx(2.4)
    parts = [spent.vision, spent.memory, spent.controller]
    assert parts == pytest.approx([1.0, 0.5, 0.1])
    assert spent.rest == pytest.approx(4.0 - 1.0 - 0.1 - 2.4)  # M computes while the emulator runs
    (run / "levels" / MEADOW.replace(":", ".") / "server.json").unlink()
    spent = time_spent(read_record(run).levels)
    assert spent is not None and spent.emulator is None and spent.rest is None


def test_reference_scores_of_every_format_are_read_and_others_skipped(tmp_path: Path) -> None:
    rows = [
        {"agent": "planner", "level": MEADOW, "returns": [9000.0]},
        {"agent": "planner", "level": GLACIER, "returns": [9800.0]},
        {"agent": "random", "level": GLACIER, "returns": [100.0, 300.0]},
    ]
    files = {
        "calibration": {"format": CALIBRATION, "rows": rows},
        "other": {"format": "other", "rows": [1, 2]},
        "none": {"rows": [1, 2]},
        "list": [1],
    }
    for name, content in files.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
    (tmp_path / "torn.json").write_text("{")
    run = write_run(tmp_path / "run", [lucky_level(MEADOW, 3)], agent="mine")
    (tmp_path / "run.json").write_bytes((run / "results.json").read_bytes())
    found = read_reference_scores([MEADOW, GLACIER], tmp_path)
    assert [reference.name for reference in found] == ["random", "mine, 5,000 steps", "planner"]
    assert found[0].mean == 200.0 and found[0].scores == {GLACIER: 200.0}
    assert found[2].mean == 9400.0
    assert read_reference_scores(["Other:Level"], tmp_path) == []
    assert read_reference_scores([MEADOW], tmp_path / "none") == []


def test_the_projects_own_reference_scores_are_read() -> None:
    names = [reference.name for reference in read_reference_scores([MEADOW, GLACIER])]
    assert {"hold RIGHT", "planner"} <= set(names)


def test_numbers_are_formatted() -> None:
    assert percent(0.004) == "0.4%" and percent(0.0) == "0%" and percent(0.385) == "38%"
    assert signed(-1234.56) == "−1,234.6" and signed(None) == "–"


def test_a_plot_with_nan_is_refused() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        json_for_script({"x": float("nan")})
    assert figures.agents([])["data"] == []
