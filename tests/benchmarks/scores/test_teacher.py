"""The benchmark of the planner's expert: which plays are made, kept and shown."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.scores import teacher
from benchmarks.scores.teacher import TeacherPlay, TeacherTask
from benchmarks.store import StoreError
from tests.helpers.fake_pool import FakePool
from training.experts.route_simulator import VERSION

LEVELS = ("PangolinDash-Genesis:MeadowZone.Act1", "PangolinDash-Genesis:CanyonZone.Act3")


def fake_play(task: TeacherTask) -> TeacherPlay:
    """The training level is finished; the validation level ends in a pit."""
    finished = task.level.name == LEVELS[0]
    return TeacherPlay(
        level=task.level.name,
        seed=task.seed,
        rom=task.rom,
        episode_return=9_800.0 if finished else 4_000.0 + task.seed,
        ended=teacher.FINISHED if finished else teacher.DIED,
        x=5_000,
        y=300,
        share=1.0 if finished else 0.43,
        steps=800,
        core_seconds=20.0 * task.seed,
    )


def run(out: Path, *arguments: str) -> None:
    teacher.main(["--levels", ",".join(LEVELS), "--out", str(out), *arguments])


def test_an_interrupted_measurement_continues_and_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pool = FakePool(fake_play)
    monkeypatch.setattr(teacher, "Pool", pool)
    out = tmp_path / "teacher.json"
    pool.stop_after = 3
    with pytest.raises(KeyboardInterrupt):
        run(out, "--seeds", "2")
    assert len(teacher.load_plays(out)) == 3
    pool.stop_after = 10**9
    run(out, "--seeds", "2")
    assert [(task.level.name, task.seed) for task in pool.played] == [
        (level, seed) for seed in (1, 2) for level in LEVELS
    ]
    shown = capsys.readouterr().out
    assert "| `pangolin-train`, 1 | 2 | 9,800 | 9,800 to 9,800 | 2 | 30 | 40 |" in shown
    assert "| `pangolin-validation`, 1 | 2 | 4,002 |" in shown
    assert f"| {LEVELS[1]}, seed 2 | 4,002 | died at x 5000, y 300, after 43% of" in shown
    assert shown.count("9,800 | finished") == 2
    run(out)  # everything is measured
    assert len(pool.played) == 4


def test_plays_of_another_rom_are_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pool = FakePool(fake_play)
    monkeypatch.setattr(teacher, "Pool", pool)
    out = tmp_path / "teacher.json"
    run(out)
    content = json.loads(out.read_text())
    for row in content["rows"]:
        row["rom"] = "0" * 40
    out.write_text(json.dumps(content))
    run(out)
    assert len(pool.played) == 4 and len(teacher.load_plays(out)) == 2


def test_plays_of_another_version_of_the_expert_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(teacher, "Pool", FakePool(fake_play))
    out = tmp_path / "teacher.json"
    run(out)
    out.write_text(out.read_text().replace(f'"expert_version": {VERSION}', '"expert_version": 0'))
    with pytest.raises(StoreError, match="measured with other settings.*expert_version"):
        run(out)
