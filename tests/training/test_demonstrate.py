"""The command that finds demonstrations: results, resumption, and what it refuses."""

from __future__ import annotations

import errno
import hashlib
import json
import os
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from agent.errors import UserError
from arena.environment.contest_env import ContestEnv
from arena.environment.levels import Level, select
from tests.helpers.fake_pool import FakePool
from tests.helpers.search_levels import write_search_levels
from training import demonstrate
from training.experts.demonstrations import find_demonstration, read_demonstration
from training.runs.resume import TrainingError
from training.state_search import level_search, play_back
from training.state_search.cells import POSITION
from training.state_search.level_search import (
    LevelResult,
    LevelSearcher,
    LevelSlice,
    SliceResult,
    checkpoint_folder,
    movie_path,
    read_result_of,
)

(AIRSTRIKER,) = select("airstriker")


def run(out: Path, *arguments: str) -> int:
    return demonstrate.main(["--out", str(out), *arguments])


def test_movies_of_all_levels_are_found_and_end_with_the_recorded_return(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    game, out = tmp_path / "game", tmp_path / "demonstrations"
    levels = write_search_levels(game)
    assert run(out, "--levels", str(game), "--workers", "2") == 0
    printed = capsys.readouterr()
    assert f"{levels[0].name}: end reached" in printed.err
    assert "2 of 2 levels finished" in printed.out
    result = json.loads((out / "result.json").read_text())
    assert result["finished"] == 2 and result["core_seconds"] > 0
    for level, entry in zip(levels, result["levels"], strict=True):
        assert entry["level"] == level.name and entry["finished"]
        demonstration = read_demonstration(find_demonstration([out], level))
        env = ContestEnv(level, seed=1)
        try:
            env.reset(demonstration.state)
            steps = [
                env.play_frames(demonstration.buttons(step)) for step in range(demonstration.steps)
            ]
        finally:
            env.close()
        assert steps[-1][2] and sum(step[1] for step in steps) == entry["episode_return"] > 9900
        assert not checkpoint_folder(out, level).exists()
    times = {path: path.stat().st_mtime_ns for path in out.glob("*/*")}
    assert run(out, "--levels", str(game), "--workers", "1") == 0  # nothing is left to do
    assert {path: path.stat().st_mtime_ns for path in out.glob("*/*")} == times


def test_a_search_that_is_killed_after_every_slice_finds_the_same_play(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    level = write_search_levels(tmp_path / "game")[0]
    monkeypatch.setattr(level_search, "SLICE_STEPS", 100)
    results = []
    for name, killed in (("whole", False), ("killed", True)):
        folder = tmp_path / name
        searcher, reached = searcher_of(folder), SliceResult(0, 0.0, None)
        while reached.result is None:
            if killed:
                searcher._close()  # as the death of the process does
                searcher = searcher_of(folder)
            reached = searcher(LevelSlice(level, reached.steps))
        assert read_result_of(folder, level) == reached.result
        results.append((folder, reached.result))
    (whole, first), (killed_folder, second) = results
    assert first.search_steps > 300 and first.finished
    assert replace(second, core_seconds=first.core_seconds) == first
    plays = [read_demonstration(movie_path(folder, level)) for folder in (whole, killed_folder)]
    np.testing.assert_array_equal(plays[0].frame_buttons, plays[1].frame_buttons)


def searcher_of(folder: Path, steps: int = 20_000) -> LevelSearcher:
    return LevelSearcher(folder, 1, POSITION, False, steps)


def test_the_farthest_play_is_kept_and_a_larger_budget_continues(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    game, out = tmp_path / "game", tmp_path / "demonstrations"
    level = write_search_levels(game)[0]
    arguments = ("--levels", f"{game}:Walls", "--workers", "1")
    assert run(out, *arguments, "--steps", "90") == 0
    assert "no end found, farthest play kept" in capsys.readouterr().err
    part = read_result_of(out, level)
    assert part is not None and not part.finished and 0 < part.progress < 9000
    assert find_demonstration([out], level).is_file()
    assert run(out, *arguments, "--steps", "20000") == 0
    whole = read_result_of(out, level)
    assert whole is not None and whole.finished and whole.search_steps > 90
    assert run(tmp_path / "at-once", *arguments, "--steps", "20000") == 0
    at_once = read_result_of(tmp_path / "at-once", level)
    assert at_once is not None
    assert replace(at_once, core_seconds=whole.core_seconds) == whole


def test_a_score_is_a_reward_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, "--levels", "airstriker", "--steps", "1000", "--workers", "1") == 0
    assert "farthest play kept" in capsys.readouterr().err
    result = read_result_of(tmp_path, AIRSTRIKER)
    assert result is not None and result.cell_kind == "picture" and not result.finished
    assert result.progress >= 20 and result.play_steps > 4


def test_another_rom_is_refused(tmp_path: Path) -> None:
    game, out = tmp_path / "game", tmp_path / "out"
    level = write_search_levels(game)[0]
    arguments = ("--levels", f"{game}:Walls", "--workers", "1")
    run(out, *arguments, "--steps", "90")
    rom = game / level.game / "rom.md"
    content = rom.read_bytes()
    rom.write_bytes(content + bytes(2))
    (game / level.game / "rom.sha").write_text(hashlib.sha1(rom.read_bytes()).hexdigest())
    with pytest.raises(TrainingError, match=f"not the one with which {level.name}.*another --out"):
        run(out, *arguments, "--steps", "900")
    (out / "levels" / f"{level.slug}.json").unlink()
    with pytest.raises(UserError, match=f"not the one with which {level.name}"):
        run(out, *arguments, "--steps", "900")


def test_a_scenario_without_a_reward_is_refused(tmp_path: Path) -> None:
    game = tmp_path / "game"
    level = write_search_levels(game)[0]
    scenario = game / level.game / "contest.json"
    content = json.loads(scenario.read_text())
    del content["reward"]
    scenario.write_text(json.dumps(content))
    with pytest.raises(TrainingError, match="contest.json has no reward"):
        run(tmp_path / "out", "--levels", str(game))
    scenario.write_text("{")
    with pytest.raises(TrainingError, match="can't be read as a scenario"):
        run(tmp_path / "out", "--levels", str(game))
    assert not (tmp_path / "out").exists()


def test_a_level_that_ends_at_once_is_named(tmp_path: Path) -> None:
    game = tmp_path / "game"
    level = write_search_levels(game)[0]
    scenario = game / level.game / "contest.json"
    ended = {"variables": {"lives": {"op": "positive"}}}
    reward = {"variables": {"x": {"reward": 1.0}}}
    scenario.write_text(json.dumps({"reward": reward, "done": ended}))
    with pytest.raises(UserError, match=f"{level.name}: the episode .*check its state"):
        run(tmp_path / "out", "--levels", str(game), "--workers", "1")


def test_held_out_levels_and_wrong_options_are_refused(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(TrainingError, match="evaluation only.*--held-out"):
        run(out, "--levels", "pangolin-validation")
    with pytest.raises(UserError, match="--steps is 0"):
        run(out, "--steps", "0")
    assert not out.exists()


def test_a_full_disk_ends_the_command_and_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*arguments: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "there")

    monkeypatch.setattr(demonstrate, "open_executor", FakePool(full))
    with pytest.raises(TrainingError, match="there: No space left.*same command again"):
        run(tmp_path / "out", "--levels", "airstriker")
    monkeypatch.undo()
    # stable-retro's recorder reports no error, so a movie is read again before it is kept.
    level = write_search_levels(tmp_path / "game")[0]
    monkeypatch.setattr(play_back, "_movie_frames", lambda path: 0)
    movie = tmp_path / "play.bk2"
    with pytest.raises(OSError, match="No space left"):
        play_back.play_back(level, bytes([8, 8]), movie)
    assert not list(tmp_path.glob("*.bk2")) and not list(tmp_path.glob(".movie-*"))


def test_the_line_of_a_level_says_what_was_found() -> None:
    result = LevelResult("G:S", True, 9700.4, 9700.4, 400, 1000, 12.3, 50, 300, "position", "ab")
    assert demonstrate.describe(result) == (
        "G:S: end reached, return 9700; 12 core-seconds, 300 position cells"
    )
    nothing = replace(result, finished=False, play_steps=0)
    assert "nothing found, no movie" in demonstrate.describe(nothing)


def test_a_worker_whose_command_was_killed_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed = SimpleNamespace(is_alive=lambda: False)
    monkeypatch.setattr(level_search.multiprocessing, "parent_process", lambda: killed)
    with pytest.raises(SystemExit):
        searcher_of(tmp_path, steps=100)(LevelSlice(AIRSTRIKER, 0))
    assert list(tmp_path.iterdir()) == []


def test_slices_can_be_added_after_they_ran_out() -> None:
    slices = demonstrate._Slices([LevelSlice(Level("G", "S"), 0)])
    assert [part.steps for part in slices] == [0] and list(slices) == []
    slices.waiting.append(LevelSlice(Level("G", "S"), 7))
    assert [part.steps for part in slices] == [7]
