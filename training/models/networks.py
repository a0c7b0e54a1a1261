"""The networks in PyTorch: V, a beta-VAE, and M, an MDN-LSTM, with their losses.

Training, dreams and pictures use these; the agent plays with their ONNX exports. Time is the first
axis and the batch the second: (T, B, ...). Outputs are float32 even under autocast, so that losses
and likelihoods are computed in float32.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from agent.buttons import ACTION_BUTTONS
from agent.world_model.packed_model import ModelSpec
from training.data.dataset import FREE, NO_EXPERT_ACTION
from training.data.latents import sample_latent

FREE_WEIGHT = 0.03  # of a button of no consequence in the loss of the expert's actions
LOG_SIGMA_RANGE = (-7.0, 7.0)  # keeps a Gaussian from collapsing to a point

State = tuple[Tensor, Tensor]  # h and c, (B, H) each


class VAELoss(NamedTuple):
    """Parts of the beta-VAE loss: scalars, nats per frame, means over the batch."""

    total: Tensor  # weighted reconstruction + beta * kl
    reconstruction: Tensor  # binary cross-entropy, summed over the frame's values, unweighted
    kl: Tensor  # KL divergence from N(0, 1), summed over the latent dimensions
    mu: Tensor  # (B, Z) means of the latents, for additional losses


class VAE(nn.Module):
    """V, a beta-VAE: convolutions (kernel 4, stride 2) to a Gaussian latent, and a decoder."""

    def __init__(self, spec: ModelSpec) -> None:
        """Build the encoder and the decoder for frames of 64 x 64 or 128 x 128 pixels.

        The decoder for 64 x 64 is that of World Models (Ha and Schmidhuber 2018, appendix A.1).
        The one for 128 x 128 is that of the original 2018 agent. Both start from 1 x 1 pixel.
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
        """Predict the expert's buttons from latents, float32 (B, Z): logits, float32 (B, 4)."""
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
        weights: Tensor | None = None,
        decoded_frames: int | None = None,
        generator: torch.Generator | None = None,
    ) -> VAELoss:
        """Compute the beta-VAE loss (Higgins et al. 2017, eq. 4) with one sampled latent per frame.

        Args:
            frames: uint8 (B, S, S, 3).
            beta: weight of the KL divergence.
            weights: float32 (B, S, S), weight of each pixel's error; None: 1 everywhere.
            decoded_frames: number of frames, from the first on, whose reconstruction is computed;
                the KL divergence is computed for all frames. None: all.
            generator: random generator of the latents.
        """
        mu, log_variance = self.encode(frames)
        logits = self.decode_logits(
            sample_latent(mu[:decoded_frames], log_variance[:decoded_frames], generator)
        )
        errors = functional.binary_cross_entropy_with_logits(
            logits, frames[:decoded_frames].float() / 255, reduction="none"
        )
        reconstruction = errors.flatten(1).sum(1).mean()
        weighted = reconstruction
        if weights is not None:
            weighted = (errors.sum(3) * weights[:decoded_frames]).flatten(1).sum(1).mean()
        kl = kl_by_dimension(mu, log_variance)
        total = weighted + beta * kl.clamp(min=0).sum()  # rounding can make a small one negative
        return VAELoss(total, reconstruction, kl.sum(), mu)


# frame size -> (input channels, output channels, kernel) of the transposed convolutions, stride 2
_DECODERS = {
    64: ((1024, 128, 5), (128, 64, 5), (64, 32, 6), (32, 3, 6)),
    128: ((9216, 128, 5), (128, 64, 5), (64, 32, 5), (32, 16, 6), (16, 3, 6)),
}


def kl_by_dimension(mu: Tensor, log_variance: Tensor) -> Tensor:
    """Return the batch mean of the KL divergence from N(0, 1), in nats: (B, Z) twice -> (Z,)."""
    return (0.5 * (mu**2 + log_variance.exp() - 1 - log_variance)).mean(0)


class Mixture(NamedTuple):
    """K Gaussians for each dimension of the next latent: float32 (T, B, Z, K) each."""

    logits: Tensor  # unnormalised log weights: pi = softmax(logits)
    mu: Tensor
    log_sigma: Tensor


