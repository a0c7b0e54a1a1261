"""The report's page as text: its numbers, and what it says of runs that are not whole."""

from __future__ import annotations

import html
import json
import re
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from agent.errors import UserError
from arena.evaluation.results import LevelError
from arena.pages import figures
from arena.pages.curves import chosen_points, curve_points, quartiles, score_so_far
from arena.pages.page import json_for_script, percent, signed
from arena.pages.report import advice, writing
from arena.pages.report.comparison import compare
from arena.pages.report.endings import LevelMap, endings
from arena.pages.report.records import ReportError, read_record
from arena.pages.report.references import read_references
from arena.pages.report.time_spent import time_spent
from benchmarks.made_runs import PANGOLIN, MadeLevel, lucky_level, read_results_json, write_run

MEADOW, GLACIER = f"{PANGOLIN}:MeadowZone.Act3", f"{PANGOLIN}:GlacierZone.Act3"


@pytest.fixture(autouse=True)
def no_tuner(monkeypatch: pytest.MonkeyPatch) -> None:
    """It simulates for seconds; what the page takes from it has a test of its own."""
    monkeypatch.setattr(advice, "TUNER", "no.such.module")


def page_of(folder: Path) -> str:
    return writing.write_report(folder, videos=False).read_text()


def text_of(page: str) -> str:
    """What there is to read in a page."""
    body = re.sub(r"<(script|style)\b.*?</\1>", "", page, flags=re.DOTALL)
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", body)))


def figures_of(page: str) -> dict:  # type: ignore[type-arg]
    found = re.search(r'<script type="application/json" id="figures">(.*?)</script>', page)
    assert found
    return json.loads(found[1])


