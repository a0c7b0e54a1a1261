"""The computations behind the report: comparison, curves, episode ends, time, other agents."""

from __future__ import annotations

import io
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from arena.pages import figures
from arena.pages.curves import chosen_points, curve_points, quartiles, score_so_far
from arena.pages.page import breakable, count, json_for_script, number, options, percent, signed
from arena.pages.report import reference_scores, writing
from arena.pages.report.comparison import compare
from arena.pages.report.comparison_page import (
    compare_folders,
    differing_settings,
    write_comparison,
)
from arena.pages.report.comparison_table import show_comparison
from arena.pages.report.episode_ends import LevelMap, episode_ends
from arena.pages.report.record_reader import read_record
from arena.pages.report.reference_scores import read_reference_scores
from arena.pages.report.time_spent import time_spent
from benchmarks.made_runs import PANGOLIN, MadeLevel, lucky_level, read_results_json, write_run
from benchmarks.scores.contest_plays import ContestPlays, Play, PlayKey
from tests.helpers.report_pages import figures_of, text_of

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
    page = write_comparison(compare_folders([first, second])).read_text()
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
    text = text_of(write_comparison(compare_folders(runs), tmp_path / "page.html").read_text())
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


def scores_file(path: Path) -> Path:
    """Three agents' plays of two budgets, as the benchmark writes them."""
    plays = ContestPlays(
        players={"p1": {"agent": "JERK"}, "p2": {"model": "old"}, "p3": {"model": "new"}},
        current={"JERK": "p1", "ours": "p3"},
        roms={PANGOLIN: "abc"},
        levels=[MEADOW, GLACIER],
    )
    for budget, agent, level, seed, player, rom, returns in (
        (100_000, "JERK", MEADOW, 1, "p1", "abc", [100.0, 300.0]),
        (100_000, "JERK", MEADOW, 2, "p1", "abc", [400.0]),
        (100_000, "JERK", GLACIER, 1, "p1", "abc", [9400.0]),
        (100_000, "ours", MEADOW, 1, "p3", "abc", [5000.0]),
        (100_000, "ours", GLACIER, 1, "p2", "abc", [7000.0]),  # an earlier model
        (100_000, "ours", GLACIER, 2, "p3", "old", [7000.0]),  # an earlier game
        (20_000, "ours", MEADOW, 1, "p3", "abc", [700.0]),
    ):
        key = PlayKey(budget, agent, level, seed, player, rom)
        plays.plays[key] = Play(returns, [100] * len(returns), 1000, 1.0)
    plays.save(path)
    return path


def test_reference_scores_are_those_of_the_current_plays_at_the_nearest_budget(
    tmp_path: Path,
) -> None:
    file = scores_file(tmp_path / "contest_scores.json")
    (jerk, ours), problem = read_reference_scores([MEADOW, GLACIER], 1_000_000, file)
    assert problem is None and jerk.budget_steps == 100_000
    assert jerk.scores == {MEADOW: 300.0, GLACIER: 9400.0} and jerk.mean == 4850.0
    assert jerk.finished == 1 and jerk.interval is not None
    assert ours.scores == {MEADOW: 5000.0} and ours.finished == 0
    (less,), _ = read_reference_scores([MEADOW], 5_000, file)
    assert (less.name, less.budget_steps, less.mean) == ("ours", 20_000, 700.0)
    assert read_reference_scores(["Other:Level"], 5_000, file) == ([], None)
    assert read_reference_scores([MEADOW], 5_000, tmp_path / "none.json") == ([], None)


@pytest.mark.parametrize(
    "content", ["{", "[1]", '{"format": "world-models-contest/contest-scores", "version": 99}']
)
def test_reference_scores_that_can_not_be_read_are_named(tmp_path: Path, content: str) -> None:
    file = tmp_path / "contest_scores.json"
    file.write_text(content)
    found, problem = read_reference_scores([MEADOW], 5_000, file)
    assert found == [] and problem is not None and "contest_scores.json can't be read" in problem