class MDNLSTM(nn.Module):
    """M, an MDN-LSTM: [z, action] -> Linear, ReLU -> LSTM -> mixture for each dimension of z."""

    def __init__(self, spec: ModelSpec) -> None:
        """Build the layers for the sizes of a specification."""
        super().__init__()
        self.spec = spec
        self.input = nn.Linear(spec.latent + len(ACTION_BUTTONS), spec.hidden)
        self.lstm = nn.LSTM(spec.hidden, spec.hidden)
        self.heads = nn.Linear(spec.hidden, 3 * spec.latent * spec.mixtures)
        self.expert_action = nn.Linear(spec.latent + spec.hidden, len(ACTION_BUTTONS))

    def initial(self, batch: int) -> State:
        """Return the state before the first step: h and c of zeros, float32 (B, H) each."""
        zeros = self.input.weight.new_zeros(batch, self.spec.hidden)
        return zeros, zeros.clone()

    def forward(
        self, latents: Tensor, actions: Tensor, state: State | None = None
    ) -> tuple[Mixture, State]:
        """Predict each next latent from all steps before it.

        Args:
            latents: float32 (T, B, Z).
            actions: (T, B, 4), uint8 or float, 0 or 1: buttons pressed in response to the latent.
            state: state before the first step; None: start of a sequence.

        Returns:
            Mixtures of the next latents, (T, B, Z, K), and the state after the last step.
        """
        hidden, state = self.unroll(latents, actions, state)
        return self.mixture(hidden), state

    def unroll(
        self, latents: Tensor, actions: Tensor, state: State | None = None
    ) -> tuple[Tensor, State]:
        """Run the LSTM as in `forward`; return h after each step, (T, B, H), and the last state."""
        steps, batch, _ = latents.shape
        assert latents.shape == (steps, batch, self.spec.latent), latents.shape
        assert actions.shape == (steps, batch, len(ACTION_BUTTONS)), actions.shape
        h, c = self.initial(batch) if state is None else state
        assert h.shape == c.shape == (batch, self.spec.hidden), (h.shape, c.shape)
        x = functional.relu(self.input(torch.cat((latents, actions.to(latents.dtype)), 2)))
        # Rounding errors add up over 500 steps, and under autocast cuDNN may choose float16.
        with torch.autocast(x.device.type, enabled=False):
            hidden, (h, c) = self.lstm(x.float(), (h[None], c[None]))
        return hidden, (h[0], c[0])

    def expert_action_logits(self, latents: Tensor, hidden: Tensor) -> Tensor:
        """Predict the expert's buttons from the controller's inputs z and h: logits (T, B, 4).

        Args:
            latents: float32 (T, B, Z).
            hidden: float32 (T, B, H), h after each step of the same sequences, from their start
                on. The action of step t responds to the latent of step t, so it is predicted from
                h after step t - 1.
        """
        before = torch.cat((torch.zeros_like(hidden[:1]), hidden[:-1]))
        logits: Tensor = self.expert_action(torch.cat((latents, before), 2)).float()
        return logits

    def mixture(self, hidden: Tensor) -> Mixture:
        """Predict mixtures from hidden states (T, B, H)."""
        steps, batch, _ = hidden.shape
        shape = (steps, batch, 3, self.spec.latent, self.spec.mixtures)
        logits, mu, log_sigma = self.heads(hidden).float().view(shape).unbind(2)
        return Mixture(logits, mu, log_sigma.clamp(*LOG_SIGMA_RANGE))


def log_likelihood(mixture: Mixture, targets: Tensor) -> Tensor:
    """Compute the log density of the targets under mixtures of independent dimensions.

    See Bishop (1994), "Mixture density networks", eq. 22-29, here with one-dimensional Gaussians.

    Args:
        mixture: parameters, (T, B, Z, K).
        targets: float32 (T, B, Z): targets[t] is the latent after step t.

    Returns:
        Nats, float32 (T, B), summed over the latent dimensions.
    """
    assert mixture.mu.shape[:-1] == targets.shape, (mixture.mu.shape, targets.shape)
    scaled = (targets[..., None] - mixture.mu) * (-mixture.log_sigma).exp()
    log_density = -0.5 * scaled**2 - mixture.log_sigma - 0.5 * math.log(2 * math.pi)
    log_weights = functional.log_softmax(mixture.logits, -1)
    return torch.logsumexp(log_weights + log_density, -1).sum(-1)


def mdn_loss(mixture: Mixture, targets: Tensor, mask: Tensor) -> Tensor:
    """Compute the negative log-likelihood in nats per step, over steps where the mask is True.

    Args:
        mixture: parameters, (T, B, Z, K).
        targets: float32 (T, B, Z).
        mask: bool (T, B): False for padding and for the last step of an episode.
    """
    likelihood = log_likelihood(mixture, targets)
    assert mask.shape == likelihood.shape and mask.dtype == torch.bool, (mask.shape, mask.dtype)
    return -likelihood[mask].sum() / mask.sum().clamp(min=1)


def expert_action_loss(logits: Tensor, expert_action: Tensor) -> Tensor:
    """Compute the cross-entropy of the expert's buttons in nats per step, where they are known.

    A button of no consequence has the weight `FREE_WEIGHT`. The few steps in which a jump decides
    are then not drowned by the many in which it does not.

    Args:
        logits: float32 (..., 4).
        expert_action: uint8 (..., 4), as `StoredEpisode.expert_action` returns it.
    """
    assert logits.shape == expert_action.shape, (logits.shape, expert_action.shape)
    known = expert_action[..., 0] != NO_EXPERT_ACTION
    buttons = expert_action[known]
    weights = torch.where(buttons >= FREE, FREE_WEIGHT, 1.0)
    errors = functional.binary_cross_entropy_with_logits(
        logits[known], (buttons % FREE).to(logits.dtype), weights, reduction="sum"
    )
    return errors / known.sum().clamp(min=1)


def sample_mixture(
    mixture: Mixture, temperature: float = 1.0, generator: torch.Generator | None = None
) -> Tensor:
    """Sample the next latents, float32 (T, B, Z): for each dimension a Gaussian, then its value.

    The temperature (Ha and Schmidhuber 2018, section 4.2) divides the logits before the softmax
    and multiplies the variances. Near 0, samples are the mean of the most likely Gaussian; above
    1, they are more random.
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
