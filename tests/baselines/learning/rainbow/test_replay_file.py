"""Recorded frames come back exactly; other files give an error of one line."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agent.errors import UserError
from baselines.learning.rainbow import replay_file
from baselines.learning.rainbow.replay import Recording
from baselines.learning.rainbow.replay_file import load_recording, recording_path, save_recording
from tests.baselines.learning.rainbow.test_replay import by_action, frame, made, play


def recorded() -> Recording:
    replay = made()
    play(replay, 1, [1.0, 2.0, 3.0], "game")
    play(replay, 4, [4.0, 5.0], "limit")
    replay.add(frame(6), 6, 6.0, terminated=False)
    replay.add(frame(7), 5, 7.0, terminated=False)
    return replay.recent(100)


def test_it_records_the_newest_entries_and_ends_an_episode_that_goes_on() -> None:
    found = recorded()
    assert found.frames[:, 0, 0].tolist() == [1, 2, 3, 4, 5, 6, 6, 7]
    assert found.terminated.tolist() == [False, False, True, *[False] * 5]
    assert found.cut.tolist() == [False] * 5 + [True, False, True]
    replay = made(capacity=4)
    play(replay, 1, [1.0] * 9, "game")
    assert replay.recent(3).actions.tolist() == [7, 8, 9]
    assert replay.recent(100).actions.tolist() == [6, 7, 8, 9]


def test_a_replay_that_begins_with_a_recording_draws_the_same_transitions(tmp_path: Path) -> None:
    original, replay = made(), made()
    play(original, 1, [1.0, 2.0, 3.0], "game")
    play(original, 4, [4.0, 5.0], "limit")
    save_recording(original.recent(100), tmp_path / "r.npz")
    replay.extend(load_recording(tmp_path / "r.npz", 2))
    assert by_action(replay) == by_action(original)


def test_a_recording_comes_back_exactly(tmp_path: Path) -> None:
    save_recording(recorded(), tmp_path / "r.npz")
    found = load_recording(tmp_path / "r.npz", 2)
    for name, array in vars(recorded()).items():
        assert np.array_equal(getattr(found, name), array)
        assert getattr(found, name).dtype == array.dtype


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"frames": np.zeros((8, 3, 3), np.uint8)}, "frames are uint8 (8, 3, 3), expected"),
        ({"actions": np.full(8, 7, np.uint8)}, "out of range"),
        ({"rewards": np.full(8, np.nan, np.float32)}, "out of range"),
        ({"cut": np.zeros(8, bool)}, "ends no episode"),
        ({"rewards": np.zeros(7, np.float32)}, "rewards are float32 (7,), expected"),
    ],
)
def test_wrong_values_are_refused(change: dict[str, Any], problem: str, tmp_path: Path) -> None:
    save_recording(replace(recorded(), **change), tmp_path / "r.npz")
    with pytest.raises(UserError, match=f"r.npz can't be used: .*{re.escape(problem)}"):
        load_recording(tmp_path / "r.npz", 2)


def test_other_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = recording_path(tmp_path / "rainbow.safetensors")
    assert path == tmp_path / "rainbow.npz"
    with pytest.raises(UserError, match="no frames at .*rainbow.npz: copy the file"):
        load_recording(path, 2)
    path.write_text("no frames")
    with pytest.raises(UserError, match="can't be used"):
        load_recording(path, 2)
    np.savez(path, frames=np.array([{}], object))
    with pytest.raises(UserError, match="can't be used"):
        load_recording(path, 2)
    save_recording(recorded(), path)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(UserError, match="can't be used"):
        load_recording(path, 2)
    save_recording(recorded(), path)
    monkeypatch.setattr(replay_file, "MAX_BYTES", 100)
    with pytest.raises(UserError, match="bytes are more than 100"):
        load_recording(path, 2)
