"""The leaderboard over a folder of runs: its order, its page, its CSV file, its table."""

from __future__ import annotations

import csv
import io
import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

import local_eval
from agent.errors import UserError
from arena.environment.levels import level_sets
from arena.pages.leaderboard.command import csv_of, page_of, show
from arena.pages.leaderboard.entries import read_entries
from benchmarks.made_runs import PANGOLIN, MadeLevel, lucky_level, read_results_json, write_run
from tests.helpers.report_pages import text_of

MEADOW, GLACIER = f"{PANGOLIN}:MeadowZone.Act3", f"{PANGOLIN}:GlacierZone.Act3"


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Four runs of three kinds, a broken one, and folders that are no runs."""
    root = tmp_path / "runs"
    validation = [
        MadeLevel(level.name, [100.0, 9100.0 if level.name == MEADOW else 300.0])
        for level in level_sets()["pangolin-validation"]
    ]
    write_run(root / "low", [MadeLevel(MEADOW, [100.0, 150.0])])
    high = write_run(root / "high", [MadeLevel(MEADOW, [9300.0])], agent="=1+1")
    (high / "report.html").write_text("a report")
    write_run(root / "all", validation)
    failed = MadeLevel(GLACIER, [], status="failed")
    write_run(root / "failed", [replace(lucky_level(MEADOW, 3), scenario="scenario"), failed])
    write_run(root / "broken", [lucky_level(MEADOW, 3)])
    (root / "broken/results.json").write_text("{")
    (root / "training").mkdir()
    (root / "notes.txt").touch()
    return root


def test_runs_are_sorted_by_levels_and_budget_then_by_score(runs: Path) -> None:
    entries, (note,) = read_entries(runs)
    assert [entry.name for entry in entries] == ["all", "failed", "high", "low"]
    everything, failed, high, low = entries
    assert "broken/results.json can't be read" in note
    assert everything.levels == "pangolin-validation" and everything.finished == 1
    assert failed.levels == f"2 levels of {PANGOLIN}: GlacierZone.Act3, MeadowZone.Act3"
    assert (failed.status, failed.levels_scored, failed.levels_total) == ("1 failed", 1, 2)
    assert (high.levels, high.score, high.finished, high.interval) == (MEADOW, 9300.0, 1, None)
    assert low.score == 125.0 and low.finished == 0
    write_run(runs / "none", [MadeLevel(MEADOW, [])])
    assert next(one.status for one in read_entries(runs)[0] if one.name == "none") == "no episode"
    mean = read_results_json(runs / "all")["mean"]
    assert everything.score == mean["score"] and list(everything.interval or ()) == mean["interval"]


def test_the_csv_has_unrounded_numbers_and_no_formulas(runs: Path) -> None:
    entries, _ = read_entries(runs)
    rows = list(csv.DictReader(io.StringIO(csv_of(entries))))
    assert [row["run"] for row in rows] == [entry.name for entry in entries]
    assert float(rows[0]["score"]) == entries[0].score
    assert rows[2]["agent"] == "'=1+1" and rows[2]["interval_low"] == ""
    assert rows[1]["status"] == "1 failed" and rows[0]["levels_finished"] == "1"


def test_text_from_runs_stays_text(tmp_path: Path) -> None:
    nasty = "<script>alert(1)</script>\x1b[31m\x00"
    write_run(tmp_path / "<b>\x1b[31mrun\udcff", [lucky_level(MEADOW, 3)])
    results = tmp_path / "<b>\x1b[31mrun\udcff" / "results.json"
    results.write_text(json.dumps({**json.loads(results.read_text()), "agent": nasty}))
    entries, _ = read_entries(tmp_path)
    page = page_of(entries, [nasty], tmp_path).decode()
    assert "<script>alert" not in page and "<b>" not in page
    output = io.StringIO()
    show(Console(file=output, width=80), entries)
    for text in (page, output.getvalue()):
        assert "\x1b" not in text and "\x00" not in text and r"\x1b[31m" in text
    assert csv_of(entries).encode(errors="backslashreplace")


def test_the_command_writes_a_page_with_links_and_prints_80_columns(
    runs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["local_eval.py", "leaderboard", str(runs)])
    monkeypatch.setenv("COLUMNS", "80")
    assert local_eval.main() == 0
    page = (runs / "leaderboard.html").read_text()
    assert 'href="high/report.html"' in page and 'href="low/' not in page
    assert 'href="leaderboard.csv"' in page and (runs / "leaderboard.csv").exists()
    assert "4 runs" in text_of(page) and "1 of 11" in text_of(page)
    assert len(page) < 100_000  # without plotly
    printed = capsys.readouterr().out
    table = [line for line in printed.splitlines() if str(runs) not in line]
    assert max(map(len, table)) <= 80
    assert "pangolin-validation, 5,000 timesteps per level" in printed and "9,300.0" in printed


def test_a_folder_without_runs_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder, problem in (("none", "there is no folder"), ("", "contains no run folder")):
        arguments = ["local_eval.py", "leaderboard", str(tmp_path / folder)]
        monkeypatch.setattr(sys, "argv", arguments)
        with pytest.raises(UserError, match=problem):
            local_eval.main()
    assert list(tmp_path.iterdir()) == []
