"""Pretraining stores its weights, resumes, and stops when it diverges."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from safetensors.torch import load_file

from agent.errors import UserError
from arena.environment.levels import select
from baselines import pretrain
from baselines.learning.ppo import PpoSettings
from baselines.pretrain import CHECKPOINT, WEIGHTS, PretrainOptions, train

SMALL = PpoSettings(rollout_steps=32, minibatches=2, epochs=1)
LEVELS = select("pangolin-train")[:2]


@pytest.mark.slow
def test_it_trains_stores_and_resumes(tmp_path: Path) -> None:
    options = PretrainOptions("ppo2", tmp_path, steps=64)
    train(options, SMALL, LEVELS)
    first = load_file(tmp_path / CHECKPOINT)
    assert int(first["steps"]) == 64
    train(replace(options, steps=128), SMALL, LEVELS)
    second = load_file(tmp_path / CHECKPOINT)
    assert int(second["steps"]) == 128
    name = "policy.action_net.weight"
    assert (first[name] != second[name]).any()
    assert (load_file(tmp_path / WEIGHTS)["action_net.weight"] == second[name]).all()
    assert list((tmp_path / "tensorboard").rglob("events.*"))


@pytest.mark.slow
def test_it_stops_at_a_weight_that_is_not_finite_and_keeps_the_checkpoint(tmp_path: Path) -> None:
    options = PretrainOptions("ppo2", tmp_path, steps=64)
    train(options, SMALL, LEVELS)
    before = (tmp_path / CHECKPOINT).read_bytes()
    with pytest.raises(UserError, match="training diverged"):
        train(replace(options, steps=256), replace(SMALL, learning_rate=1e38), LEVELS)
    after = load_file(tmp_path / CHECKPOINT)
    assert before and all(bool(value.isfinite().all()) for value in after.values())


def test_the_joint_settings_differ_from_the_contests_only_where_the_source_says() -> None:
    joint, contest = pretrain.AGENTS["aborghi"], pretrain.aborghi.SETTINGS
    assert (joint.learning_rate, joint.minibatches) == (2e-4, 16)
    assert replace(joint, learning_rate=7.5e-5, minibatches=4, rollout_steps=4096) == contest
