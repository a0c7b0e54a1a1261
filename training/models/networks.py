"""The reference networks in torch: V, a beta-VAE, and M, an MDN-LSTM, with their losses.

What plays is their export to ONNX; what trains, dreams and draws pictures is this. Time is the
first axis everywhere, then the batch: (T, B, ...). What a network returns is float32 under
autocast too, so that losses and likelihoods are computed in it.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from agent.buttons import ACTION_BUTTONS
from agent.world_model.packed_model import ModelSpec

LOG_SIGMA_RANGE = (-7.0, 7.0)  # of the mixtures: a Gaussian may not shrink to a point

State = tuple[Tensor, Tensor]  # h and c, (B, H) each


class VAELoss(NamedTuple):
    """Parts of the loss, in nats a frame: means over the batch, scalars."""

    total: Tensor  # weighted reconstruction + beta * kl, with kl after the free bits
    reconstruction: Tensor  # binary cross-entropy summed over the frame's values, not weighted
    kl: Tensor  # KL divergence from N(0, 1), summed over the latent dimensions
    mu: Tensor  # (B, Z), the latents' means, for further losses


class VAE(nn.Module):
    """V: convolutions of kernel 4 and stride 2 down to a Gaussian latent, and back."""

    def __init__(self, spec: ModelSpec) -> None:
        """Build encoder and decoder for frames of 64 or 128 pixels.

        The decoders are those of the papers: for 64 pixels World Models' (Ha and Schmidhuber
        2018, appendix A.1), for 128 the one of the agent of 2018, both on a 1 x 1 start.
        """
        super().__init__()
        self.spec = spec
        channels = (3, *spec.channels)
        self.convolutions = nn.ModuleList(
            nn.Conv2d(fan_in, fan_out, 4, 2)
            for fan_in, fan_out in zip(channels, channels[1:], strict=False)
        )
        flat = spec.channels[-1] * spec.encoder_sizes[-1] ** 2
        self.mu = nn.Linear(flat, spec.latent)
        self.expert_action = nn.Linear(spec.latent, len(ACTION_BUTTONS))
        self.log_variance = nn.Linear(flat, spec.latent)
        layers = _DECODERS[spec.frame_size]
        self.start = nn.Linear(spec.latent, layers[0][0])
        self.deconvolutions = nn.ModuleList(
            nn.ConvTranspose2d(fan_in, fan_out, kernel, 2) for fan_in, fan_out, kernel in layers
        )

    def encode(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        """Encode frames, uint8 (B, S, S, 3), to (mu, log variance), float32 (B, Z) each."""
        size = self.spec.frame_size
        assert frames.dtype == torch.uint8 and frames.shape[1:] == (size, size, 3), (
            f"frames of {frames.dtype} {tuple(frames.shape)}"
        )
        x = frames.permute(0, 3, 1, 2).float() / 255  # (B, 3, S, S)
        for convolution in self.convolutions:
            x = functional.relu(convolution(x))
        x = x.flatten(1)
        return self.mu(x).float(), self.log_variance(x).float()

    def expert_action_logits(self, latents: Tensor) -> Tensor:
        """What an expert would press on frames, from their latents alone: logits (B, 4)."""
        logits: Tensor = self.expert_action(latents).float()
        return logits

    def decode_logits(self, latents: Tensor) -> Tensor:
        """Decode latents, float32 (B, Z), to the logits of the frames' values, (B, S, S, 3)."""
        assert latents.shape[1:] == (self.spec.latent,), f"latents {tuple(latents.shape)}"
        x: Tensor = self.start(latents)[:, :, None, None]  # (B, C, 1, 1)
        for number, deconvolution in enumerate(self.deconvolutions, 1):
            x = deconvolution(x)
            if number < len(self.deconvolutions):
                x = functional.relu(x)
        return x.permute(0, 2, 3, 1).float()

    def decode(self, latents: Tensor) -> Tensor:
        """Decode latents, float32 (B, Z), to frames, float32 (B, S, S, 3) in [0, 1]."""
        return torch.sigmoid(self.decode_logits(latents))

    def loss(
        self,
        frames: Tensor,
        *,
        beta: float,
        free_nats: float = 0.0,
        weights: Tensor | None = None,
        painted: int | None = None,
        generator: torch.Generator | None = None,
    ) -> VAELoss:
        """The beta-VAE loss (Higgins et al. 2017, eq. 4) of one sampled latent a frame.

        Args:
            frames: uint8 (B, S, S, 3).
            beta: weight of the KL divergence.
            free_nats: each latent dimension may carry as much, on the batch's mean, for free
                (Kingma et al. 2016, appendix C.8); 0 turns it off.
            weights: float32 (B, S, S), what an error of each pixel costs; None: 1.
            painted: so many frames, the first ones, are decoded and stand for all; None: all.
            generator: draws the latents.
        """
        mu, log_variance = self.encode(frames)
        logits = self.decode_logits(sample_latent(mu[:painted], log_variance[:painted], generator))
        errors = functional.binary_cross_entropy_with_logits(
            logits, frames[:painted].float() / 255, reduction="none"
        )
        reconstruction = errors.flatten(1).sum(1).mean()
        weighted = reconstruction
        if weights is not None:
            weighted = (errors.sum(3) * weights[:painted]).flatten(1).sum(1).mean()
        kl_by_dimension = (0.5 * (mu**2 + log_variance.exp() - 1 - log_variance)).mean(0)  # (Z,)
        total = weighted + beta * kl_by_dimension.clamp(min=free_nats).sum()
        return VAELoss(total, reconstruction, kl_by_dimension.sum(), mu)


