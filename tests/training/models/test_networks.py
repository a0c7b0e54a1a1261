"""V and M in PyTorch: shapes, losses against torch.distributions, and causality."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import distributions
from torch.nn import functional

from agent.world_model.packed_model import PRESETS, ModelSpec
from tests.helpers.small_models import TINY
from training.data.latents import sample_latent
from training.models.networks import (
    FREE_WEIGHT,
    MDNLSTM,
    VAE,
    Mixture,
    expert_action_loss,
    log_likelihood,
    mdn_loss,
    sample_mixture,
)
from training.models.untrained import random_networks


def generator(seed: int = 1) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def random_mixture(steps: int, batch: int, latent: int, mixtures: int) -> Mixture:
    shape = (steps, batch, latent, mixtures)
    draws = [torch.randn(shape, generator=generator(seed)) for seed in (1, 2, 3)]
    return Mixture(draws[0], draws[1] * 2, draws[2] * 0.5)


def random_frames(count: int, size: int) -> torch.Tensor:
    shape = (count, size, size, 3)
    return torch.randint(0, 256, shape, generator=generator(), dtype=torch.uint8)


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_presets_have_the_layer_sizes_of_their_papers(preset: str) -> None:
    spec = PRESETS[preset]
    with torch.device("meta"):
        vae = VAE(spec)
        frames = torch.zeros((2, spec.frame_size, spec.frame_size, 3), dtype=torch.uint8)
        mu, log_variance = vae.encode(frames)
        decoded = vae.decode(mu)
    assert mu.shape == log_variance.shape == (2, spec.latent)
    assert decoded.shape == frames.shape
    assert vae.start.out_features == {"original2018": 9216, "compact": 1024}[preset]


def test_the_encoder_sees_frames_divided_by_255_and_not_inverted() -> None:
    vae, _ = random_networks(TINY)
    frames = random_frames(3, 64)
    x = torch.tensor(frames.numpy() / 255.0, dtype=torch.float32).permute(0, 3, 1, 2)
    for convolution in vae.convolutions:
        x = functional.relu(functional.conv2d(x, convolution.weight, convolution.bias, stride=2))
    torch.testing.assert_close(vae.encode(frames)[0], vae.mu(x.reshape(3, -1)))


def test_a_button_of_no_consequence_hardly_counts() -> None:
    logits = torch.tensor([[3.0, -3.0, -3.0, 3.0]] * 4)
    right = torch.tensor([[1, 0, 0, 1]] * 4, dtype=torch.uint8)
    wrong, free, unknown = right.clone(), right.clone(), right.clone()
    wrong[:, 0] = 0
    free[:, 0] = 2  # 0, but 1 would do as well
    unknown[1:] = 255
    good, bad = expert_action_loss(logits, right), expert_action_loss(logits, wrong)
    torch.testing.assert_close(
        expert_action_loss(logits, free) - 0.75 * good, FREE_WEIGHT * (bad - 0.75 * good)
    )
    torch.testing.assert_close(expert_action_loss(logits, unknown), good)


def test_frames_of_another_size_or_dtype_are_refused() -> None:
    vae, _ = random_networks(TINY)
    for frames in (random_frames(2, 128), random_frames(2, 64).float()):
        with pytest.raises(AssertionError):
            vae.encode(frames)


@pytest.mark.parametrize("batch", [1, 3])
def test_the_vae_loss_is_that_of_torch_distributions(batch: int) -> None:
    vae, _ = random_networks(TINY)
    frames = random_frames(batch, 64)
    loss = vae.loss(frames, beta=3.0, generator=generator())
    mu, log_variance = vae.encode(frames)
    decoded = vae.decode(sample_latent(mu, log_variance, generator()))
    expected = functional.binary_cross_entropy(decoded, frames / 255, reduction="sum") / batch
    posterior = distributions.Normal(mu, (log_variance / 2).exp())
    prior = distributions.Normal(torch.zeros_like(mu), torch.ones_like(mu))
    kl = distributions.kl_divergence(posterior, prior).sum() / batch
    torch.testing.assert_close(loss.reconstruction, expected, rtol=1e-5, atol=1e-3)
    torch.testing.assert_close(loss.kl, kl)
    torch.testing.assert_close(loss.total, loss.reconstruction + 3 * loss.kl)


def test_the_reconstruction_loss_can_use_a_part_of_the_batch() -> None:
    vae, _ = random_networks(TINY)
    frames = random_frames(5, 64)
    weights = torch.rand(5, 64, 64)
    some = vae.loss(frames, beta=2.0, weights=weights, decoded_frames=2, generator=generator())
    first = vae.loss(frames[:2], beta=2.0, weights=weights[:2], generator=generator())
    whole = vae.loss(frames, beta=2.0, weights=weights, generator=generator())
    torch.testing.assert_close(some.reconstruction, first.reconstruction)
    torch.testing.assert_close(some.total - 2 * some.kl, first.total - 2 * first.kl)
    torch.testing.assert_close(some.kl, whole.kl)
    torch.testing.assert_close(some.mu, whole.mu)


def test_the_vae_learns_to_reconstruct_a_frame() -> None:
    vae, _ = random_networks(TINY)
    frames = torch.zeros((1, 64, 64, 3), dtype=torch.uint8)
    frames[:, :, :32] = 255  # left white
    frames[:, 32:, 32:, 0] = 255  # lower right red, upper right black
    optimizer = torch.optim.Adam(vae.parameters(), 3e-3)
    for _ in range(40):
        optimizer.zero_grad()
        vae.loss(frames, beta=0.1, generator=generator()).total.backward()
        optimizer.step()
    with torch.no_grad():
        decoded = vae.decode(vae.encode(frames)[0])
    assert decoded[0, :, :32].mean() > 0.8
    assert decoded[0, :32, 32:].mean() < 0.2
    assert decoded[0, 32:, 32:, 0].mean() > 0.8 and decoded[0, 32:, 32:, 1:].mean() < 0.2


@pytest.mark.parametrize(("steps", "batch"), [(1, 1), (1, 3), (4, 1), (4, 3)])
@pytest.mark.parametrize(("latent", "mixtures"), [(1, 1), (5, 3)])
def test_the_density_is_that_of_torch_distributions(
    steps: int, batch: int, latent: int, mixtures: int
) -> None:
    mixture = random_mixture(steps, batch, latent, mixtures)
    targets = torch.randn((steps, batch, latent), generator=generator(4))
    reference = distributions.MixtureSameFamily(
        distributions.Categorical(logits=mixture.logits),
        distributions.Normal(mixture.mu, mixture.log_sigma.exp()),
    )
    density = log_likelihood(mixture, targets)
    assert density.shape == (steps, batch)
    torch.testing.assert_close(density, reference.log_prob(targets).sum(-1))


def test_far_targets_keep_a_finite_likelihood_and_gradient() -> None:
    mixture = Mixture(*(part.requires_grad_() for part in random_mixture(2, 2, 3, 4)))
    density = log_likelihood(mixture, torch.full((2, 2, 3), 1e4))
    density.sum().backward()
    assert torch.isfinite(density).all() and (density < -1e5).all()
    for part in mixture:
        assert part.grad is not None and torch.isfinite(part.grad).all()


def test_the_loss_is_the_mean_over_unmasked_steps() -> None:
    mixture = random_mixture(4, 2, 3, 2)
    targets = torch.randn((4, 2, 3), generator=generator())
    mask = torch.tensor([[True, True], [True, False], [True, False], [False, False]])
    expected = -log_likelihood(mixture, targets)[mask].mean()
    torch.testing.assert_close(mdn_loss(mixture, targets, mask), expected)
    padded = torch.where(mask[..., None], targets, torch.nan)  # padding may have any values
    torch.testing.assert_close(mdn_loss(mixture, padded, mask), expected)
    assert mdn_loss(mixture, targets, torch.zeros_like(mask)) == 0


@pytest.mark.parametrize(("steps", "batch"), [(1, 1), (1, 2), (5, 1), (5, 2)])
def test_outputs_of_the_memory_keep_all_axes(steps: int, batch: int) -> None:
    _, memory = random_networks(TINY)
    latents = torch.randn((steps, batch, TINY.latent), generator=generator())
    actions = torch.ones((steps, batch, 4), dtype=torch.uint8)
    mixture, (h, c) = memory(latents, actions)
    for part in mixture:
        assert part.shape == (steps, batch, TINY.latent, TINY.mixtures)
    assert h.shape == c.shape == (batch, TINY.hidden)
    assert sample_mixture(mixture, 1.0, generator()).shape == (steps, batch, TINY.latent)


def predictions(memory: MDNLSTM, latents: torch.Tensor, actions: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        return torch.stack(tuple(memory(latents, actions)[0]))


def test_predictions_do_not_depend_on_the_future_or_on_other_sequences() -> None:
    _, memory = random_networks(TINY)
    latents = torch.randn((6, 3, TINY.latent), generator=generator())
    actions = torch.zeros((6, 3, 4))
    before = predictions(memory, latents, actions)
    changed_latents, changed_actions = latents.clone(), actions.clone()
    changed_latents[3, 1] += 1
    changed_actions[4, 2, 0] = 1
    changed = (predictions(memory, changed_latents, changed_actions) != before).flatten(3).any(-1)
    expected = torch.zeros((6, 3), dtype=torch.bool)
    expected[3:, 1] = True
    expected[4:, 2] = True
    assert torch.equal(changed.any(0), expected)


def test_single_steps_equal_a_whole_sequence() -> None:
    _, memory = random_networks(TINY)
    latents = torch.randn((5, 2, TINY.latent), generator=generator())
    actions = torch.randint(0, 2, (5, 2, 4), generator=generator())
    with torch.no_grad():
        whole, end = memory.unroll(latents, actions)
        state = None
        for step in range(5):
            hidden, state = memory.unroll(latents[step][None], actions[step][None], state)
            torch.testing.assert_close(hidden[0], whole[step])
    assert state is not None
    torch.testing.assert_close(state, end)


def test_temperature_acts_before_the_softmax_and_widens_the_gaussians() -> None:
    draws, logits = 20_000, torch.tensor([0.0, 1.0, 2.0])
    shape = (1, draws, 1, 3)
    mu = torch.tensor([-100.0, 0.0, 100.0]).expand(shape)
    mixture = Mixture(logits.expand(shape), mu, torch.zeros(shape))
    for temperature in (0.5, 1.0, 2.0):
        samples = sample_mixture(mixture, temperature, generator()).flatten()
        nearest = (samples[:, None] - mu[0, 0, 0]).abs().argmin(1)
        shares = torch.bincount(nearest, minlength=3) / draws
        expected = torch.softmax(logits / temperature, 0)
        torch.testing.assert_close(shares, expected, atol=0.02, rtol=0)
        spread = (samples - mu[0, 0, 0][nearest]).std()
        assert abs(float(spread) - temperature**0.5) < 0.03


def test_samples_come_from_one_gaussian_and_not_from_their_average() -> None:
    shape = (1, 1000, 2, 2)
    mixture = Mixture(
        torch.zeros(shape), torch.tensor([-5.0, 5.0]).expand(shape), torch.full(shape, -3.0)
    )
    samples = sample_mixture(mixture, 1.0, generator())
    assert ((samples.abs() - 5).abs() < 1).all()
    assert (samples[..., 0] * samples[..., 1] < 0).any(), "the dimensions draw apart"


def test_latents_are_drawn_with_half_the_log_variance() -> None:
    log_variance = torch.full((50_000, 1), 2.0)
    drawn = sample_latent(torch.ones(50_000, 1), log_variance, generator())
    assert abs(float(drawn.std()) - 2.71828) < 0.05
    assert abs(float(drawn.mean()) - 1) < 0.05


def test_the_same_seed_makes_the_same_networks() -> None:
    def weights(spec: ModelSpec, seed: int) -> list[torch.Tensor]:
        return [tensor for net in random_networks(spec, seed) for tensor in net.parameters()]

    first, second, other = (weights(TINY, seed) for seed in (1, 1, 2))
    assert all(torch.equal(ours, theirs) for ours, theirs in zip(first, second, strict=True))
    assert not torch.equal(first[0], other[0])
    wider = weights(replace(TINY, hidden=16), 1)
    assert any(a.shape != b.shape for a, b in zip(first, wider, strict=True))
