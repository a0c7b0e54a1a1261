"""Rainbow's network: noisy dueling layers that compute the distribution of the return.

Sources: Fortunato et al. 2018, "Noisy Networks for Exploration"; Wang et al. 2016, "Dueling Network
Architectures"; Bellemare et al. 2017, "A Distributional Perspective on Reinforcement Learning".
"""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn import functional

from baselines.learning.contest_wrappers import STACKED_FRAMES


class NoisyLinear(nn.Module):
    """A linear layer with factorised Gaussian noise on its weights (Fortunato et al. 2018)."""

    def __init__(self, inputs: int, outputs: int, noise: float) -> None:
        """Make a layer.

        Args:
            inputs: number of inputs.
            outputs: number of outputs.
            noise: initial scale of the noise, sigma0 of the paper.
        """
        super().__init__()
        bound, scale = 1 / math.sqrt(inputs), noise / math.sqrt(inputs)
        self.weight = nn.Parameter(torch.empty(outputs, inputs).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(outputs).uniform_(-bound, bound))
        self.weight_scale = nn.Parameter(torch.full((outputs, inputs), scale))
        self.bias_scale = nn.Parameter(torch.full((outputs,), scale))
        self.renew_noise()

    def renew_noise(self) -> None:
        """Draw new noise."""
        outputs, inputs = self.weight.shape
        self._input_noise, self._output_noise = _scaled(inputs), _scaled(outputs)

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """Return (batch, outputs)."""
        bias = torch.addcmul(self.bias, self.bias_scale, self._output_noise)
        if len(values) == 1:
            # The same product without the noisy matrix, which takes longer to write than to use.
            noisy = functional.linear(values * self._input_noise, self.weight_scale)
            return functional.linear(values, self.weight, bias) + noisy * self._output_noise
        noise = torch.outer(self._output_noise, self._input_noise)
        weight = torch.addcmul(self.weight, self.weight_scale, noise)
        return functional.linear(values, weight, bias)


class RainbowNetwork(nn.Module):
    """Computes the log probabilities of the return's atoms for each action from frames."""

    def __init__(self, frame_size: int, n_actions: int, atoms: int, noise: float) -> None:
        """Make a network.

        Args:
            frame_size: width and height of a frame.
            n_actions: number of actions.
            atoms: number of atoms.
            noise: initial scale of the noise.
        """
        super().__init__()
        self.convolutions = nn.Sequential(
            *(nn.Conv2d(STACKED_FRAMES, 32, 8, 4), nn.ReLU(), nn.Conv2d(32, 64, 4, 2), nn.ReLU()),
            *(nn.Conv2d(64, 64, 3, 1), nn.ReLU(), nn.Flatten()),
        )
        for layer in self.convolutions:
            if isinstance(layer, nn.Conv2d):  # a third faster on a CPU
                layer.weight.data = layer.weight.data.contiguous(memory_format=torch.channels_last)
        with torch.no_grad():
            frames = torch.zeros(1, STACKED_FRAMES, frame_size, frame_size)
            features = self.convolutions(frames).shape[1]
        self.value = nn.Sequential(
            NoisyLinear(features, 512, noise), nn.ReLU(), NoisyLinear(512, atoms, noise)
        )
        self.advantage = nn.Sequential(
            NoisyLinear(features, 512, noise), nn.ReLU(), NoisyLinear(512, n_actions * atoms, noise)
        )
        self._shape = (n_actions, atoms)

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        """Return log probabilities, (batch, actions, atoms), of uint8 frames (batch, 4, S, S)."""
        pixels = frames.to(torch.float32, memory_format=torch.channels_last) / 255
        features = self.convolutions(pixels)
        advantage = self.advantage(features).view(-1, *self._shape)
        value = self.value(features)[:, None]
        return torch.log_softmax(value + advantage - advantage.mean(1, keepdim=True), -1)

    def renew_noise(self) -> None:
        """Draw new noise for all noisy layers."""
        for module in self.modules():
            if isinstance(module, NoisyLinear):
                module.renew_noise()


def project(
    probabilities: torch.Tensor,
    returns: torch.Tensor,
    discounts: torch.Tensor,
    atoms: torch.Tensor,
) -> torch.Tensor:
    """Shift and shrink distributions of returns, and put them back on the atoms.

    Source: Bellemare et al. 2017, "A Distributional Perspective on Reinforcement Learning",
    algorithm 1.

    Args:
        probabilities: (B, A), the distribution of the value after n steps.
        returns: (B,), sum of the rewards.
        discounts: (B,), discount factors of the value.
        atoms: (A,), evenly spaced returns.

    Returns:
        (B, A) probabilities.
    """
    low, high, count = float(atoms[0]), float(atoms[-1]), len(atoms)
    moved = (returns[:, None] + discounts[:, None] * atoms).clamp(low, high)
    place = (moved - low) * (count - 1) / (high - low)
    below = place.floor().long().clamp(max=count - 2)
    share = place - below
    result = torch.zeros_like(probabilities)
    result.scatter_add_(1, below, probabilities * (1 - share))
    result.scatter_add_(1, below + 1, probabilities * share)
    return result


def _scaled(count: int) -> torch.Tensor:
    noise = torch.randn(count)
    return noise.sign() * noise.abs().sqrt()