# frame size -> (channels in, channels out, kernel) of the transposed convolutions, stride 2.
_DECODERS = {
    64: ((1024, 128, 5), (128, 64, 5), (64, 32, 6), (32, 3, 6)),
    128: ((9216, 128, 5), (128, 64, 5), (64, 32, 5), (32, 16, 6), (16, 3, 6)),
}


def sample_latent(
    mu: Tensor, log_variance: Tensor, generator: torch.Generator | None = None
) -> Tensor:
    """Draw z from N(mu, exp(log_variance)), any shape; the deviation is exp(log_variance / 2)."""
    assert mu.shape == log_variance.shape, (mu.shape, log_variance.shape)
    device = mu.device if generator is None else generator.device
    noise = torch.randn(mu.shape, generator=generator, device=device, dtype=mu.dtype)
    return mu + noise.to(mu.device) * (0.5 * log_variance).exp()


class Mixture(NamedTuple):
    """K Gaussians for each latent dimension of the next step: (T, B, Z, K) each."""

    logits: Tensor  # of the weights pi; not normalised
    mu: Tensor
    log_sigma: Tensor


class MDNLSTM(nn.Module):
    """M: [z, action] -> Linear, ReLU -> LSTM -> a mixture for each dimension of the next z."""

    def __init__(self, spec: ModelSpec) -> None:
        """Build the memory of a specification."""
        super().__init__()
        self.spec = spec
        self.input = nn.Linear(spec.latent + len(ACTION_BUTTONS), spec.hidden)
        self.lstm = nn.LSTM(spec.hidden, spec.hidden)
        self.heads = nn.Linear(spec.hidden, 3 * spec.latent * spec.mixtures)
        self.expert_action = nn.Linear(spec.latent + spec.hidden, len(ACTION_BUTTONS))

    def initial(self, batch: int) -> State:
        """The state at a sequence's start: zeros, (B, H) twice."""
        zeros = self.input.weight.new_zeros(batch, self.spec.hidden)
        return zeros, zeros.clone()

    def forward(
        self, latents: Tensor, actions: Tensor, state: State | None = None
    ) -> tuple[Mixture, State]:
        """Predict each next latent from all steps up to it.

        Args:
            latents: float32 (T, B, Z).
            actions: (T, B, 4), uint8 or float, of 0 and 1: pressed on seeing the latent.
            state: before the first step; None is the start of a sequence.

        Returns:
            The mixtures of the next latents, (T, B, Z, K), and the state after the last step.
        """
        hidden, state = self.unroll(latents, actions, state)
        return self.mixture(hidden), state

    def unroll(
        self, latents: Tensor, actions: Tensor, state: State | None = None
    ) -> tuple[Tensor, State]:
        """Step the LSTM: arguments as `forward`'s; return h after each step (T, B, H), state."""
        steps, batch, _ = latents.shape
        assert latents.shape == (steps, batch, self.spec.latent), latents.shape
        assert actions.shape == (steps, batch, len(ACTION_BUTTONS)), actions.shape
        h, c = self.initial(batch) if state is None else state
        assert h.shape == c.shape == (batch, self.spec.hidden), (h.shape, c.shape)
        x = functional.relu(self.input(torch.cat((latents, actions.to(latents.dtype)), 2)))
        # Rounding adds up over 500 steps, and under autocast cuDNN may choose float16 for them.
        with torch.autocast(x.device.type, enabled=False):
            hidden, (h, c) = self.lstm(x.float(), (h[None], c[None]))
        return hidden, (h[0], c[0])

    def expert_action_logits(self, latents: Tensor, hidden: Tensor) -> Tensor:
        """What an expert would press, from what the controller sees: logits (T, B, 4).

        Args:
            latents: (T, B, Z).
            hidden: (T, B, H), h after each step of the same sequences, from its start on; the
                expert_action of a step is given on seeing its latent, so from h of the step before.
        """
        before = torch.cat((torch.zeros_like(hidden[:1]), hidden[:-1]))
        logits: Tensor = self.expert_action(torch.cat((latents, before), 2)).float()
        return logits

    def mixture(self, hidden: Tensor) -> Mixture:
        """The mixtures that hidden states (T, B, H) predict."""
        steps, batch, _ = hidden.shape
        shape = (steps, batch, 3, self.spec.latent, self.spec.mixtures)
        logits, mu, log_sigma = self.heads(hidden).float().view(shape).unbind(2)
        return Mixture(logits, mu, log_sigma.clamp(*LOG_SIGMA_RANGE))


