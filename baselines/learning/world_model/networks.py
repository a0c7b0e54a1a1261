"""The networks of the joint world model: a VAE, an MDN-LSTM and an inverse model.

Source: wassname's world-models-sonic-pytorch, 2018. There the three are trained together, with one
loss; see `world_model_loss`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import nn

from agent.errors import UserError
from baselines.learning.world_model.options import JointWorldModelOptions

SMALLEST_SIZE = 4  # width and height at which the convolutions end
LOG_SIGMA_RANGE = (-7.0, 7.0)  # keeps a Gaussian from collapsing to a point

LSTMState = tuple[torch.Tensor, torch.Tensor]  # h and c, (B, H) each


class GaussianMixture(NamedTuple):
    """K Gaussians for each dimension of the next latent: float32 (T, B, Z, K) each."""

    logits: torch.Tensor  # unnormalised log weights
    mu: torch.Tensor
    log_sigma: torch.Tensor


class FrameVAE(nn.Module):
    """Encodes RGB frames to Gaussian latents, and decodes latents to frames."""

    def __init__(self, frame_size: int, latent: int, filters: int) -> None:
        """Build the encoder and its mirror image, the decoder.

        As in the source, each convolution halves the frame (kernel 4, stride 2, padding 1, leaky
        ReLU), and the n-th has n times as many filters as the first.

        Args:
            frame_size: width and height of the frames, a power of 2 of 16 or more.
            latent: number of latent dimensions.
            filters: number of filters of the first convolution.

        Raises:
            UserError: the size is another number.
        """
        super().__init__()
        layers = (frame_size // SMALLEST_SIZE).bit_length() - 1
        if layers < 2 or frame_size != SMALLEST_SIZE << layers:
            raise UserError(f"frame_size is {frame_size}: use 16, 32, 64 or 128")
        channels = [3, *(filters * number for number in range(1, layers + 1))]
        shape = (channels[-1], SMALLEST_SIZE, SMALLEST_SIZE)
        flat = channels[-1] * SMALLEST_SIZE**2
        self.convolutions = nn.Sequential(*_halve(channels), nn.Flatten())
        self.mu = nn.Linear(flat, latent)
        self.log_variance = nn.Linear(flat, latent)
        self.decoder = nn.Sequential(
            nn.Linear(latent, flat), nn.Unflatten(1, shape), *_double(channels[::-1]), nn.Sigmoid()
        )

    def encode(self, frames: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Encode frames, uint8 (B, S, S, 3), to mu and log variance, float32 (B, Z) each."""
        features = self.convolutions(scaled(frames))
        return self.mu(features), self.log_variance(features)

    def decode(self, latents: torch.Tensor) -> torch.Tensor:
        """Decode latents, float32 (B, Z), to frames, float32 (B, 3, S, S) in 0-1."""
        frames: torch.Tensor = self.decoder(latents)
        return frames


class MixtureLSTM(nn.Module):
    """Predicts the next latent from the latents and actions so far."""

    def __init__(self, latent: int, n_actions: int, hidden: int, mixtures: int) -> None:
        """Build the LSTM, whose input is [z, one-hot action], and its output layer.

        Args:
            latent: number of latent dimensions.
            n_actions: number of actions.
            hidden: number of LSTM units.
            mixtures: number of Gaussians per latent dimension.
        """
        super().__init__()
        self.cell = nn.LSTMCell(latent + n_actions, hidden)
        self.output = nn.Linear(hidden, 3 * latent * mixtures)
        self._n_actions, self._shape = n_actions, (3, latent, mixtures)

    def initial(self, batch: int) -> LSTMState:
        """Return the state at the start of an episode: zeros, (B, H) each."""
        zeros = self.output.weight.new_zeros(batch, self.cell.hidden_size)
        return zeros, zeros.clone()

    def step(self, latents: torch.Tensor, actions: torch.Tensor, state: LSTMState) -> LSTMState:
        """Advance the state by a step: latents (B, Z), actions int64 (B,)."""
        one_hot = nn.functional.one_hot(actions, self._n_actions).to(latents.dtype)
        h, c = self.cell(torch.cat((latents, one_hot), 1), state)
        return h, c

    def forward(
        self, latents: torch.Tensor, actions: torch.Tensor, starts: torch.Tensor, state: LSTMState
    ) -> GaussianMixture:
        """Predict each next latent of sequences.

        Args:
            latents: float32 (T, B, Z).
            actions: int64 (T, B), the actions after them.
            starts: bool (T, B), whether the latent is the first of an episode; the state is reset
                there.
            state: state before the first step.
        """
        assert actions.shape == starts.shape == latents.shape[:2], (actions.shape, starts.shape)
        outputs = []
        for latent, action, start in zip(latents, actions, starts, strict=True):
            state = self.step(latent, action, reset(state, start))
            outputs.append(state[0])
        hidden = torch.stack(outputs)  # (T, B, H)
        values = self.output(hidden).view(*actions.shape, *self._shape)
        logits, mu, log_sigma = values.unbind(2)
        return GaussianMixture(logits, mu, log_sigma.clamp(*LOG_SIGMA_RANGE))


class JointWorldModel(nn.Module):
    """The VAE, the MDN-LSTM and the inverse model, which one loss trains together."""

    def __init__(self, options: JointWorldModelOptions, n_actions: int) -> None:
        """Build the networks.

        Args:
            options: their sizes.
            n_actions: number of actions.
        """
        super().__init__()
        latent = options.latent
        self.latent, self.hidden = latent, options.hidden
        self.vae = FrameVAE(options.frame_size, latent, options.filters)
        self.lstm = MixtureLSTM(latent, n_actions, options.hidden, options.mixtures)
        self.inverse = nn.Sequential(
            nn.Linear(2 * latent, options.inverse_units),
            nn.ReLU(),
            nn.Linear(options.inverse_units, n_actions),
        )

    def action_logits(self, latents: torch.Tensor, following: torch.Tensor) -> torch.Tensor:
        """Predict which action led from a latent to the following one.

        Args:
            latents: float32 (..., Z).
            following: float32 (..., Z).

        Returns:
            Logits, float32 (..., n_actions).
        """
        logits: torch.Tensor = self.inverse(torch.cat((latents, following), -1))
        return logits


def scaled(frames: torch.Tensor) -> torch.Tensor:
    """Convert frames, uint8 (B, S, S, 3), to float32 (B, 3, S, S) in 0-1."""
    assert frames.dtype == torch.uint8 and frames.shape[3] == 3, (frames.dtype, frames.shape)
    return frames.permute(0, 3, 1, 2).float() / 255


def reset(state: LSTMState, starts: torch.Tensor) -> LSTMState:
    """Set the states of the rows in which an episode starts, bool (B,), to zeros."""
    going = (~starts)[:, None].to(state[0].dtype)
    return state[0] * going, state[1] * going


def _halve(channels: Sequence[int]) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for inputs, outputs in zip(channels, channels[1:], strict=False):
        layers += [nn.Conv2d(inputs, outputs, 4, 2, 1), nn.LeakyReLU()]
    return layers


def _double(channels: Sequence[int]) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for inputs, outputs in zip(channels, channels[1:], strict=False):
        layers += [nn.LeakyReLU(), nn.ConvTranspose2d(inputs, outputs, 4, 2, 1)]
    return layers
