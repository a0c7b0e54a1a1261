"""The calibration continues, never mixes measurements, and reports missed targets."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from agent.errors import UserError
from arena.environment.levels import Level
from benchmarks.scores import calibration
from benchmarks.scores.calibration_scores import (
    CalibrationScores,
    CalibrationSettings,
    LevelReturns,
)
from benchmarks.scores.calibration_tables import by_level, findings, summary, table
from benchmarks.store import StoreError

ROOT = Path(calibration.__file__).parents[2]
SETTINGS = CalibrationSettings(5, 1000, 1, {"G": "abc"})
LEVELS = ["G:ZoneA", "G:ZoneB"]


def results(**agents: list[list[float]]) -> CalibrationScores:
    """Return scores with these returns: name (with _ for a space) -> level -> episodes."""
    made = CalibrationScores(SETTINGS, LEVELS)
    for name, rows in agents.items():
        for level, returns in zip(LEVELS, rows, strict=False):
            made.add(name.replace("_", " "), level, LevelReturns(returns, 10))
    return made


def words(text: str) -> list[list[str]]:
    return [line.replace("|", " ").split() for line in text.splitlines()]


def test_results_survive_being_written(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    made = results(JERK=[[1000.123, 5.0], []], hold_RIGHT=[[7.0]])
    made.save(path)
    read = CalibrationScores.open(path, SETTINGS, LEVELS)
    assert read.scores == made.scores
    assert read.get("JERK", "G:ZoneA") == LevelReturns([1000.12, 5.0], 10)
    assert read.get("hold RIGHT", "G:ZoneB") is None
    assert read.agents == ["hold RIGHT", "JERK"] and read.levels == LEVELS


def test_the_file_names_levels_in_their_order_whichever_was_finished_first(tmp_path: Path) -> None:
    made = CalibrationScores(SETTINGS, LEVELS)
    made.add("JERK", "G:ZoneB", LevelReturns([1.0], 1))
    made.add("JERK", "G:ZoneA", LevelReturns([2.0], 1))
    made.save(tmp_path / "results.json")
    content = json.loads((tmp_path / "results.json").read_text())
    assert content["levels"] == [row["level"] for row in content["rows"]] == LEVELS


@pytest.mark.parametrize(
    ("other", "name"),
    [
        (replace(SETTINGS, jerk_steps=7), "jerk_steps: 1000 -> 7"),
        (replace(SETTINGS, roms={"G": "another"}), "roms"),
    ],
)
def test_another_measurement_is_not_mixed_in(
    tmp_path: Path, other: CalibrationSettings, name: str
) -> None:
    path = tmp_path / "results.json"
    results(JERK=[[1.0]]).save(path)
    with pytest.raises(StoreError, match=name):
        CalibrationScores.open(path, other, LEVELS)


@pytest.mark.parametrize("content", ["", "[]", '{"format": 1}', '{"version": 3}'])
def test_a_damaged_file_is_named(tmp_path: Path, content: str) -> None:
    path = tmp_path / "results.json"
    path.write_text(content)
    with pytest.raises(StoreError, match=r"results\.json is not a file of calibration"):
        CalibrationScores.open(path, SETTINGS, LEVELS)


def test_the_table_has_a_row_for_each_level_and_the_means() -> None:
    made = results(JERK=[[1000.0], [1500.0, 2500.0]], planner=[[9500.0]])
    assert words(table(made)) == [
        ["JERK", "planner"],
        ["ZoneA", "1,000", "9,500"],
        ["ZoneB", "2,000", "-"],
        ["mean", "1,500", "-"],
    ]
    assert words(by_level(made))[2:] == [["ZoneA", "1,000", "9,500"], ["ZoneB", "2,000", "-"]]
    assert words(summary(made))[2:] == [
        ["JERK", "1,500", "1,000", "2,000", "1,500", "to", "4,000"],
        ["planner", "-", "9,500", "9,500", "9,000", "to", "10,000"],
    ]


def test_missed_targets_are_reported() -> None:
    good = findings(results(hold_RIGHT=[[600.0], [900.0]], planner=[[9700.0], [9800.0]]))
    assert not any("MISSED" in line for line in good) and len(good) == 4
    bad = findings(
        results(
            hold_RIGHT=[[9100.0], [0.0]],
            random_buttons=[[0.0], [199.0, 10.0]],
            JERK=[[100.0], [200.0]],
            planner=[[9700.0], [8000.0]],
        )
    )
    missed = [line for line in bad if "MISSED" in line]
    assert [line for line in missed if "finishes ZoneA" in line]
    assert [line for line in missed if "leaves the first screen of ZoneB" in line]
    assert [line for line in missed if line.startswith("JERK: mean 150")]
    assert [line for line in missed if "movie does not finish ZoneB" in line]


def test_wrong_numbers_and_missing_movies_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="--episodes is 0"):
        calibration.main(["--episodes", "0"])
    with pytest.raises(UserError, match="--agents has the unknown name 'JERKS': choose from"):
        calibration.main(["--agents", "JERKS"])
    task = calibration.CalibrationTask(
        "planner", Level("G", "ZoneA"), calibration.Options(movies=tmp_path)
    )
    with pytest.raises(UserError, match="no movie of G:ZoneA"):
        calibration.measure(task)


def command(out: Path, agents: str, levels: str) -> list[str]:
    names = ",".join(f"PangolinDash-Genesis:{level}" for level in levels.split(","))
    text = [
        sys.executable,
        "-m",
        "benchmarks.scores.calibration",
        "--out",
        str(out),
        "--workers",
        "1",
    ]
    return [*text, "--levels", names, "--agents", agents, "--jerk-steps", "600"]


@pytest.mark.slow
def test_a_measurement_that_is_interrupted_continues(tmp_path: Path) -> None:
    out = tmp_path / "results.json"
    arguments = command(out, "JERK,planner", "MeadowZone.Act3,CanyonZone.Act3")
    first = subprocess.Popen(arguments, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    give_up = time.monotonic() + 200
    while not out.exists() and first.poll() is None and time.monotonic() < give_up:
        time.sleep(0.05)
    os.kill(first.pid, signal.SIGINT)
    first.communicate(timeout=60)
    before = CalibrationScores.load(out)
    kept = before.get("JERK", "PangolinDash-Genesis:MeadowZone.Act3")
    assert kept is not None and kept.steps == 600

    again = subprocess.run(
        arguments, cwd=ROOT, capture_output=True, text=True, timeout=280, check=True
    )
    assert "of 4 are already measured" in again.stderr and "0 of 4" not in again.stderr
    after = CalibrationScores.load(out)
    assert after.get("JERK", "PangolinDash-Genesis:MeadowZone.Act3") == kept
    assert sum(len(rows) for rows in after.scores.values()) == 4
    movies = after.scores["planner"].values()
    assert all(result.best > 9000 for result in movies)
    assert "planner: mean 98" in again.stdout