class OutcomeHead(nn.Module):
    """What a step led to, told from h after it: its reward, and whether the episode ended.

    It is trained beside M, which then has to know this in h, and is kept nowhere: neither play
    nor dreams need it. World Models had such a head for the end in its second experiment (section
    4.1); rewards are told on a scale that is linear for small ones and logarithmic for large ones
    (symlog, Hafner et al. 2023, section "Robust predictions").
    """

    def __init__(self, spec: ModelSpec) -> None:
        """Build the head for memories of a specification."""
        super().__init__()
        self.linear = nn.Linear(spec.hidden, 2)

    def forward(self, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """Tell from h after each step, (T, B, H): symlog of its reward, logit of an end; (T, B)."""
        rewards, ends = self.linear(hidden).float().unbind(2)
        return rewards, ends


def symlog(rewards: Tensor) -> Tensor:
    """Rewards of any size and sign, shrunk: sign(r) log(1 + |r|)."""
    return rewards.sign() * rewards.abs().log1p()


def outcome_errors(told: tuple[Tensor, Tensor], outcome: Tensor) -> tuple[Tensor, Tensor]:
    """Squared errors of symlog rewards, and nats of the ends, of the steps that exist, (N,) each.

    Args:
        told: what the head gave, (T, B) twice.
        outcome: float32 (T, B, 2): reward, and 1 where the episode ended; NaN in the padding.
    """
    known = ~outcome[..., 0].isnan()
    rewards, ends = outcome[known].unbind(-1)
    nats = functional.binary_cross_entropy_with_logits(told[1][known], ends, reduction="none")
    return (told[0][known] - symlog(rewards)).square(), nats


def log_likelihood(mixture: Mixture, targets: Tensor) -> Tensor:
    """Density log p(target) under the mixture, by logsumexp, each dimension on its own.

    Bishop 1994 (Mixture density networks), eq. 22-29, with diagonal Gaussians in one dimension.

    Args:
        mixture: (T, B, Z, K).
        targets: float32 (T, B, Z): targets[t] is what followed step t.

    Returns:
        Nats, (T, B), summed over the latent dimensions.
    """
    assert mixture.mu.shape[:-1] == targets.shape, (mixture.mu.shape, targets.shape)
    scaled = (targets[..., None] - mixture.mu) * (-mixture.log_sigma).exp()
    log_density = -0.5 * scaled**2 - mixture.log_sigma - 0.5 * math.log(2 * math.pi)
    log_weights = functional.log_softmax(mixture.logits, -1)
    return torch.logsumexp(log_weights + log_density, -1).sum(-1)


def mdn_loss(mixture: Mixture, targets: Tensor, mask: Tensor) -> Tensor:
    """Negative log-likelihood in nats a step, the mean over the steps that the mask keeps.

    Args:
        mixture: (T, B, Z, K).
        targets: float32 (T, B, Z).
        mask: bool (T, B): False for padding and where an episode's end leaves no next step.
    """
    likelihood = log_likelihood(mixture, targets)
    assert mask.shape == likelihood.shape and mask.dtype == torch.bool, (mask.shape, mask.dtype)
    return -likelihood[mask].sum() / mask.sum().clamp(min=1)


def expert_action_loss(logits: Tensor, expert_action: Tensor) -> Tensor:
    """Binary cross-entropy of an expert's buttons in nats a step, over the steps with expert_action.

    Args:
        logits: (..., 4).
        expert_action: uint8 (..., 4) of 0 and 1; 255 where nobody advises.
    """
    assert logits.shape == expert_action.shape, (logits.shape, expert_action.shape)
    known = expert_action[..., 0] != 255
    errors = functional.binary_cross_entropy_with_logits(
        logits[known], expert_action[known].to(logits.dtype), reduction="sum"
    )
    return errors / known.sum().clamp(min=1)


def sample_mixture(
    mixture: Mixture, temperature: float = 1.0, generator: torch.Generator | None = None
) -> Tensor:
    """Draw the next latents (T, B, Z): first one Gaussian a dimension, then its value.

    Temperature (World Models, section 4.2) divides the logits before the softmax and multiplies
    the variances: towards 0 the likeliest mean, above 1 wilder dreams.
    """
    assert temperature > 0, temperature
    weights = functional.softmax(mixture.logits / temperature, -1)
    chosen = torch.multinomial(
        weights.reshape(-1, weights.shape[-1]), 1, generator=generator
    ).reshape(*weights.shape[:-1], 1)
    mu = mixture.mu.gather(-1, chosen)[..., 0]
    sigma = mixture.log_sigma.gather(-1, chosen)[..., 0].exp() * math.sqrt(temperature)
    noise = torch.randn(mu.shape, generator=generator, device=mu.device, dtype=mu.dtype)
    return mu + sigma * noise
