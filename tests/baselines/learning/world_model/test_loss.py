"""The parts of the joint loss equal hand-worked values, and its gradient reaches every network."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import distributions

from baselines.learning.world_model.loss import (
    Sequences,
    StepLosses,
    action_loss,
    joint_loss,
    kl_divergence,
    negative_log_likelihood,
)
from baselines.learning.world_model.networks import GaussianMixture, JointWorldModel
from baselines.learning.world_model.options import JointWorldModelOptions

N_ACTIONS = 10
SMALL = JointWorldModelOptions(
    frame_size=16, latent=3, filters=2, hidden=4, mixtures=2, inverse_units=5
)


def small_model(seed: int = 1) -> JointWorldModel:
    torch.manual_seed(seed)
    return JointWorldModel(SMALL, N_ACTIONS)


def sequences(model: JointWorldModel, steps: int = 4, batch: int = 2, seed: int = 1) -> Sequences:
    random = torch.Generator().manual_seed(seed)
    starts = torch.zeros(steps + 1, batch, dtype=torch.bool)
    starts[0] = True
    return Sequences(
        torch.randint(256, (steps + 1, batch, 16, 16, 3), generator=random, dtype=torch.uint8),
        torch.randint(N_ACTIONS, (steps, batch), generator=random),
        starts,
        model.lstm.initial(batch),
    )


def test_the_kl_divergence_is_that_of_torch() -> None:
    mu, log_variance = torch.tensor([[0.5, -1.0, 2.0]]), torch.tensor([[0.0, 1.0, -2.0]])
    one = distributions.Normal(mu, (0.5 * log_variance).exp())
    expected = distributions.kl_divergence(one, distributions.Normal(0.0, 1.0)).sum(-1)
    assert torch.allclose(kl_divergence(mu, log_variance), expected)
    # By hand: (0.25 + e^0 - 1 - 0) / 2 for the first dimension.
    assert float(kl_divergence(mu[:, :1], log_variance[:, :1])) == pytest.approx(0.125)


def test_the_likelihood_is_that_of_torchs_mixture() -> None:
    torch.manual_seed(1)
    logits, mu, log_sigma = (torch.randn(1, 1, 3, 5) for _ in range(3))
    targets = torch.randn(1, 1, 3)
    expected = distributions.MixtureSameFamily(
        distributions.Categorical(logits=logits), distributions.Normal(mu, log_sigma.exp())
    ).log_prob(targets)
    found = negative_log_likelihood(GaussianMixture(logits, mu, log_sigma), targets)
    assert found.shape == (1, 1)
    assert torch.allclose(found, -expected.mean(-1), atol=1e-6)


def test_the_likelihood_of_one_gaussian_by_hand() -> None:
    # sigma 2, one standard deviation away: log 2 + 1/2 + log(2 pi) / 2.
    mixture = GaussianMixture(
        torch.zeros(1, 1, 1, 1), torch.ones(1, 1, 1, 1), torch.full((1, 1, 1, 1), math.log(2))
    )
    found = float(negative_log_likelihood(mixture, torch.full((1, 1, 1), 3.0)))
    assert found == pytest.approx(math.log(2) + 0.5 + 0.5 * math.log(2 * math.pi))


def test_the_cross_entropy_by_hand() -> None:
    logits = torch.log(torch.tensor([[[0.7, 0.2, 0.1], [0.1, 0.1, 0.8]]]))  # (1, 2, 3)
    found = action_loss(logits, torch.tensor([[0, 1]]))
    assert torch.allclose(found, -torch.log(torch.tensor([[0.7, 0.1]])))


def test_the_parts_are_weighted_as_in_the_source() -> None:
    losses = StepLosses(*(torch.full((1, 1), value) for value in (80.0, -40.0, 3.0, 100.0)))
    assert float(losses.total) == pytest.approx((80 + 0.1 * 40) / 8 + 3 + 100 / 50)
    assert losses.means()["kl"] == -40 and losses.means()["total"] == pytest.approx(15.5)


def test_the_parts_are_scaled_as_in_the_source() -> None:
    model = small_model()
    batch = sequences(model)
    losses = joint_loss(model, batch)
    frames = batch.frames[1, 1]
    with torch.no_grad():
        mu, log_variance = model.vae.encode(frames[None])
        decoded = model.vae.decode(mu)[0].permute(1, 2, 0)
        following = model.vae.encode(batch.frames[2, 1][None])[0]
        logits = model.action_logits(mu, following)
    losses = replace(losses, **{name: part.detach() for name, part in vars(losses).items()})
    error = (decoded - frames / 255).square().sum()
    assert float(losses.reconstruction[1, 1]) == pytest.approx(float(1000 * error / 768), rel=1e-4)
    kl = 1000 * kl_divergence(mu, log_variance) / 768
    assert float(losses.kl[1, 1]) == pytest.approx(float(kl), rel=1e-4)
    action = batch.actions[1, 1][None]
    entropy = torch.nn.functional.cross_entropy(logits, action)
    assert float(losses.inverse[1, 1]) == pytest.approx(float(100 * entropy), rel=1e-4)


def test_the_next_latent_is_predicted_from_the_steps_before() -> None:
    model = small_model()
    batch = sequences(model)
    with torch.no_grad():
        losses = joint_loss(model, batch)
        mu = model.vae.encode(batch.frames.flatten(0, 1))[0].view(5, 2, -1)
        h, c = model.lstm.initial(2)
        for step in range(2):
            h, c = model.lstm.step(mu[step], batch.actions[step], (h, c))
        logits, means, log_sigma = model.lstm.output(h).view(2, 3, 3, 2).unbind(1)
        mixture = GaussianMixture(logits[None], means[None], log_sigma[None])
        expected = negative_log_likelihood(mixture, mu[2][None])[0]
    assert torch.allclose(losses.mdn[1], 1000 / 512 * expected, atol=1e-5)


def test_nothing_is_predicted_across_the_end_of_an_episode() -> None:
    model = small_model()
    batch = sequences(model)
    batch.starts[2, 0] = True
    losses = joint_loss(model, batch)
    assert losses.mdn[1, 0] == losses.inverse[1, 0] == 0
    assert bool((losses.mdn[:, 1] != 0).all()) and bool((losses.inverse[:, 1] > 0).all())
    assert bool((losses.reconstruction > 0).all())
    # After the start, the prediction doesn't depend on what was before.
    again = Sequences(batch.frames[2:], batch.actions[2:], batch.starts[2:], batch.state)
    assert torch.allclose(losses.mdn[2:, 0], joint_loss(model, again).mdn[:, 0], atol=1e-5)


def test_the_joint_gradient_reaches_all_parts() -> None:
    model = small_model()
    random = torch.Generator().manual_seed(1)
    joint_loss(model, sequences(model), random).total.mean().backward()
    for name, value in model.named_parameters():
        assert value.grad is not None and bool((value.grad != 0).any()), name


@pytest.mark.parametrize("part", ["mdn", "inverse", "reconstruction", "kl"])
def test_each_part_teaches_the_encoder(part: str) -> None:
    model = small_model()
    getattr(joint_loss(model, sequences(model)), part).mean().backward()
    gradient = model.vae.mu.weight.grad
    assert gradient is not None and bool((gradient != 0).any())


def test_the_target_of_the_prediction_is_not_taught() -> None:
    model = small_model()
    batch = sequences(model, steps=1, batch=1)
    frames = batch.frames.clone()
    joint_loss(model, batch).mdn.sum().backward()
    gradient = model.vae.mu.bias.grad
    assert gradient is not None
    # One step: only the first latent, the input, may have a gradient; with its weights set to 0
    # nothing is left.
    model.zero_grad()
    with torch.no_grad():
        model.lstm.cell.weight_ih.zero_()
    joint_loss(
        model, Sequences(frames, batch.actions, batch.starts, batch.state)
    ).mdn.sum().backward()
    assert np.count_nonzero(model.vae.mu.bias.grad) == 0


def test_a_split_keeps_the_order() -> None:
    model = small_model()
    batch = sequences(model, batch=3)
    parts = batch.split(2)
    assert [part.actions.shape[1] for part in parts] == [2, 1]
    whole = joint_loss(model, batch).total
    found = torch.cat([joint_loss(model, part).total for part in parts], 1)
    assert torch.allclose(found, whole, atol=1e-5)
