"""The joint loss of the world model: reconstruction, KL divergence, next latent, action.

Source: wassname's world-models-sonic-pytorch, 2018: (reconstruction + 0.1 |KL|) / 8 + MDN
+ inverse / 50. There, the parts of the VAE are 1,000 times their sum over the frame divided by the
number of the frame's values; the others 1,000 times theirs divided by 512 latent dimensions and by
10 actions. Three mistakes of the source are corrected: its standard deviations were exp(log
variance); its inverse model saw the LSTM's prediction, from which it could read the LSTM's own
input, the action; and the prediction's error changed its target, so that latents shrank.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch.nn import functional

from baselines.learning.world_model.networks import (
    GaussianMixture,
    JointWorldModel,
    LSTMState,
    scaled,
)

VAE_WEIGHT, KL_WEIGHT, INVERSE_WEIGHT = 1 / 8, 1 / 10, 1 / 50
SCALE = 1000.0
MDN_DIVISOR, INVERSE_DIVISOR = 512, 10


@dataclass(frozen=True)
class Sequences:
    """Frames in the order of play, and what the agent did in between.

    Attributes:
        frames: uint8 (T + 1, B, S, S, 3).
        actions: int64 (T, B), the actions after the first T frames.
        starts: bool (T + 1, B), whether a frame is the first of its episode.
        state: state of the LSTM before the first frame, float32 (B, H) each.
    """

    frames: torch.Tensor
    actions: torch.Tensor
    starts: torch.Tensor
    state: LSTMState

    def split(self, count: int) -> list[Sequences]:
        """Return parts of `count` sequences or fewer."""
        parts = (self.frames, self.actions, self.starts)
        split = [torch.split(tensor, count, 1) for tensor in parts]
        states = [torch.split(tensor, count) for tensor in self.state]
        return [
            Sequences(frames, actions, starts, (h, c))
            for frames, actions, starts, h, c in zip(*split, *states, strict=True)
        ]


@dataclass(frozen=True)
class StepLosses:
    """Parts of the loss for each step, float32 (T, B); `total` is their weighted sum.

    Attributes:
        reconstruction: squared error of the frame, summed, times `SCALE` / values of a frame.
        kl: KL divergence from N(0, 1) in nats, times `SCALE` / values of a frame.
        mdn: negative log-likelihood of the next latent in nats, mean of the latent dimensions,
            times `SCALE` / 512. 0 after an episode's last step, which has no next latent.
        inverse: cross-entropy of the action in nats, times `SCALE` / 10. 0 where `mdn` is 0.
    """

    reconstruction: torch.Tensor
    kl: torch.Tensor
    mdn: torch.Tensor
    inverse: torch.Tensor

    @property
    def total(self) -> torch.Tensor:
        """The joint loss of each step, float32 (T, B)."""
        vae = self.reconstruction + KL_WEIGHT * self.kl.abs()
        return VAE_WEIGHT * vae + self.mdn + INVERSE_WEIGHT * self.inverse

    def means(self) -> dict[str, float]:
        """Return the means of the parts and of the total."""
        parts = {**vars(self), "total": self.total}
        return {name: float(values.detach().mean()) for name, values in parts.items()}


def joint_loss(
    model: JointWorldModel, sequences: Sequences, generator: torch.Generator | None = None
) -> StepLosses:
    """Compute the parts of the loss for each step.

    Args:
        model: the world model.
        sequences: what to learn from.
        generator: random generator of the latents; None takes their means.
    """
    steps, batch = sequences.actions.shape
    frames = sequences.frames.flatten(0, 1)
    assert sequences.frames.shape[:2] == (steps + 1, batch), sequences.frames.shape
    mu, log_variance = model.vae.encode(frames)
    latents = mu
    if generator is not None:
        noise = torch.randn(mu.shape, generator=generator)
        latents = mu + (0.5 * log_variance).exp() * noise
    played = steps * batch
    errors = (model.vae.decode(latents[:played]) - scaled(frames[:played])).square()
    values = errors[0].numel()
    reconstruction = SCALE * errors.flatten(1).sum(1) / values
    kl = SCALE * kl_divergence(mu[:played], log_variance[:played]) / values

    latents = latents.view(steps + 1, batch, -1)
    following = latents[1:]
    mixture = model.lstm(latents[:-1], sequences.actions, sequences.starts[:-1], sequences.state)
    # Without `detach`, the VAE could lower this loss by shrinking all latents.
    mdn = SCALE / MDN_DIVISOR * negative_log_likelihood(mixture, following.detach())
    logits = model.action_logits(latents[:-1], following)
    inverse = SCALE / INVERSE_DIVISOR * action_loss(logits, sequences.actions)
    goes_on = ~sequences.starts[1:]
    return StepLosses(
        reconstruction.view(steps, batch),
        kl.view(steps, batch),
        mdn * goes_on,
        inverse * goes_on,
    )


def kl_divergence(mu: torch.Tensor, log_variance: torch.Tensor) -> torch.Tensor:
    """Return the KL divergence from N(0, 1) in nats, summed over the last axis.

    Source: Kingma and Welling 2014, "Auto-Encoding Variational Bayes", appendix B.
    """
    return 0.5 * (mu.square() + log_variance.exp() - 1 - log_variance).sum(-1)


def negative_log_likelihood(mixture: GaussianMixture, targets: torch.Tensor) -> torch.Tensor:
    """Return the negative log density of the targets, in nats per latent dimension.

    Source: Bishop 1994, "Mixture Density Networks", equations 22-29, with one-dimensional
    Gaussians.

    Args:
        mixture: parameters, (T, B, Z, K).
        targets: float32 (T, B, Z).

    Returns:
        float32 (T, B).
    """
    assert mixture.mu.shape[:-1] == targets.shape, (mixture.mu.shape, targets.shape)
    distance = (targets[..., None] - mixture.mu) * (-mixture.log_sigma).exp()
    log_density = -0.5 * distance.square() - mixture.log_sigma - 0.5 * math.log(2 * math.pi)
    log_weights = functional.log_softmax(mixture.logits, -1)
    return -torch.logsumexp(log_weights + log_density, -1).mean(-1)


def action_loss(logits: torch.Tensor, actions: torch.Tensor) -> torch.Tensor:
    """Return the cross-entropy of the actions in nats: (T, B, A) and int64 (T, B) -> (T, B)."""
    return functional.cross_entropy(logits.movedim(-1, 1), actions, reduction="none")