def test_the_projects_own_reference_scores_are_read() -> None:
    content = json.loads(reference_scores.FILE.read_text())
    found, problem = read_reference_scores([MEADOW, GLACIER], 100_000)
    assert problem is None
    assert {reference.name for reference in found} == set(content["current"])


def test_one_episode_on_one_level_shows_no_interval(tmp_path: Path) -> None:
    one = write_run(tmp_path / "a", [MadeLevel(MEADOW, [100.0])])
    many = write_run(tmp_path / "b", [MadeLevel(MEADOW, [100.0, 300.0])])
    for runs in ([one, many], [many, one]):
        compared = compare_folders(runs).runs[1].difference
        assert compared is not None and compared.interval is None
        assert compared.verdict == "too few episodes"


def test_a_comparison_has_one_colour_by_run_and_only_the_settings_that_differ(
    tmp_path: Path,
) -> None:
    finished = MadeLevel(GLACIER, [500.0, 9300.0])
    runs = [
        write_run(tmp_path / "a", [lucky_level(MEADOW, 9), finished]),
        write_run(tmp_path / "b", [lucky_level(MEADOW, 5, 2), lucky_level(GLACIER, 5)]),
        write_run(tmp_path / "c", [lucky_level(GLACIER, 5, 3)], budget_steps=3_000),
    ]
    comparison = compare_folders(runs)
    assert [run.finished for run in comparison.runs] == [(1, 1), (0, 1), (0, 1)]  # shared levels
    page = write_comparison(comparison).read_text()
    plots = figures_of(page)
    marks = {trace["name"]: trace["marker"]["color"] for trace in plots["agents"]["data"]}
    assert len(set(marks.values())) == 3
    for plot in ("level-0", "level-1"):
        for trace in plots[plot]["data"]:
            assert trace["line"]["color"] == marks[trace["name"]]
    rows = re.findall(r"<tr data-run.*?color: var\((--\w+)\).*?</span>([^<]+)<", page, re.DOTALL)
    assert {name: colour for colour, name in rows} == marks
    assert dict(differing_settings(comparison)) == {"budget steps": ["5,000", "5,000", "3,000"]}
    assert "wall clock seconds" not in text_of(page)
    same = compare_folders([runs[0], runs[1]])
    assert "All settings are the same" in text_of(write_comparison(same).read_text())


def test_a_comparison_has_a_learning_curve_for_each_run(tmp_path: Path) -> None:
    both = [lucky_level(MEADOW, 9), lucky_level(GLACIER, 12)]
    first = write_run(tmp_path / "first", [*both, lucky_level(f"{PANGOLIN}:CanyonZone.Act3", 3)])
    second = write_run(tmp_path / "second", both[::-1])
    comparison = compare_folders([first, second])
    figure = figures_of(write_comparison(comparison).read_text())["learning"]
    lines = [trace for trace in figure["data"] if "fill" not in trace and "name" in trace]
    assert [line["name"] for line in lines] == ["A: first", "B: second"]
    # Only the two shared levels count, so both runs have the same curve.
    assert lines[0]["y"] == lines[1]["y"]
    assert lines[0]["y"][-1] == pytest.approx(comparison.runs[0].shared, abs=0.01)
    assert len(figure["data"]) == 2 + 4  # and two edges of each band


def test_a_comparison_is_printed_in_80_columns(tmp_path: Path) -> None:
    first = write_run(tmp_path / "a", [lucky_level(MEADOW, 20), MadeLevel(GLACIER, [9500.0])])
    second = write_run(tmp_path / "b", [lucky_level(MEADOW, 20, 2), MadeLevel(GLACIER, [600.0])])
    comparison = compare_folders([first, second])
    output = io.StringIO()
    show_comparison(Console(file=output, width=80), comparison)
    text = output.getvalue()
    assert max(map(len, text.splitlines())) <= 80
    difference = comparison.runs[1].difference
    assert difference is not None
    for shown in (signed(difference.value), "1 of 2", "0 of 2", "A: a", "B: b", "95% interval"):
        assert shown in text
    (meadow,) = [line for line in text.splitlines() if line.startswith("MeadowZone.Act3")]
    assert " to " in meadow
    (glacier,) = [line for line in text.splitlines() if line.startswith("GlacierZone.Act3")]
    assert "−8,900.0" in glacier and glacier.rstrip().endswith("–")


