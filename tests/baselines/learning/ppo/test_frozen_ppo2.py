"""The frozen network computes what Stable-Baselines3's policy computes; bad weights are named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from agent.errors import UserError
from arena.evaluation import shipped_weights
from baselines.learning.options import PRETRAINED
from baselines.learning.ppo.frozen_ppo2 import FrozenPpo2, logits
from tests.helpers.ppo2_weights import random_policy, write_random_weights

FRAMES = np.random.default_rng(1).integers(0, 256, (4, 84, 84), np.uint8)


def test_features_and_last_layer_give_the_policys_logits(tmp_path: Path) -> None:
    network = FrozenPpo2(write_random_weights(tmp_path / "w.safetensors"))
    features = network.features(FRAMES)
    assert features.shape == (512,) and features.dtype == np.float32 and (features >= 0).all()
    with torch.no_grad():
        known = random_policy().get_distribution(torch.from_numpy(FRAMES)[None]).distribution
    mine = logits(network.last_layer, features)
    mine -= np.log(np.exp(mine).sum())
    assert mine == pytest.approx(known.logits[0].numpy(), abs=1e-3)  # files are float16


def test_a_new_last_layer_changes_the_policy(tmp_path: Path) -> None:
    network = FrozenPpo2(write_random_weights(tmp_path / "w.safetensors"))
    layer = np.linspace(-1, 1, 3591)
    network.last_layer = layer
    assert network.last_layer == pytest.approx(layer, abs=1e-7)
    assert network.policy.action_net.weight[1, 0].item() == pytest.approx(layer[512])
    assert network.policy.action_net.bias[6].item() == 1.0


def test_bad_weights_give_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match="no weights at .*gone.safetensors.*omit --weights"):
        FrozenPpo2(tmp_path / "gone.safetensors")
    with pytest.raises(UserError, match="belong to another network: .*has the shape"):
        FrozenPpo2(write_random_weights(tmp_path / "w.safetensors", frame_size=96))
    monkeypatch.setattr(shipped_weights, "FOLDER", tmp_path)
    with pytest.raises(UserError, match="no weights at .*ppo2.safetensors.*pretrain ppo2"):
        FrozenPpo2(PRETRAINED)


def test_the_word_pretrained_names_the_projects_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = write_random_weights(tmp_path / "ppo2.safetensors")
    monkeypatch.setattr(shipped_weights, "FOLDER", tmp_path)
    assert np.array_equal(FrozenPpo2(PRETRAINED).last_layer, FrozenPpo2(weights).last_layer)
