"""The speed benchmark, with a fake game instead of the emulator, and without processes."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agent.errors import UserError
from benchmarks.speed import learning_speed, training_memory, training_speed
from tests.helpers.fake_game import FakeGame
from tests.helpers.small_models import TINY
from training.experts import collector
from training.search import rollouts


class InProcess:
    """A pool that plays in this process, one task after the other."""

    process_ids = (os.getpid(),)
    played: list[Any] = []

    def __init__(self, make: Callable[[], Callable[[Any], Any]], workers: int) -> None:
        self.call = make()

    def __enter__(self) -> InProcess:
        return self

    def __exit__(self, *error: object) -> None: ...

    def run(self, tasks: Iterable[Any]) -> Iterator[tuple[Any, Any]]:
        for task in tasks:
            InProcess.played.append(task)
            yield task, self.call(task)


@pytest.fixture(autouse=True)
def fake_game(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (training_speed, collector, rollouts):
        monkeypatch.setattr(module, "ContestEnv", FakeGame)
    monkeypatch.setattr(training_speed, "check_available", lambda level: None)
    for module in (training_memory, training_speed):
        monkeypatch.setattr(module, "Pool", InProcess)
        monkeypatch.setattr(module, "PRESETS", {"compact": TINY})
    monkeypatch.setattr(training_memory, "CMA_PARAMETERS", 50)
    monkeypatch.setattr(InProcess, "played", [])


def test_every_stage_is_measured_and_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "results" / "speed.json"
    arguments = "--steps 6 --episodes 2 --rounds 3 --seconds 0.01 --generations 6 --threads 1"
    training_speed.main([*arguments.split(), "--out", str(out)])
    content = json.loads(out.read_text())
    assert content == json.loads(capsys.readouterr().out)
    assert len(content["steps_per_second"]) == 3
    names = ("bare", "collect", "bare idle", "evolve", "evolve, 2 workers")
    for measured in content["steps_per_second"]:
        assert tuple(measured) == names and min(measured.values()) > 0
    # each worker plays one warm-up episode and two measured ones
    tasks = [task for task in InProcess.played if isinstance(task, tuple)]
    assert len(tasks) == 3 * (4 * 3 + 6)
    ratios = content["median_ratios"]
    found = sorted(one["collect"] / one["bare"] for one in content["steps_per_second"])
    assert ratios["collect / bare"] == pytest.approx(found[1], abs=0.001)
    for pair, target in training_speed.TARGETS.items():
        assert (ratios[pair] < target) == (pair in content["missed"])
    (cpu, *gpu) = content["training_frames_per_second"]
    assert (cpu["preset"], cpu["device"], cpu["precision"]) == ("compact", "cpu", "float32")
    assert all(one["vision"] > 0 and one["memory"] > 0 for one in (cpu, *gpu))
    assert all(one["device"] != "cpu" for one in gpu)
    memory = content["memory_mib"]
    assert memory["generations"] == 6 and memory["driver"]["peak"] >= memory["driver"]["last"] > 0
    cma = content["cma_es"]
    assert cma["parameters"] == 50 and cma["process_peak_mib"] >= cma["of_it_before_mib"]
    assert (
        f"Over 6 generations, the memory of the driver grew by {memory['grown']['driver']:.1f} MiB"
        in (training_speed.table(content))
    )


def test_a_gpu_is_measured_too_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learning_speed.torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(learning_speed.torch.cuda, "is_bf16_supported", lambda: True)
    monkeypatch.setattr(learning_speed.torch.cuda, "get_device_name", lambda device: "a GPU")
    monkeypatch.setattr(learning_speed, "vision_speed", lambda spec, seconds, device: seconds)
    monkeypatch.setattr(learning_speed, "memory_speed", lambda spec, seconds, device: seconds)
    rows = learning_speed.learning_speeds({"a": TINY, "b": TINY}, 2.0, 1)
    assert [(row["preset"], row["device"], row["precision"]) for row in rows] == [
        ("a", "cpu", "float32"),
        ("b", "cpu", "float32"),
        ("a", "a GPU", "bfloat16"),
        ("b", "a GPU", "bfloat16"),
    ]


def test_the_peak_memory_is_that_of_this_process() -> None:
    before = training_memory.peak_mib()
    block = np.ones(64 << 20, np.uint8)
    assert training_memory.peak_mib() >= training_memory.resident_mib(os.getpid()) > 0
    del block
    assert training_memory.peak_mib() >= before


def test_numbers_out_of_range_are_refused() -> None:
    with pytest.raises(UserError, match="--generations is 5: use 6 to"):
        training_speed.main(["--generations", "5"])
