"""Curiosity rewards what the copy of the world model learns, and leaves the world model alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from baselines.learning.world_model.curiosity import Curiosity, curiosity_reward
from baselines.learning.world_model.frame_memory import FrameMemory
from tests.baselines.learning.world_model.test_loss import SMALL, small_model

OPTIONS = replace(SMALL, sequence_steps=4, sequences=2, world_model_rate=1e-3)


def memory_of_play(steps: int) -> FrameMemory:
    memory, random = FrameMemory(steps + 1, 1, 16, SMALL.hidden), np.random.default_rng(1)
    state = small_model().lstm.initial(1)
    for step in range(steps + 1):
        if step:
            memory.add_actions(random.integers(10, size=1))
        frames = random.integers(256, size=(1, 16, 16, 3), dtype=np.uint8)
        memory.add_frames(frames, np.array([step == 0]), state)
    return memory


def test_the_reward_of_a_hand_worked_sequence() -> None:
    # Mean 2, deviation sqrt(2): with a boredom of 1 deviation, only 4 is above 2 + sqrt(2) = 3.41.
    drops = np.array([0.0, 1.0, 2.0, 3.0, 4.0], np.float32)
    found = curiosity_reward(drops, float(drops.mean()), float(drops.std()), 1.0, 0.01)
    root = 2**0.5
    expected = [0.01 * (x / root - 1) for x in (-2, -1, 0, 1, 2)]
    assert found == pytest.approx(expected, abs=1e-7)
    assert (found > 0).tolist() == [False, False, False, False, True]


def test_the_same_drop_everywhere_is_boring() -> None:
    assert curiosity_reward(np.full(3, 5.0, np.float32), 5.0, 0.0, 1.0, 0.5) == pytest.approx(-0.5)


def test_the_rewards_are_the_drops_of_the_loss_through_one_update() -> None:
    curiosity = Curiosity(small_model(), memory_of_play(8), OPTIONS)
    other = Curiosity(small_model(), memory_of_play(8), OPTIONS)
    sequences = memory_of_play(8).last(8, 4)
    before = other._loss(sequences)
    other._learner.update(sequences, 0)
    drops = (before - other._loss(sequences)).T.reshape(-1)
    expected = curiosity_reward(
        drops,
        float(drops.mean()),
        float(drops.std()),
        OPTIONS.boredom,
        OPTIONS.curiosity_weight,
    )
    assert drops.mean() > 0
    assert curiosity.rewards(8) == pytest.approx(expected, abs=1e-5)


def test_the_policys_world_model_is_not_taught() -> None:
    model = small_model().requires_grad_(False)
    before = {name: value.clone() for name, value in model.named_parameters()}
    Curiosity(model, memory_of_play(8), OPTIONS).rewards(8)
    assert all(torch.equal(before[name], value) for name, value in model.named_parameters())
