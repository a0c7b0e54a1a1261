"""Checkpoints: the newest complete one is read, damage is an error, Ctrl-C waits for the step."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import numpy as np
import pytest

from training.runs.resume import (
    DONE,
    TrainingError,
    load_checkpoint,
    save_checkpoint,
    stopping_softly,
)

ARRAYS = {
    "weights": np.arange(6, dtype=np.float32).reshape(2, 3),
    "state": np.array([1, 255], "u1"),
}


def test_the_newest_is_read_and_old_ones_are_deleted(tmp_path: Path) -> None:
    assert load_checkpoint(tmp_path) is None
    for step in (9, 10, 11):
        save_checkpoint(tmp_path, step, ARRAYS, {"seconds": step})
    found = load_checkpoint(tmp_path)
    assert found is not None and (found.step, found.values) == (11, {"seconds": 11})
    assert set(found.arrays) == set(ARRAYS)
    for name, array in ARRAYS.items():
        assert found.arrays[name].dtype == array.dtype
        np.testing.assert_array_equal(found.arrays[name], array)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["00000010", "00000011"]


def test_a_checkpoint_without_its_marker_is_ignored(tmp_path: Path) -> None:
    save_checkpoint(tmp_path, 1, ARRAYS, {})
    save_checkpoint(tmp_path, 2, ARRAYS, {})
    (tmp_path / "00000002" / DONE).unlink()
    found = load_checkpoint(tmp_path)
    assert found is not None and found.step == 1


def test_a_full_disk_keeps_the_previous_checkpoint(tmp_path: Path) -> None:
    save_checkpoint(tmp_path, 1, ARRAYS, {})

    def fail(folder: Path) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        save_checkpoint(tmp_path, 2, ARRAYS, {}, fail)
    assert [path.name for path in tmp_path.iterdir()] == ["00000001"]


@pytest.mark.parametrize("name", ["arrays.safetensors", "values.json"])
def test_a_damaged_checkpoint_is_refused(tmp_path: Path, name: str) -> None:
    save_checkpoint(tmp_path, 1, ARRAYS, {"a": 1})
    path = tmp_path / "00000001" / name
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(TrainingError, match=f"{name} has .* bytes instead of .*Delete it"):
        load_checkpoint(tmp_path)


def test_the_first_interrupt_waits_and_the_second_does_not() -> None:
    steps = 0
    with pytest.raises(KeyboardInterrupt), stopping_softly() as stop:
        while not stop.requested:
            steps += 1
            os.kill(os.getpid(), signal.SIGINT)
        assert steps == 1
    reached = False
    with pytest.raises(KeyboardInterrupt), stopping_softly():
        os.kill(os.getpid(), signal.SIGINT)
        reached = True
        os.kill(os.getpid(), signal.SIGINT)
        signal.sigtimedwait([], 1)
    assert reached
