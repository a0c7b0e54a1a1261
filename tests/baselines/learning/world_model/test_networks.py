"""The networks of the joint world model have the shapes and the sizes that they say."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from agent.errors import UserError
from baselines.learning.world_model.networks import FrameVAE, JointWorldModel, MixtureLSTM
from baselines.learning.world_model.options import JointWorldModelOptions


@pytest.mark.parametrize("size", [16, 32, 64, 128])
def test_the_vae_decodes_to_the_size_of_the_frames(size: int) -> None:
    vae = FrameVAE(size, latent=7, filters=2)
    frames = torch.randint(256, (3, size, size, 3), dtype=torch.uint8)
    mu, log_variance = vae.encode(frames)
    assert mu.shape == log_variance.shape == (3, 7)
    decoded = vae.decode(mu)
    assert decoded.shape == (3, 3, size, size)
    assert 0 <= float(decoded.detach().min()) and float(decoded.detach().max()) <= 1


def test_the_filters_grow_by_those_of_the_first_convolution() -> None:
    vae = FrameVAE(64, latent=7, filters=32)
    shapes = [tuple(p.shape) for p in vae.convolutions.parameters() if p.dim() == 4]
    assert shapes == [(32, 3, 4, 4), (64, 32, 4, 4), (96, 64, 4, 4), (128, 96, 4, 4)]


@pytest.mark.parametrize("size", [8, 60, 96])
def test_another_size_gives_one_line(size: int) -> None:
    with pytest.raises(UserError, match=f"frame_size is {size}: use 16, 32, 64 or 128"):
        FrameVAE(size, latent=7, filters=2)


@pytest.mark.parametrize(("steps", "batch"), [(1, 1), (1, 3), (5, 1), (5, 3)])
def test_the_lstm_predicts_a_mixture_for_each_step(steps: int, batch: int) -> None:
    lstm = MixtureLSTM(latent=4, n_actions=10, hidden=6, mixtures=5)
    starts = torch.zeros(steps, batch, dtype=torch.bool)
    actions = torch.randint(10, (steps, batch))
    mixture = lstm(torch.randn(steps, batch, 4), actions, starts, lstm.initial(batch))
    assert all(values.shape == (steps, batch, 4, 5) for values in mixture)


def test_the_action_changes_the_prediction() -> None:
    lstm = MixtureLSTM(latent=4, n_actions=10, hidden=6, mixtures=5)
    latents, starts = torch.randn(1, 1, 4), torch.zeros(1, 1, dtype=torch.bool)
    one, other = (
        lstm(latents, torch.full((1, 1), action), starts, lstm.initial(1)).mu for action in (2, 3)
    )
    assert not torch.equal(one, other)


def test_the_default_has_fewer_weights_than_may_be_shipped() -> None:
    options = JointWorldModelOptions()
    weights = sum(p.numel() for p in JointWorldModel(options, 10).parameters())
    assert 4 * weights < 20e6
    source = replace(options, frame_size=128, latent=512, filters=64, hidden=1024)
    assert sum(p.numel() for p in JointWorldModel(source, 10).parameters()) > 4 * weights