def test_the_numbers_are_those_of_results_json(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", [lucky_level(MEADOW, 9), lucky_level(GLACIER, 12, 2, 7)])
    page = page_of(run)
    results = read_results_json(run)
    found = re.search(r'data-result="mean" data-value="([^"]+)"', page)
    assert found and float(found[1]) == results["mean"]["score"]
    for level in results["levels"]:
        row = re.search(rf'<tr data-level="{level["level"]}">(.*?)</tr>', page, re.DOTALL)
        assert row
        values = re.findall(r'<td class="number" data-value="([^"]*)"', row[1])
        told = [level[key] for key in ("score", "best_return", "episodes", "locked_in_at")]
        assert [values[0], values[2], values[3], values[4]] == [
            "" if value is None else str(value) for value in told
        ]
    low, high = results["mean"]["interval"]
    assert f"95% interval {low:,.1f} to {high:,.1f}" in text_of(page)


def test_a_level_that_is_remembered_shows_how_far_that_led(tmp_path: Path) -> None:
    returned_to = [0.0, 150.0, 300.0, 450.0]
    level = replace(lucky_level(GLACIER, 4), returned_to=returned_to)
    run = write_run(tmp_path / "run", [level, lucky_level(MEADOW, 4)])
    page = page_of(run)
    _, led, episodes = figures_of(page)["level-0"]["data"]
    assert (led["name"], led["y"], led["x"]) == ("led by memory", returned_to, episodes["x"])
    assert len(figures_of(page)["level-1"]["data"]) == 2
    assert text_of(page).count("The memory of the level led an episode to 225.0 on average") == 1
    assert "It also remembers the level" in text_of(page)
    other = write_run(tmp_path / "other", [lucky_level(GLACIER, 4)])
    assert "remembers the level" not in text_of(page_of(other))
    journal = run / "levels" / GLACIER.replace(":", ".") / "out/journal.jsonl"
    journal.write_text("".join(journal.read_text().splitlines(keepends=True)[:-1]))
    page = page_of(run)  # the last episode's line is still to be written
    assert figures_of(page)["level-0"]["data"][1]["y"] == returned_to[:-1]
    assert "led an episode to 150.0 on average" in text_of(page)


def test_the_plot_of_a_level_has_its_episodes_its_score_and_its_lock_in(tmp_path: Path) -> None:
    level = lucky_level(GLACIER, 12, locked_from=7)
    plot = figures_of(page_of(write_run(tmp_path / "run", [level])))["level-0"]
    curve, before, after = plot["data"]
    assert before["y"] + after["y"] == pytest.approx(level.returns, abs=0.01)
    assert len(after["y"]) == 5
    assert curve["y"][-1] == pytest.approx(np.mean(level.returns), abs=0.01)
    assert curve["x"] == [101 * (number + 1) for number in range(12)]
    lock_in, threshold = plot["layout"]["shapes"]
    assert (lock_in["x0"], lock_in["x1"]) == (707, 707)
    assert threshold["y0"] == 2000


def test_what_comes_from_files_can_not_become_code(tmp_path: Path) -> None:
    nasty = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"
    error = LevelError(f"it said {nasty}", f"Traceback\n{nasty}")
    levels = [
        replace(lucky_level(f"Game:{nasty}".replace("/", "_"), 3), status="failed", error=error),
        lucky_level(GLACIER, 3),
    ]
    page = page_of(write_run(tmp_path / "run", levels, agent=nasty.replace("/", "_")))
    assert "<script>alert" not in page
    assert "<img src=x" not in page
    assert f"it said {nasty}" in text_of(page)
    library = r'<script type="text/plain" id="plotly">.*?</script>'
    without_library = re.sub(library, "", page, flags=re.DOTALL)
    assert without_library != page
    assert len(re.findall(r"<script\b", without_library)) == 2
    assert json.loads(json_for_script({"a": nasty})) == {"a": nasty}
    assert "<" not in json_for_script([nasty])


def test_the_page_names_nothing_outside_itself(tmp_path: Path) -> None:
    page = page_of(write_run(tmp_path / "run", [lucky_level(MEADOW, 4)]))
    assert "default-src &#39;none&#39;" in page or "default-src 'none'" in page
    without_scripts = re.sub(r"<script\b.*?</script>", "", page, flags=re.DOTALL)
    assert not re.findall(r"""(?:src|href)=["'](?!#|data:)[^"']*""", without_scripts)
    assert "url(" not in without_scripts


@pytest.mark.parametrize(
    ("break_it", "said"),
    [
        (lambda run: (run / "results.json").unlink(), "worked out from the episodes' files"),
        (
            lambda run: (run / "results.json").write_text(
                json.dumps({**read_results_json(run), "version": 0})
            ),
            "version 0",
        ),
        (lambda run: (run / "run.json").unlink(), "The settings of the run are not known"),
        (lambda run: (run / "run.json").write_text("[]"), "The settings of the run are not known"),
        (lambda run: (run / "results.json").write_text('{"format":'), "can't be read"),
        (
            lambda run: (run / "results.json").write_text(
                (run / "results.json")
                .read_text()
                .replace('"best_return": ', '"best_return": NaN, "was": ', 1)
            ),
            "a number is nan",
        ),
        (
            lambda run: (run / "results.json").write_text(
                (run / "results.json").read_text().replace('"folder": ', '"folder": 7, "was": ')
            ),
            "a folder is 7",
        ),
    ],
)
def test_a_broken_file_is_a_sentence_in_the_page(tmp_path: Path, break_it, said: str) -> None:  # type: ignore[no-untyped-def]
    run = write_run(tmp_path / "run", [lucky_level(MEADOW, 5), lucky_level(GLACIER, 5, 2)])
    mean = read_results_json(run)["mean"]["score"]
    break_it(run)
    page = page_of(run)
    assert said in text_of(page)
    assert f"{mean:,.1f}" in text_of(page)


def test_a_torn_journal_and_returns_that_are_no_numbers(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", [lucky_level(GLACIER, 6, locked_from=3)])
    place = run / "levels" / GLACIER.replace(":", ".")
    journal = place / "out" / "journal.jsonl"
    journal.write_text(journal.read_text()[:-30])
    monitor = place / "monitor.csv"
    rows = monitor.read_text().splitlines()
    monitor.write_text("\r\n".join([*rows[:2], "nan,100,1.0", *rows[3:], "17,"]))
    text = text_of(page_of(run))
    assert "1 of 6 lines of the journal are broken" in text
    assert "1 of 6 returns are no numbers and are left out" in text
    assert "Locked in after 303 timesteps" in text


def test_a_run_under_way_says_so_and_shows_what_there_is(tmp_path: Path) -> None:
    waiting = MadeLevel(GLACIER, [], status="pending")
    playing = replace(lucky_level(MEADOW, 4), status="pending")
    page = page_of(write_run(tmp_path / "run", [playing, waiting]))
    text = text_of(page)
    assert "The run is not finished" in text
    assert "There is no score yet" in text
    assert f"so far a mean of {np.mean(playing.returns):,.1f}" in text
    assert set(figures_of(page)) >= {"level-0", "before-after"}


def test_a_rule_without_a_threshold_has_none_in_the_page(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", [lucky_level(MEADOW, 4)])
    content = json.loads((run / "run.json").read_text())

    def text_with(**settings: object) -> str:
        agent = {**content["settings"]["agent"], **settings}
        changed = {**content, "settings": {**content["settings"], "agent": agent}}
        (run / "run.json").write_text(json.dumps(changed))
        return text_of(page_of(run))

    assert "none had more than 2,000" in text_with()
    assert "none had more than" not in text_with(lock_in_rule="best-of")
    recorded = text_with(repeats=3)
    assert "none had more than" not in recorded and "played 3 episodes with each" in recorded


def test_an_empty_run_is_a_page_too(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", [])
    assert "There is no score yet" in text_of(page_of(run))


def test_one_episode_has_no_interval_and_no_trouble(tmp_path: Path) -> None:
    text = text_of(page_of(write_run(tmp_path / "run", [MadeLevel(MEADOW, [123.5])])))
    assert "123.5" in text
    assert "95% interval" not in text.partition("Scores by level")[0]


def test_a_failed_level_tells_why_and_what_it_said(tmp_path: Path) -> None:
    error = LevelError("the agent left with exit code 1", "ValueError: <nothing> to play")
    failed = MadeLevel(GLACIER, [], status="failed", error=error)
    text = text_of(page_of(write_run(tmp_path / "run", [lucky_level(MEADOW, 3), failed])))
    assert "1 level failed" in text
    assert "the agent left with exit code 1" in text
    assert "ValueError: <nothing> to play" in text


def test_a_foreign_agent_has_no_journal_and_a_page_without_lock_in(tmp_path: Path) -> None:
    level = replace(lucky_level("Airstriker-Genesis-v0:Level1", 5), scenario="scenario")
    text = text_of(page_of(write_run(tmp_path / "run", [level], journal=False)))
    assert "keeps no journal" in text
    assert "does not measure its parts" in text
    assert "Where the episodes ended" not in text  # its rewards tell no place


def test_a_journal_of_other_episodes_is_left_aside(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", [lucky_level(GLACIER, 5, locked_from=2)])
    other = write_run(tmp_path / "other", [lucky_level(GLACIER, 5, seed=9, locked_from=3)])
    place = Path("levels", GLACIER.replace(":", "."), "out", "journal.jsonl")
    (run / place).write_bytes((other / place).read_bytes())
    record = read_record(run)
    assert record.levels[0].locked is None
    assert "tells of other episodes" in record.notes[0]


def test_what_is_no_run_folder_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match="there is no run folder"):
        writing.write_report(tmp_path / "none")
    with pytest.raises(ReportError, match="is no run folder"):
        writing.write_report(tmp_path)
    run = write_run(tmp_path / "run", [lucky_level(MEADOW, 2)])
    with pytest.raises(ReportError, match="can't write"):
        writing.write_report(run, tmp_path / "nowhere" / "page.html", videos=False)
    with pytest.raises(ReportError, match="named twice"):
        writing.write_comparison([run, tmp_path / "." / "run"])


def test_a_comparison_counts_the_levels_in_pairs(tmp_path: Path) -> None:
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


def test_runs_of_other_games_and_budgets_are_not_taken_for_comparable(tmp_path: Path) -> None:
    runs = [
        write_run(tmp_path / "a", [lucky_level(MEADOW, 5)]),
        write_run(tmp_path / "b", [lucky_level("Sonic:GreenHill", 5)], budget_steps=100_000),
    ]
    text = text_of(writing.write_comparison(runs, tmp_path / "page.html").read_text())
    assert "No level was scored by all of these runs" in text
    assert "The budgets differ (5,000 and 100,000 timesteps)" in text
    assert "no level shared" in text


def test_few_points_stand_for_many_and_keep_the_ends() -> None:
    values = np.random.default_rng(1).normal(size=30_000)
    chosen = chosen_points(values)
    assert len(chosen) <= 500
    assert {int(values.argmin()), int(values.argmax())} <= set(chosen.tolist())
    assert abs(np.median(values[chosen]) - np.median(values)) < 0.15
    points = curve_points(30_000)
    assert len(points) <= 300 and points[0] == 0 and points[-1] == 29_999
    assert len(points[points < 300]) > 50  # where a mean so far still moves
    assert curve_points(4).tolist() == chosen_points(values[:4]).tolist() == [0, 1, 2, 3]
    assert score_so_far(np.array([2.0, 4.0, 9.0])).tolist() == [2.0, 3.0, 5.0]
    summary = quartiles(np.arange(5.0))
    assert summary is not None
    assert [summary[key] for key in ("low", "first", "median", "third", "high")] == [0, 1, 2, 3, 4]


def test_a_return_is_a_place_on_the_map(tmp_path: Path) -> None:
    level = MadeLevel(MEADOW, [900.0, 4500.0, 9800.0, -5.0])
    record = read_record(write_run(tmp_path / "run", [level])).levels[0]
    strip = LevelMap(b"a picture", width=2000, start_x=100, end_x=1900)
    ends = endings(record, lambda _: strip)
    assert ends is not None
    assert ends.before == [5 + 9, 5 + 45, 95, 5]  # percent of the picture's width
    assert (ends.finished, ends.farthest, ends.start, ends.end) == (1, 1.0, 5.0, 95.0)
    plain = endings(record)
    assert plain is not None and plain.before == [10, 50, 100, 0] and plain.picture is None


def test_time_is_told_by_part(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", [lucky_level(MEADOW, 5)])
    spent = time_spent(read_record(run).levels)
    assert spent is not None
    assert spent.step == pytest.approx(4.0)
    assert spent.emulator == pytest.approx(2.4)
    parts = [spent.vision, spent.memory, spent.controller]
    assert parts == pytest.approx([1.0, 0.5, 0.1])
    assert spent.rest == pytest.approx(4.0 - 1.0 - 0.1 - 2.4)  # the memory hides in the emulator
    (run / "levels" / MEADOW.replace(":", ".") / "server.json").unlink()
    spent = time_spent(read_record(run).levels)
    assert spent is not None and spent.emulator is None and spent.rest is None


def test_references_of_every_form_are_read_and_others_passed_over(tmp_path: Path) -> None:
    files = {
        "calibration": {
            "agents": {"planner": {MEADOW: {"returns": [9000.0]}, GLACIER: {"returns": [9800.0]}}}
        },
        "players": {"returns": {"random": {GLACIER: [{"episode_return": 100.0}, 300.0]}}},
        "other": {"rows": [1, 2]},
        "list": [1],
    }
    for name, content in files.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
    (tmp_path / "torn.json").write_text("{")
    run = write_run(tmp_path / "run", [lucky_level(MEADOW, 3)], agent="mine")
    (tmp_path / "run.json").write_bytes((run / "results.json").read_bytes())
    found = read_references([MEADOW, GLACIER], tmp_path)
    assert [reference.name for reference in found] == ["random", "mine, 5,000 steps", "planner"]
    assert found[0].mean == 200.0 and found[0].scores == {GLACIER: 200.0}
    assert found[2].mean == 9400.0
    assert read_references(["Other:Level"], tmp_path) == []
    assert read_references([MEADOW], tmp_path / "none") == []


def test_the_projects_own_references_are_read() -> None:
    names = [reference.name for reference in read_references([MEADOW, GLACIER])]
    assert {"hold RIGHT", "planner"} <= set(names)


def test_the_tuners_advice_is_in_the_page_and_in_the_plots(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = write_run(tmp_path / "run", [lucky_level(MEADOW, 9)])
    assert "no advice: this version has no tuner" in text_of(page_of(run))
    tuner = ModuleType("made_up_tuner")
    tuner.advise = lambda folders: SimpleNamespace(  # type: ignore[attr-defined]
        sentences=("Lock in at <700>.", "That is clear."),
        recommended=SimpleNamespace(threshold=700.0),
    )
    monkeypatch.setitem(sys.modules, "made_up_tuner", tuner)
    monkeypatch.setattr(advice, "TUNER", "made_up_tuner")
    page = page_of(run)
    assert "The tuner's advice, when to lock in: Lock in at <700>. That is clear." in text_of(page)
    (line,) = figures_of(page)["level-0"]["layout"]["shapes"]
    assert line["y0"] == 700.0
    assert "grain of salt" not in text_of(page)
    record = json.loads((run / "run.json").read_text())
    record["settings"]["agent"] |= {"explore": True, "lock_in_score": 700.0}
    (run / "run.json").write_text(json.dumps(record))
    page = page_of(run)
    assert "With a grain of salt: the agent explored" in text_of(page)
    layout = figures_of(page)["level-0"]["layout"]
    (note,) = layout["annotations"]  # one line, one note: two would lie on each other
    assert len(layout["shapes"]) == 1 and note["text"] == "advised threshold 700"

    def refuse(folders: list[Path]) -> None:
        raise UserError("too few episodes")

    tuner.advise = refuse  # type: ignore[attr-defined]
    assert "no advice: too few episodes." in text_of(page_of(run))
    foreign = write_run(tmp_path / "foreign", [lucky_level(MEADOW, 9)], journal=False)
    assert "no journal to learn from" in text_of(page_of(foreign))


def test_numbers_for_people() -> None:
    assert percent(0.004) == "0.4%" and percent(0.0) == "0%" and percent(0.385) == "38%"
    assert signed(-1234.56) == "−1,234.6" and signed(None) == "–"


def test_a_plot_without_a_number_is_refused() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        json_for_script({"x": float("nan")})
    assert figures.agents([])["data"] == []
