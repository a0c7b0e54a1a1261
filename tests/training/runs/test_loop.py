"""The training loop of V and M: the decay of the learning rate."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from training.runs.loop import Schedule, TrainingState, train


class Weight(nn.Module):
    """A single weight that each step lowers by the learning rate."""

    def __init__(self) -> None:
        super().__init__()
        self.value = nn.Parameter(torch.zeros(1, dtype=torch.float64))


def lowered_by(folder: Path, steps: int, decay_steps: int) -> float:
    """Train or resume, and return by how much the weight was lowered in total."""
    weight = Weight()
    optimizer = torch.optim.SGD(weight.parameters(), 0.5)
    generator = torch.Generator().manual_seed(1)
    state = TrainingState(weight, optimizer, np.random.default_rng(1), generator, max_norm=1e9)

    def losses(state: TrainingState) -> dict[str, Tensor]:
        return {"loss": weight.value.sum()}

    folder.mkdir(exist_ok=True)
    schedule = Schedule(steps, 100, 100, 100, decay_steps)
    train(folder, state, schedule, losses, lambda: {"lower": -weight.value.item()})
    return -weight.value.item()


def test_the_learning_rate_is_constant_or_decays_to_0(tmp_path: Path) -> None:
    schedule = Schedule(10, 1, 1, 1, decay_steps=4)
    assert [schedule.learning_rate_factor(step) for step in range(10)] == [1] * 7 + [
        0.75,
        0.5,
        0.25,
    ]
    assert lowered_by(tmp_path / "stays", 10, 0) == pytest.approx(5)
    assert lowered_by(tmp_path / "falls", 10, 4) == pytest.approx(0.5 * (7 + 0.75 + 0.5 + 0.25))
    assert lowered_by(tmp_path / "all", 10, 10) == pytest.approx(0.5 * 5.5)


def test_a_run_resumed_with_more_steps_decays_at_its_new_end(tmp_path: Path) -> None:
    before = lowered_by(tmp_path, 10, 4)
    assert lowered_by(tmp_path, 16, 4) - before == pytest.approx(0.5 * (3 + 0.75 + 0.5 + 0.25))
