"""The dataset's benchmark, with a fake game instead of the emulator."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agent.errors import UserError
from benchmarks.speed import dataset_speed
from tests.helpers.fake_game import FakeGame


@pytest.fixture(autouse=True)
def fake_game(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dataset_speed, "ContestEnv", FakeGame)
    monkeypatch.setattr(dataset_speed, "check_available", lambda level: None)


def test_every_figure_is_measured_and_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "results" / "speed.json"
    dataset_speed.main(["--steps", "7", "--singles", "3", "--rounds", "2", "--out", str(out)])
    result = json.loads(out.read_text())
    assert [set(one) for one in result["frames_per_second"]] == [set(dataset_speed.FIGURES)] * 2
    assert all(figure > 0 for one in result["frames_per_second"] for figure in one.values())
    assert result["bytes_of_the_picture"] == 224 * 320 * 3
    # Noise can't be compressed: 16 of its 24 bits are stored. The other values need little space.
    assert 16 / 24 <= result["bytes_a_frame"] / result["bytes_of_the_picture"] < 1.02 * 16 / 24
    assert capsys.readouterr().out == dataset_speed.table(result) + "\n"
    with pytest.raises(UserError, match="--steps is 0"):
        dataset_speed.main(["--steps", "0", "--out", str(tmp_path / "none.json")])
