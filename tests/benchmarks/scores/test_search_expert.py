"""The comparison of found plays, the search's expert and the planner under sticky actions."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from agent.errors import UserError
from arena.environment.levels import select
from benchmarks.scores import search_expert
from benchmarks.scores.search_expert import (
    FOUND_PLAY,
    PLANNER,
    SEARCH,
    ExpertPlay,
    ExpertTask,
    measure,
)
from benchmarks.scores.teacher import DIED, FINISHED, TeacherTask
from benchmarks.store import StoreError
from tests.helpers.fake_pool import FakePool
from training.experts.demonstrations import read_demonstration

LEVELS = ("PangolinDash-Genesis:MeadowZone.Act1", "PangolinDash-Genesis:CanyonZone.Act1")
MOVIES = "game/movies"


def fake_play(task: ExpertTask) -> ExpertPlay:
    """The found play dies early; the others finish."""
    finished = task.player != FOUND_PLAY
    return ExpertPlay(
        level=task.played.level.name,
        seed=task.played.seed,
        rom=task.played.rom,
        episode_return=9_800.0 if finished else 1_000.0,
        ended=FINISHED if finished else DIED,
        x=500,
        y=300,
        share=1.0 if finished else 0.11,
        steps=800,
        core_seconds=40.4 if finished else 1.2,
        player=task.player,
        recording=task.recording,
    )


def run(out: Path, *arguments: str) -> None:
    levels = ("--levels", ",".join(LEVELS), "--demonstrations", MOVIES, "--seeds", "1")
    search_expert.main([*levels, "--out", str(out), *arguments])


def test_an_interrupted_measurement_continues_and_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pool = FakePool(fake_play)
    monkeypatch.setattr(search_expert, "Pool", pool)
    out = tmp_path / "search_expert.json"
    pool.stop_after = 4
    with pytest.raises(KeyboardInterrupt):
        run(out)
    capsys.readouterr()
    pool.stop_after = 10**9
    run(out)
    players = (FOUND_PLAY, SEARCH, PLANNER)
    assert [(task.played.level.name, task.player) for task in pool.played] == [
        (level, player) for player in players for level in LEVELS
    ]
    assert capsys.readouterr().out.splitlines() == [
        "| level | found play | search | planner |",
        "| --- | --- | --- | --- |",
        f"| `{LEVELS[1]}`, seed 1 | died at 11%, 1 core-s | end, 40 core-s | end, 40 core-s |",
        f"| `{LEVELS[0]}`, seed 1 | died at 11%, 1 core-s | end, 40 core-s | end, 40 core-s |",
        "| all | 0 of 2 to the end, mean return 1,000 | 2 of 2 to the end, mean return 9,800 |"
        " 2 of 2 to the end, mean return 9,800 |",
    ]


def test_a_file_of_another_version_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search_expert, "Pool", FakePool(fake_play))
    out = tmp_path / "search_expert.json"
    run(out)
    monkeypatch.setitem(search_expert.IDENTITY, "search_version", -1)
    with pytest.raises(StoreError, match="search_version"):
        run(out)


def test_a_level_without_a_recording_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no recording of PangolinDash-Genesis:MeadowZone.Act1"):
        run(tmp_path / "out.json", "--demonstrations", str(tmp_path))


def test_a_recording_is_played_with_the_contests_sticky_actions() -> None:
    (level,) = select(LEVELS[0])
    demonstration = read_demonstration(Path(MOVIES, level.game, f"{level.state}.bk2"))
    task = ExpertTask(TeacherTask(level, 1, "0" * 40), FOUND_PLAY, demonstration)
    played = measure(task)
    assert (played.level, played.seed, played.player) == (level.name, 1, FOUND_PLAY)
    assert 0 < played.episode_return < 9_000 and 0 < played.share < 1
    assert played.steps <= demonstration.steps
    assert len(played.recording) == 40
    assert dataclasses.replace(task, player=PLANNER).recording == ""
    other = dataclasses.replace(demonstration, frame_buttons=demonstration.frame_buttons[:-4])
    assert dataclasses.replace(task, demonstration=other).key != task.key
    assert measure(task) == dataclasses.replace(
        played, core_seconds=pytest.approx(played.core_seconds, abs=60.0)
    )
