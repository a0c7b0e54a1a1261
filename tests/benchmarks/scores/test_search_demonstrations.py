"""The comparison of the search with the planner: what it reads, measures and shows."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agent.errors import UserError
from arena.environment.levels import select
from benchmarks.scores import search_demonstrations
from benchmarks.scores.search_demonstrations import add_run, plan_level, table
from training import demonstrate

FIRST = "PangolinDash-Genesis:MeadowZone.Act1"
SECOND = "PangolinDash-Genesis:CanyonZone.Act1"


def entry(finished: bool, progress: float, core_seconds: float) -> dict[str, object]:
    return {
        "finished": finished,
        "episode_return": progress,
        "progress": progress,
        "play_steps": 450,
        "search_steps": 1000,
        "core_seconds": core_seconds,
    }


def test_the_table_shows_each_level_and_the_means() -> None:
    levels = {
        FIRST: {"position": entry(True, 9800.0, 20.4), "planner": entry(True, 9900.0, 5.0)},
        SECOND: {"position": entry(False, 4500.0, 100.0), "picture": entry(True, 9500.0, 300.0)},
    }
    lines = table({"levels": levels}).splitlines()
    assert lines[0].count("|") == 5 and "planner, which knows the route" in lines[0]
    assert lines[2:] == [
        f"| `{FIRST}` | end, 20 core-s, play of 30 s | not measured |"
        " end, 5 core-s, play of 30 s |",
        f"| `{SECOND}` | 50%, 100 core-s, play of 30 s | end, 300 core-s, play of 30 s |"
        " not measured |",
        "| all | 1 of 2 to the end, mean 60 core-s | 1 of 1 to the end, mean 300 core-s |"
        " 1 of 1 to the end, mean 5 core-s |",
    ]


def test_a_run_is_added_to_its_levels(tmp_path: Path) -> None:
    out = tmp_path / "run"
    demonstrate.main(["--out", str(out), "--levels", FIRST, "--steps", "60", "--workers", "1"])
    found: dict[str, dict[str, object]] = {FIRST: {"planner": {}}}
    assert add_run(found, out) == {FIRST: select(FIRST)[0]}
    assert found[FIRST].keys() == {"planner", "position"}
    stored = json.loads((out / "result.json").read_text())["levels"][0]
    position = found[FIRST]["position"]
    assert isinstance(position, dict)
    assert position["search_steps"] == stored["search_steps"] >= 60


@pytest.mark.slow
def test_the_planner_is_measured_on_the_same_scale() -> None:
    planned = plan_level(select(FIRST)[0])
    assert planned["finished"] and planned["progress"] == pytest.approx(9000, abs=100)
    assert 9000 < planned["episode_return"] < 10_000 and planned["core_seconds"] > 0
    assert 300 < planned["play_steps"] < 1500 < planned["search_steps"]


def test_a_run_must_be_named() -> None:
    with pytest.raises(UserError, match="--runs names no folder"):
        search_demonstrations.main([])
