"""The speed benchmark: medians of ratios within a round, the games' sizes, and a small real run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agent.errors import UserError
from arena.environment.levels import select
from benchmarks.speed import game_speed
from benchmarks.speed.game_speed import Block, sizes, summary


def test_the_result_is_the_median_of_ratios_within_a_round() -> None:
    rounds = [
        {"other": Block(1.0, [0.004]), "ours": Block(0.5, [0.001, 0.002])},
        {"other": Block(9.0, [0.004]), "ours": Block(6.0, [0.003, 0.004])},  # a slow moment
        {"other": Block(1.0, [0.004]), "ours": Block(1.0, [0.005])},
    ]
    result = summary(rounds, 1000, "other")
    assert result["levels"]["other"]["ratio"] == 1.0
    assert result["levels"]["ours"] == {
        "steps_per_second": 1000.0,
        "ratio": 1.5,
        "reset_milliseconds": 3.0,
    }
    assert (result["median_ratio"], result["lowest_ratio"]) == (1.5, 1.5)
    assert result["reset_milliseconds"] == 3.0


def test_the_sizes_are_those_of_both_games_files() -> None:
    levels = select(game_speed.LEVELS)
    measured = sizes(levels)
    games = {level.integration / level.game for level in levels if level.integration}
    assert len(games) == 2 and len({level.state.partition("Zone")[0] for level in levels}) == 7
    states = [path for game in games for path in game.glob("*.state")]
    assert len(states) == 59
    assert measured["states"] == sum(path.stat().st_size for path in states)
    assert measured["together"] < game_speed.BYTES_AT_MOST


def test_a_tiny_run_measures_every_level(tmp_path: Path) -> None:
    out = tmp_path / "speed.json"
    arguments = ["--levels", "PangolinDash-Genesis:MeadowZone.Act1", "--rounds", "2"]
    assert game_speed.main([*arguments, "--steps", "40", "--resets", "2", "--out", str(out)]) == 0
    result = json.loads(out.read_text())
    rows = result["levels"]
    assert list(rows) == ["Airstriker-Genesis-v0:Level1", "PangolinDash-Genesis:MeadowZone.Act1"]
    assert all(row["steps_per_second"] > 0 < row["reset_milliseconds"] for row in rows.values())
    assert len(result["ratios_by_round"]) == 2


def test_a_comparison_with_itself_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="give another level"):
        game_speed.main(["--levels", "airstriker", "--out", str(tmp_path / "x.json")])