def test_a_comparison_says_what_each_level_without_a_score_did(tmp_path: Path) -> None:
    failed = MadeLevel(MEADOW, [], status="failed")
    runs = [
        write_run(tmp_path / "a", [lucky_level(MEADOW, 5), lucky_level(GLACIER, 5)]),
        write_run(tmp_path / "b", [failed, MadeLevel(GLACIER, [])], budget_steps=2_000),
        write_run(tmp_path / "c", [MadeLevel(MEADOW, [], status="pending")], budget_steps=300),
    ]
    comparison = compare_folders(runs)
    output = io.StringIO()
    show_comparison(Console(file=output, width=80), comparison)
    page = write_comparison(comparison).read_text()
    cells = re.findall(r'<td class="number" data-value="">([a-z ]+)</td>', page)
    assert cells == ["failed", "not finished", "no episode", "not played"]
    for text in (output.getvalue(), text_of(page)):
        assert all(cell in text for cell in cells)
        assert "5,000, 2,000 and 300 timesteps" in text


def test_a_shorter_curve_is_drawn_over_a_longer_one(tmp_path: Path) -> None:
    long = MadeLevel(MEADOW, [100.0, 200.0, 300.0, 400.0])
    short = replace(long, returns=long.returns[:2])
    runs = [write_run(tmp_path / name, [level]) for name, level in (("a", short), ("b", long))]
    above, below = figures_of(write_comparison(compare_folders(runs)).read_text())["level-0"][
        "data"
    ]
    assert above["name"] == "A: a" and above["zorder"] > below["zorder"]


def test_settings_are_formatted() -> None:
    values = {"lock_in_score": 2000.0, "share": 0.25, "steps": 5000, "command": ["sh", "-c", "a b"]}
    assert dict(writing.flat_settings(values)) == {
        **{"lock in score": "2,000", "share": "0.25", "steps": "5,000"},
        "command": "sh -c 'a b'",
    }
    assert options("<b> use --budget-steps 5") == (
        '&lt;b&gt; use <span class="option">--budget-steps</span> 5'
    )


def test_all_levels_share_a_y_axis_and_each_has_its_own(tmp_path: Path) -> None:
    levels = [MadeLevel(MEADOW, [200.0, 400.0]), MadeLevel(GLACIER, [-100.0, 9300.0])]
    page = writing.write_report(write_run(tmp_path / "run", levels), videos=False).read_text()
    low, high = (figures_of(page)[name]["ranges"] for name in ("level-0", "level-1"))
    assert low["shared"] == high["shared"] == high["own"]
    assert low["shared"][0] < -100 and low["shared"][1] > 9300
    assert low["own"][0] <= 0 and 400 < low["own"][1] < 500  # the threshold would flatten the plot
    assert 'id="own-axes"' in page
    one = write_run(tmp_path / "one", levels[:1])
    assert 'id="own-axes"' not in writing.write_report(one, videos=False).read_text()


def test_numbers_are_formatted() -> None:
    assert percent(0.004) == "0.4%" and percent(0.0) == "0%" and percent(0.385) == "38%"
    assert signed(-1234.56) == "−1,234.6" and signed(None) == "–"
    assert signed(-0.04) == signed(0.04) == "+0.0" and signed(0.06) == "+0.1"
    assert (number(-0.04), count(-0.4), number(-0.06)) == ("0.0", "0", "-0.1")


def test_a_long_name_may_be_broken_after_underscores() -> None:
    assert breakable("a_b<c_d") == "a_<wbr>b&lt;c_<wbr>d"


def test_a_plot_with_nan_is_refused() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        json_for_script({"x": float("nan")})
    assert figures.agents([])["data"] == []
