"""One step of the memory: compared with torch, and its errors."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from agent.errors import ModelError
from agent.world_model.memory import Memory
from agent.world_model.packed_model import PackedModelError
from tests.helpers.small_models import TINY
from training.models.export import export_memory
from training.models.untrained import random_networks


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("memory") / "memory.onnx"
    export_memory(random_networks(TINY)[1], path)
    return path


def test_the_initial_state_is_zero_and_a_new_copy_each_time(path: Path) -> None:
    memory = Memory(path, TINY)
    h, c = memory.initial()
    assert h.shape == c.shape == (TINY.hidden,) and h.dtype == c.dtype == np.float32
    assert not h.any() and not c.any()
    h += 1
    assert not memory.initial()[0].any() and not c.any()


def test_a_step_equals_torchs_step(path: Path) -> None:
    memory, reference = Memory(path, TINY), random_networks(TINY)[1]
    random = np.random.default_rng(1)
    z, h, c = (random.standard_normal(n).astype(np.float32) for n in (4, 8, 8))
    for action in ([0, 0, 0, 0], [1, 0, 0, 1], [1, 1, 1, 1]):
        pressed = np.array(action, np.uint8)
        got = memory.step(z, pressed, h, c)
        state = (torch.from_numpy(h)[None], torch.from_numpy(c)[None])
        with torch.no_grad():
            _, expected = reference.unroll(
                torch.from_numpy(z)[None, None], torch.from_numpy(pressed)[None, None], state
            )
        for ours, theirs in zip(got, expected, strict=True):
            np.testing.assert_allclose(ours, theirs[0].numpy(), atol=1e-6)


def test_actions_matter_and_enter_as_zeros_and_ones(path: Path) -> None:
    memory = Memory(path, TINY)
    z, (h, c) = np.ones(4, np.float32), memory.initial()
    states = [memory.step(z, row, h, c)[0] for row in np.eye(4, dtype=np.uint8)]
    assert len({state.tobytes() for state in states}) == 4


def test_returned_states_are_copies(path: Path) -> None:
    memory = Memory(path, TINY)
    z, action = np.ones(4, np.float32), np.ones(4, np.uint8)
    first = memory.step(z, action, *memory.initial())
    kept = [array.copy() for array in first]
    memory.step(-z, action, *first)
    for array, copy in zip(first, kept, strict=True):
        np.testing.assert_array_equal(array, copy)


def test_a_state_that_is_not_finite_is_an_error_of_one_line(path: Path) -> None:
    memory = Memory(path, TINY)
    z = np.full(4, np.nan, np.float32)
    with pytest.raises(ModelError, match="memory") as error:
        memory.step(z, np.zeros(4, np.uint8), *memory.initial())
    assert "\n" not in str(error.value)


def test_a_memory_of_another_size_is_refused(path: Path) -> None:
    with pytest.raises(PackedModelError, match=r"memory\.onnx .*another model"):
        Memory(path, replace(TINY, hidden=16))
