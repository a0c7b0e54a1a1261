"""Run folders of training: metrics without duplicates, checked results, one-line errors."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from agent.command_line import option
from training.runs.resume import TrainingError
from training.runs.run_folder import (
    METRICS,
    TENSORBOARD,
    Metrics,
    read_result,
    stage_run,
    write_result,
)


@dataclass(frozen=True)
class Options:
    """Options of a stage without work."""

    out: Path = option("run folder")
    steps: int = option("how long", 3)
    seed: int = option("of nothing", 1)


def test_metrics_after_the_last_checkpoint_are_removed(tmp_path: Path) -> None:
    metrics = Metrics(tmp_path, 0)
    for step in (1, 2, 3):
        metrics.log(step, loss=float(step), words="kept")
    metrics.close()
    with (tmp_path / METRICS).open("a") as file:
        file.write('{"step": 3, "lo')  # killed in the middle of a line
    time.sleep(1.1)  # TensorBoard reads the files in the order of their names: whole seconds
    metrics = Metrics(tmp_path, 2)
    metrics.log(3, loss=30.0)
    metrics.close()
    lines = [json.loads(line) for line in (tmp_path / METRICS).open()]
    assert [(line["step"], line["loss"]) for line in lines] == [(1, 1.0), (2, 2.0), (3, 30.0)]
    board = EventAccumulator(str(tmp_path / TENSORBOARD))
    board.Reload()
    assert [(e.step, e.value) for e in board.Scalars("loss")] == [(1, 1.0), (2, 2.0), (3, 30.0)]


def test_a_damaged_result_is_refused(tmp_path: Path) -> None:
    with stage_run("stage", Options(tmp_path), free=("steps",)) as folder:
        (folder / "weights").write_bytes(b"123")
        write_result(folder, "stage", ["weights"], steps=3)
    result = read_result(tmp_path, "stage")
    assert (result["steps"], result["options"]["seed"]) == (3, 1)
    with pytest.raises(TrainingError, match="is a run of 'stage'.*Use a run of other"):
        read_result(tmp_path, "other")
    (tmp_path / "weights").write_bytes(b"124")
    with pytest.raises(TrainingError, match="weights is missing or was altered"):
        read_result(tmp_path, "stage")
    (tmp_path / "result.json").write_text('{"stage": ')
    with pytest.raises(TrainingError, match="can't be read"):
        read_result(tmp_path, "stage")
    with pytest.raises(TrainingError, match="no finished run of stage"):
        read_result(tmp_path / "none", "stage")


def test_a_full_disk_is_a_one_line_error(tmp_path: Path) -> None:
    with (
        pytest.raises(
            TrainingError, match="weights: No space left on device.*same command"
        ) as error,
        stage_run("stage", Options(tmp_path), free=()),
    ):
        raise OSError(28, "No space left on device", "weights")
    assert "\n" not in str(error.value)
    with stage_run("stage", Options(tmp_path), free=()):
        pass  # the folder's lock is released


def test_run_json_holds_the_options_and_no_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("A_SECRET", "hunter2")
    with stage_run("stage", Options(tmp_path), free=("steps",)) as folder:
        text = (folder / "run.json").read_text()
    record = json.loads(text)
    assert record["options"] == {"out": str(tmp_path), "steps": 3, "seed": 1}
    assert record["settings"] == {"stage": "stage", "seed": 1}
    assert {"torch", "zarr", "python"} <= set(record["packages"])
    assert "hunter2" not in text
