"""Weights and training states are stored exactly; other files give an error of one line."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from stable_baselines3 import PPO

from agent.errors import UserError
from baselines.a2c_course import A2cCourseOptions
from baselines.learning.contest_wrappers import wrap
from baselines.learning.ppo.learner import make_learner
from baselines.learning.ppo.options import PpoOptions
from baselines.learning.weights import (
    load_training,
    load_weights,
    save_training,
    save_weights,
)
from baselines.ppo2 import Ppo2Options
from baselines.ppo_course import PpoCourseOptions
from tests.baselines.learning.test_contest_wrappers import Scripted

SMALL = PpoOptions(rollout_steps=16, minibatches=2, epochs=1)


def learner(seed: int, **changes: Any) -> PPO:
    settings = replace(SMALL, **changes)
    env = wrap(Scripted([1.0] * 1000), frame_size=settings.frame_size, allow_backtracking=False)
    return make_learner(settings, env, seed)


def values(made: PPO) -> dict[str, np.ndarray]:
    return {name: p.detach().numpy().copy() for name, p in made.policy.named_parameters()}


def test_weights_come_back_as_float16(tmp_path: Path) -> None:
    one, other = learner(1), learner(2)
    save_weights(one.policy, tmp_path / "w.safetensors")
    load_weights(other.policy, tmp_path / "w.safetensors")
    before, after = values(one), values(other)
    assert all(np.array_equal(before[n].astype(np.float16), after[n]) for n in before)
    assert {value.dtype for value in after.values()} == {np.dtype(np.float32)}


@pytest.mark.parametrize("optimizer", ["adam", "rmsprop"])
def test_a_training_goes_on_with_the_same_weights_and_optimizer(
    optimizer: str, tmp_path: Path
) -> None:
    one, other = learner(1, optimizer=optimizer), learner(2, optimizer=optimizer)
    one.learn(32)
    path = tmp_path / "t.safetensors"
    save_training(one.policy, one.policy.optimizer, 32, 1.5, path)
    assert load_training(other.policy, other.policy.optimizer, path) == (32, 1.5)
    states = [made.policy.optimizer.state_dict()["state"] for made in (one, other)]
    assert states[0].keys() == states[1].keys() and states[0]
    for number, state in states[0].items():
        for key, value in state.items():
            assert torch.equal(torch.as_tensor(value), torch.as_tensor(states[1][number][key]))


def test_other_files_are_refused_and_leave_the_weights(tmp_path: Path) -> None:
    made = learner(1)
    before = values(made)
    with pytest.raises(UserError, match=r"no weights at .*missing.*pretrain"):
        load_weights(made.policy, tmp_path / "missing.safetensors")
    (tmp_path / "text.safetensors").write_text("no weights")
    with pytest.raises(UserError, match="text.safetensors can't be read"):
        load_weights(made.policy, tmp_path / "text.safetensors")
    save_weights(learner(1, frame_size=96).policy, tmp_path / "other.safetensors")
    with pytest.raises(UserError, match="belong to another network: .* has the shape"):
        load_weights(made.policy, tmp_path / "other.safetensors")
    broken = learner(3)
    next(broken.policy.parameters()).data.fill_(float("nan"))
    save_weights(broken.policy, tmp_path / "nan.safetensors")
    with pytest.raises(UserError, match="not finite"):
        load_weights(made.policy, tmp_path / "nan.safetensors")
    assert all(np.array_equal(before[name], value) for name, value in values(made).items())


def test_aborghis_network_has_the_sizes_of_its_source() -> None:
    made = learner(1, frame_size=96, separable=True)
    extractor = made.policy.features_extractor
    shapes = [tuple(p.shape) for p in extractor.convolutions.parameters() if p.dim() == 4]
    assert shapes == [
        *((4, 1, 8, 8), (32, 4, 1, 1)),
        *((32, 1, 4, 4), (64, 32, 1, 1)),
        *((64, 1, 3, 3), (48, 64, 1, 1)),
    ]
    assert extractor.linear[0].in_features == 48 * 8 * 8 and extractor.features_dim == 512


def test_each_agent_has_the_hyperparameters_of_its_source() -> None:
    ppo2, course, a2c = Ppo2Options(), PpoCourseOptions(), A2cCourseOptions()
    assert (ppo2.rollout_steps, ppo2.minibatches, ppo2.epochs) == (4096, 8, 3)
    assert (ppo2.learning_rate, ppo2.clip, ppo2.entropy) == (2e-4, 0.1, 0.01)
    assert (course.rollout_steps, course.minibatches, course.epochs) == (2048, 8, 4)
    made = learner(1, **{**a2c.hyperparameters(), "rollout_steps": 16, "minibatches": 2})
    assert isinstance(made.policy.optimizer, torch.optim.RMSprop)
    assert made.policy.optimizer.defaults["lr"] == course.learning_rate == 2e-4
    assert made.clip_range(1.0) == 1e6 and not made.normalize_advantage
    assert learner(1).normalize_advantage
