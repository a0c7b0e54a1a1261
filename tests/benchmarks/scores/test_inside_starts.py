"""The comparison from starts inside the levels: starts, plays, and the table."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agent.errors import UserError
from benchmarks.scores import inside_starts
from benchmarks.scores.inside_starts import (
    DIED,
    FINISHED,
    GOES_ON,
    PLANNER,
    STUCK,
    InsidePlay,
    InsidePlayer,
    InsideTask,
    _ended,
)
from tests.helpers.contest_plays import packed
from tests.helpers.fake_pool import FakePool

LEVELS = "PangolinDash-Genesis:MeadowZone.Act1,PangolinDash-Genesis:CanyonZone.Act1"


def fake_play(task: InsideTask) -> InsidePlay:
    """The planner gains 800 points and survives; the model gains 300, and dies in every second."""
    planned = task.player == PLANNER
    ended = GOES_ON if planned or task.seed % 2 else DIED
    gain = 800.0 if planned else 300.0
    return InsidePlay(task.player, task.level.name, task.start, task.seed, gain, ended)


def test_all_players_have_the_same_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pool = FakePool(fake_play)
    monkeypatch.setattr(inside_starts, "Pool", pool)
    model, out = packed(tmp_path / "model"), tmp_path / "inside.json"
    arguments = ("--levels", LEVELS, "--players", f"{model},planner", "--starts", "4")
    inside_starts.main([*arguments, "--out", str(out)])
    starts: dict[str, list[tuple[str, int, int]]] = {str(model): [], PLANNER: []}
    for task in pool.played:
        starts[task.player].append((task.level.name, task.start, task.seed))
    assert starts[str(model)] == starts[PLANNER] and len(set(starts[PLANNER])) == 8
    steps = pool.played[0].demonstration.steps
    first = [start for level, start, _ in starts[PLANNER] if level.endswith("MeadowZone.Act1")]
    assert first == [0, steps // 4, steps // 2, 3 * steps // 4]
    assert len(json.loads(out.read_text())["plays"]) == 16
    rows = [line.strip("| ").split(" | ") for line in capsys.readouterr().out.splitlines()[2:]]
    assert rows[0][:3] == [f"`{model}`", "8", "300 (300 to 300)"]
    assert rows[0][4].startswith("50 (") and rows[0][-2:] == ["0%", "0%"]
    assert rows[1][:5] == [
        "`planner`", "8", "800 (800 to 800)", "+500 (+500 to +500)", "0 (0 to 0) %"
    ]  # fmt: skip
    assert rows[1][5].startswith("-50 (-")


def test_a_play_begins_at_its_start(tmp_path: Path) -> None:
    options = inside_starts.Options(levels=LEVELS, starts=8, steps=40)
    levels = inside_starts.select("PangolinDash-Genesis:MeadowZone.Act1")
    players = (str(packed(tmp_path / "model")), PLANNER)
    tasks = inside_starts.tasks_of(levels, [Path("game/movies")], players, options)
    play = InsidePlayer()
    by_model, by_planner = (play(task) for task in tasks[2:4])
    assert by_model.start == by_planner.start == tasks[0].demonstration.steps // 8 > 40
    assert by_planner.ended == GOES_ON and 300 < by_planner.gain < 1_000
    assert by_model.gain < by_planner.gain
    assert play(tasks[2]) == by_model


def test_how_a_play_ended() -> None:
    assert _ended(True, 900.0, 9_800.0) == FINISHED
    assert _ended(True, 900.0, 5_000.0) == DIED
    assert _ended(False, 49.0, 5_000.0) == STUCK
    assert _ended(False, 51.0, 5_000.0) == GOES_ON


def test_mistakes_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="names none"):
        inside_starts.main(["--players", ","])
    with pytest.raises(UserError, match="nowhere"):
        inside_starts.main(["--players", str(tmp_path / "nowhere")])
