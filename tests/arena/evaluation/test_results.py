"""results.json is read as it was written, and missing numbers are null."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path

import pytest

from arena.evaluation import results
from arena.evaluation.results import (
    LevelFailure,
    LevelResult,
    RunResults,
    RunResultsError,
    read_results,
    write_results,
)

PLAYED = LevelResult(
    level="G:A",
    folder="levels/G.A",
    status="finished",
    ended_by="timestep-limit",
    score=2.0,
    interval=(1.0, 3.0),
    best_return=4.0,
    best_episode=1,
    episodes=3,
    timesteps=100,
    locked_in_at=40,
    seconds=0.5,
    steps_per_second=200.0,
    movies={"first": "levels/G.A/movies/first.bk2"},
)
FAILED = LevelResult("G:B", "levels/G.B", "failed", error=LevelFailure("it crashed", "Traceback"))
EMPTY = LevelResult("G:C", "levels/G.C", "finished", ended_by="timestep-limit")
PENDING = LevelResult("G:D", "levels/G.D")


def test_results_are_read_as_they_were_written(tmp_path: Path) -> None:
    written = RunResults("agent", 100, [PLAYED, FAILED, EMPTY, PENDING], interval=(1.0, 3.0))
    write_results(tmp_path, written)
    assert read_results(tmp_path) == written


def test_the_mean_has_its_number_of_levels(tmp_path: Path) -> None:
    write_results(tmp_path, RunResults("agent", 100, [PLAYED, FAILED, EMPTY]))
    content = json.loads((tmp_path / "results.json").read_text())
    assert content["mean"] == {
        "score": 2.0,
        "interval": None,
        "levels_scored": 1,
        "levels_total": 3,
    }
    assert [level["score"] for level in content["levels"]] == [2.0, None, None]
    assert content["complete"] is True


def test_a_run_with_a_pending_level_is_not_complete() -> None:
    assert not RunResults("agent", 100, [PLAYED, PENDING]).complete
    assert RunResults("agent", 100, [PENDING]).mean is None


def test_every_field_is_documented() -> None:
    assert results.__doc__ is not None
    for field in fields(LevelResult):
        assert f" {field.name}" in results.__doc__


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "{}",
        '{"format": "world-models-contest/results", "version": 2}',
        '{"format": "world-models-contest/results", "version": 1, "agent": "a",'
        ' "budget_steps": 1, "mean": {"interval": null}, "levels": [{}]}',
    ],
)
def test_another_file_gives_one_clear_error(tmp_path: Path, content: str) -> None:
    (tmp_path / "results.json").write_text(content)
    with pytest.raises(RunResultsError, match=r"results\.json"):
        read_results(tmp_path)
