"""Pretraining of Rainbow stores weights and frames, resumes, and stops when it diverges."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from agent.errors import UserError
from arena.environment.levels import select
from baselines import rainbow
from baselines.learning.pretraining import CHECKPOINT
from baselines.learning.rainbow import training as rainbow_training
from baselines.learning.rainbow.learner import Rainbow
from baselines.learning.rainbow.options import RainbowOptions
from baselines.learning.rainbow.replay_file import load_recording
from baselines.learning.rainbow.training import train
from baselines.learning.weights import load_training, save_training
from tests.baselines.learning.rainbow.test_learner import walk
from tests.helpers.served_game import Running

LEVELS = select("pangolin-train")[:2]
SMALL = RainbowOptions(frame_size=36, learning_starts=40, batch=4, target_steps=50)


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rainbow_training, "CHECKPOINT_STEPS", 60)
    monkeypatch.setattr(rainbow_training, "CURVE_STEPS", 20)
    monkeypatch.setattr(rainbow_training, "SHIPPED_ENTRIES", 80)


@pytest.mark.slow
def test_it_trains_resumes_and_plays_with_what_it_wrote(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    run.mkdir()
    trained = train(SMALL, LEVELS, run, 100, 1, 1)
    assert (trained.weights, trained.timesteps) == (run / "rainbow.safetensors", 100)
    first = load_file(run / CHECKPOINT)
    assert int(first["steps"]) == 100
    assert len(load_recording(run / "rainbow.npz", 36).frames) == 80
    assert list((run / "tensorboard").glob("events.*"))

    again = train(SMALL, LEVELS, run, 160, 1, 1)
    second = load_file(run / CHECKPOINT)
    assert int(second["steps"]) == 160 and again.seconds > float(first["seconds"]) > 0
    name = "network.online.value.0.weight"
    assert (first[name] != second[name]).any()
    # The optimizer went on: one update in four timesteps, after 40 timesteps without an update.
    assert float(first["optimizer.0.step"]) == 16
    assert float(second["optimizer.0.step"]) == 16 + (60 - 40) // 4 + 1

    updates = []
    update = Rainbow.update
    monkeypatch.setattr(Rainbow, "update", lambda self: updates.append(self.steps) or update(self))
    served = Running(tmp_path / "sock", timesteps=40)
    arguments = ["--weights", str(again.weights), "--frame-size", "36", "--budget-steps", "40"]
    monkeypatch.setattr(sys, "argv", ["x", "--socket-dir", str(tmp_path / "sock"), *arguments])
    rainbow.main()
    assert served.result().timesteps == 40
    assert updates[:3] == [4, 8, 12]
    assert "does not learn" not in capsys.readouterr().err


@pytest.mark.slow
def test_it_stops_when_it_diverges_and_keeps_the_checkpoint(tmp_path: Path) -> None:
    train(SMALL, LEVELS, tmp_path, 60, 1, 1)
    with pytest.raises(UserError, match=r"training diverged: .* after 1\d\d timesteps; .*--seed"):
        train(replace(SMALL, learning_rate=1e38), LEVELS, tmp_path, 300, 1, 1)
    kept = load_file(tmp_path / CHECKPOINT)
    assert int(kept["steps"]) == 60
    assert all(bool(value.isfinite().all()) for value in kept.values())


def test_it_uses_one_emulator(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="--envs is 2"):
        train(SMALL, LEVELS, tmp_path, 60, 2, 1)


def test_a_restored_optimizer_continues_exactly(tmp_path: Path) -> None:
    """Also the weights of convolutions, which the fused Adam reads in their order in memory."""
    options = replace(SMALL, learning_starts=10**6)
    learner, other = Rainbow(options, n_actions=2), Rainbow(options, n_actions=2)
    walk(learner, 100)
    for _ in range(3):
        learner.update()
    save_training(learner.network, learner.optimizer, 3, 0.0, tmp_path / "t.safetensors")
    load_training(other.network, other.optimizer, tmp_path / "t.safetensors")
    other.copy_to_target()
    learner.copy_to_target()
    other.replay = learner.replay
    losses = []
    for each in (learner, other):
        each.reseed(5)
        priorities = each.replay._tree._sums.copy()
        losses.append([each.update() for _ in range(3)])
        each.replay._tree._sums = priorities
    assert losses[0] == losses[1]
    for one, two in zip(learner.network.parameters(), other.network.parameters(), strict=True):
        assert torch.equal(one, two)
    assert np.isfinite(losses).all()
