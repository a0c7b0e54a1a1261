"""Pretraining stores its weights, resumes, and stops when it diverges."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from safetensors.torch import load_file

from agent.errors import UserError
from arena.environment.levels import select
from baselines.aborghi import AborghiOptions
from baselines.learning.ppo.joint_training import train
from baselines.learning.pretraining import CHECKPOINT
from baselines.ppo2 import Ppo2Options
from baselines.pretrain import AGENTS

SMALL = Ppo2Options(rollout_steps=32, minibatches=2, epochs=1)
LEVELS = select("pangolin-train")[:2]


@pytest.mark.slow
def test_it_trains_stores_and_resumes(tmp_path: Path) -> None:
    trained = train(SMALL, LEVELS, tmp_path, 64, 2, 1)
    assert (trained.weights, trained.timesteps) == (tmp_path / "ppo2.safetensors", 64)
    first = load_file(tmp_path / CHECKPOINT)
    assert int(first["steps"]) == 64
    resumed = train(SMALL, LEVELS, tmp_path, 128, 2, 1)
    assert resumed.seconds > float(first["seconds"]) > 0
    second = load_file(tmp_path / CHECKPOINT)
    assert int(second["steps"]) == 128
    name = "network.action_net.weight"
    assert (first[name] != second[name]).any()
    assert (load_file(trained.weights)["action_net.weight"] == second[name].half()).all()
    assert list((tmp_path / "tensorboard").rglob("events.*"))


@pytest.mark.slow
def test_it_stops_when_it_diverges_and_keeps_the_checkpoint(tmp_path: Path) -> None:
    train(SMALL, LEVELS, tmp_path, 64, 2, 1)
    with pytest.raises(UserError, match="training diverged"):
        train(replace(SMALL, learning_rate=1e38), LEVELS, tmp_path, 256, 2, 1)
    kept = load_file(tmp_path / CHECKPOINT)
    assert int(kept["steps"]) == 64
    assert all(bool(value.isfinite().all()) for value in kept.values())


def test_the_joint_settings_differ_from_the_contests_only_where_the_source_says() -> None:
    joint = AGENTS["aborghi"].options
    assert (joint.learning_rate, joint.minibatches) == (2e-4, 16)
    contest = replace(joint, learning_rate=7.5e-5, minibatches=4, rollout_steps=4096)
    assert contest == AborghiOptions()
