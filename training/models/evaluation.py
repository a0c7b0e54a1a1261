"""Measures V and M on held-out episodes, without changing the random states of the training."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from training.data.dataset import FREE, NO_EXPERT_ACTION
from training.data.frames import Frames
from training.data.latents import Batch, Sequences
from training.models.encode import encode_frames
from training.models.error_weights import player_box
from training.models.networks import (
    MDNLSTM,
    VAE,
    expert_action_loss,
    kl_by_dimension,
    log_likelihood,
)
from training.runs.devices import ComputeDevice

ACTIVE_VARIANCE = 0.01  # a latent dimension is active if its mean varies more over the frames
EVALUATED_BATCH = 16  # sequences
LOG_ROOT_2_PI = 0.5 * math.log(2 * math.pi)


@torch.no_grad()
def evaluate_vision(vae: VAE, held_out: Frames, device: ComputeDevice) -> dict[str, Any]:
    """Measure V on held-out frames, with z = mu.

    Returns:
        reconstruction_loss_held_out: binary cross-entropy, nats per frame.
        perfect_copy_loss_held_out: the same for a perfect copy of the frame; it is not 0, because
            pixel values are not only 0 and 1.
        reconstruction_error_held_out: root mean square error of the pixels, on a scale of 255.
        player_error_held_out: the same around the player; None if its position is unknown.
        player_flat_error_held_out: the same for a flat patch of the mean colour, or None.
        expert_action_loss_held_out: cross-entropy of the expert's buttons, predicted from z, nats
            per frame.
        kl_held_out: KL divergence from N(0, 1), nats per frame.
        active_dimensions: number of latent dimensions whose mean varies over the frames.
        kl_by_dimension: KL divergence of each latent dimension, in nats.
    """
    vae.eval()
    pixels = device.move(torch.from_numpy(held_out.pixels))
    mu, log_variance = encode_frames(vae, pixels)
    targets = pixels.float() / 255
    logits = torch.cat([vae.decode_logits(part) for part in torch.split(mu, 64)])
    entropy = functional.binary_cross_entropy(targets, targets, reduction="sum")
    cost = functional.binary_cross_entropy_with_logits(logits, targets, reduction="sum")
    decoded = torch.sigmoid(logits)
    squares = (decoded - targets).square().mean(3)  # (N, S, S)
    player_error, flat_error = _player_errors(held_out.player, decoded, targets)
    expert_action = expert_action_loss(
        vae.expert_action_logits(mu), device.move(torch.from_numpy(held_out.expert_action))
    )
    kl = kl_by_dimension(mu, log_variance)
    return {
        "reconstruction_loss_held_out": float(cost) / len(targets),
        "perfect_copy_loss_held_out": float(entropy) / len(targets),
        "reconstruction_error_held_out": float(squares.mean().sqrt()) * 255,
        "player_error_held_out": player_error,
        "player_flat_error_held_out": flat_error,
        "expert_action_loss_held_out": float(expert_action),
        "kl_held_out": float(kl.sum()),
        "active_dimensions": int((mu.var(0) > ACTIVE_VARIANCE).sum()),
        "kl_by_dimension": [round(value, 4) for value in kl.tolist()],
    }


def _player_errors(
    players: NDArray[np.int16], decoded: Tensor, targets: Tensor
) -> tuple[float | None, float | None]:
    """Return the root mean square errors of V and of a flat patch around the player, of 255."""
    errors, flat_errors = [], []
    for player, reconstruction, frame in zip(players, decoded, targets, strict=True):
        if player[0] < 0:
            continue
        rows, columns = player_box(player, frame.shape[0])
        patch = frame[rows, columns]
        errors.append(float((reconstruction[rows, columns] - patch).square().mean()))
        flat_errors.append(float((patch.mean((0, 1)) - patch).square().mean()))
    if not errors:
        return None, None
    return float(np.mean(errors)) ** 0.5 * 255, float(np.mean(flat_errors)) ** 0.5 * 255


@torch.no_grad()
def evaluate_memory(
    memory: MDNLSTM, held_out: Sequences, usual_change: Tensor, device: ComputeDevice
) -> dict[str, Any]:
    """Measure M on held-out sequences, and the predictor z[t + 1] = z[t] ("no change").

    Args:
        memory: network on the device.
        held_out: sequences of episodes that M was not trained on.
        usual_change: standard deviation of the no-change predictor's Gaussian, (Z,).
        device: device and precision.

    Returns:
        nll_held_out: negative log-likelihood in nats per step, of latents sampled as in training.
        nll_no_change_held_out: the same for a Gaussian around the last latent.
        prediction_error_held_out: root mean square of predicted mean minus next mean, over steps
            and dimensions.
        prediction_error_no_change_held_out: the same for the last mean as the prediction.
        expert_action_loss_held_out: cross-entropy of the expert's buttons, nats per step; None if
            no step has an expert action.
        expert_action_accuracy_held_out: share of steps in which all buttons of consequence are
            predicted correctly; None if no step has an expert action.
        expert_change_accuracy_held_out: the same for the steps in which the expert's action differs
            from the buttons of the step before, such as the beginning of a jump; None if there is
            no such step.
    """
    memory.eval()
    generator = torch.Generator().manual_seed(0)
    totals = torch.zeros(10, dtype=torch.float64)
    for first in range(0, len(held_out), EVALUATED_BATCH):
        chosen = np.arange(first, min(first + EVALUATED_BATCH, len(held_out)))
        sampled = held_out.batch(chosen, generator).apply(device.move)
        means = held_out.batch(chosen, None).apply(device.move)
        totals += _memory_sums(memory, sampled, means, usual_change)
    nll, nll_no_change, error, error_no_change = (totals[:4] / totals[4]).tolist()
    expert_action, correct, known, changed_correct, changed = totals[5:].tolist()
    return {
        "nll_held_out": nll,
        "nll_no_change_held_out": nll_no_change,
        "prediction_error_held_out": error**0.5,
        "prediction_error_no_change_held_out": error_no_change**0.5,
        "expert_action_loss_held_out": expert_action / known if known else None,
        "expert_action_accuracy_held_out": correct / known if known else None,
        "expert_change_accuracy_held_out": changed_correct / changed if changed else None,
    }


def _memory_sums(memory: MDNLSTM, sampled: Batch, means: Batch, usual_change: Tensor) -> Tensor:
    """Return sums over a batch, float64 (10,), in the order that `evaluate_memory` reads."""
    mixture, _ = memory(sampled.latents, sampled.actions)
    nll = -log_likelihood(mixture, sampled.targets)
    scaled = (sampled.targets - sampled.latents) / usual_change
    nll_no_change = (scaled**2 / 2 + usual_change.log() + LOG_ROOT_2_PI).sum(-1)
    hidden, _ = memory.unroll(means.latents, means.actions)
    mixture = memory.mixture(hidden)
    predicted = (mixture.logits.softmax(-1) * mixture.mu).sum(-1)
    error = (predicted - means.targets).square().mean(-1)
    error_no_change = (means.latents - means.targets).square().mean(-1)
    parts = (nll, nll_no_change, error, error_no_change, torch.ones_like(nll))
    sums = [part[sampled.mask].double().sum() for part in parts]
    logits = memory.expert_action_logits(means.latents, hidden)
    known = means.expert_action[..., 0] != NO_EXPERT_ACTION
    right = (logits > 0) == (means.expert_action % FREE == 1)
    correct = (right | (means.expert_action >= FREE)).all(-1) & known
    nats = expert_action_loss(logits, means.expert_action).double() * known.sum()
    before = torch.cat((torch.zeros_like(means.actions[:1]), means.actions[:-1]))
    differs = (means.expert_action % FREE != before) & (means.expert_action < FREE)
    changed = differs.any(-1) & known
    counts = [part.sum().double() for part in (correct, known, correct & changed, changed)]
    return torch.stack([*sums, nats, *counts]).cpu()
