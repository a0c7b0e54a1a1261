"""Latents of episodes, cut into the sequences that M is trained on.

A sequence starts at the first step of an episode and at every `sequence_steps`-th step after it,
with the LSTM's state at zero, just as the agent resets its memory in play. Targets never come from
another episode.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


class Batch(NamedTuple):
    """Sequences of a batch, time first; shorter ones are padded with zeros and masked."""

    latents: Tensor  # (T, B, Z) float32
    actions: Tensor  # (T, B, 4) float32
    targets: Tensor  # (T, B, Z) float32: the latent of the next step
    mask: Tensor  # (T, B) bool: True where the step and its next step belong to the episode
    expert_action: Tensor  # (T, B, 4) uint8: the expert's buttons, 255 where unknown

    def apply(self, change: Callable[[Tensor], Tensor]) -> Batch:
        """Return the batch with a function applied to each of its tensors."""
        return Batch(*(change(part) for part in self))


@dataclass(frozen=True)
class Cut:
    """A sequence in the arrays of all steps: inputs [first, stop), targets up to `targets_stop`."""

    first: int
    stop: int
    targets_stop: int  # stop + 1, or stop where the episode ends there


class Sequences:
    """The sequences of a list of episodes, whose steps are concatenated."""

    def __init__(
        self,
        mu: Tensor,
        log_variance: Tensor,
        actions: Tensor,
        cuts: Sequence[Cut],
        expert_action: Tensor | None = None,
    ) -> None:
        """Store the steps and the positions of the sequences in them.

        Args:
            mu: means of the latents, float32 (N, Z).
            log_variance: log variances of the latents, float32 (N, Z).
            actions: pressed buttons, uint8 (N, 4).
            cuts: positions of the sequences.
            expert_action: uint8 (N, 4), 255 where unknown; None: unknown everywhere.
        """
        assert mu.shape == log_variance.shape and len(actions) == len(mu), (mu.shape, actions.shape)
        self._mu, self._log_variance, self._actions = mu, log_variance, actions
        self._expert_action = (
            torch.full_like(actions, 255) if expert_action is None else expert_action
        )
        self._cuts = list(cuts)

    def __len__(self) -> int:
        """Return the number of sequences."""
        return len(self._cuts)

    def batch(self, chosen: NDArray[np.intp], generator: torch.Generator | None) -> Batch:
        """Build a batch of sequences.

        Args:
            chosen: indices of the sequences, (B,).
            generator: draws the latents from N(mu, exp(log_variance)); None to use the means.
        """
        cuts = [self._cuts[number] for number in chosen]
        steps = max(cut.stop - cut.first for cut in cuts)
        latents = self._mu.new_zeros(steps, len(cuts), self._mu.shape[1])
        targets = torch.zeros_like(latents)
        actions = latents.new_zeros(steps, len(cuts), self._actions.shape[1])
        mask = torch.zeros(steps, len(cuts), dtype=torch.bool)
        expert_action = torch.full(actions.shape, 255, dtype=torch.uint8)
        for column, cut in enumerate(cuts):
            z = self._latents(slice(cut.first, cut.targets_stop), generator)
            length, n_targets = cut.stop - cut.first, cut.targets_stop - cut.first - 1
            latents[:length, column] = z[:length]
            actions[:length, column] = self._actions[cut.first : cut.stop].float()
            expert_action[:length, column] = self._expert_action[cut.first : cut.stop]
            targets[:n_targets, column] = z[1:]
            mask[:n_targets, column] = True
        return Batch(latents, actions, targets, mask, expert_action)

    def usual_change(self) -> Tensor:
        """Return the root mean square of z[t + 1] - z[t] by dimension, (Z,), with z sampled."""
        total, count = torch.zeros(self._mu.shape[1]), 0
        for cut in self._cuts:
            part = slice(cut.first, cut.targets_stop)
            noise = self._log_variance[
                part
            ].exp()  # of both steps; it adds to the change of the means
            change = self._mu[part].diff(dim=0).square() + noise[1:] + noise[:-1]
            total += change.sum(0)
            count += len(change)
        return (total / max(count, 1)).sqrt().clamp(min=1e-3)

    def _latents(self, part: slice, generator: torch.Generator | None) -> Tensor:
        mu, log_variance = self._mu[part], self._log_variance[part]
        return mu if generator is None else sample_latent(mu, log_variance, generator)


def sample_latent(
    mu: Tensor, log_variance: Tensor, generator: torch.Generator | None = None
) -> Tensor:
    """Sample z from N(mu, exp(log_variance)), any shape; sigma is exp(log_variance / 2)."""
    assert mu.shape == log_variance.shape, (mu.shape, log_variance.shape)
    device = mu.device if generator is None else generator.device
    noise = torch.randn(mu.shape, generator=generator, device=device, dtype=mu.dtype)
    return mu + noise.to(mu.device) * (0.5 * log_variance).exp()


def cut_episodes(lengths: Sequence[int], sequence_steps: int) -> list[Cut]:
    """Cut concatenated episodes into sequences; a piece without a target is excluded.

    Args:
        lengths: number of steps of each episode.
        sequence_steps: maximum length of a sequence.
    """
    cuts, start = [], 0
    for length in lengths:
        end = start + length
        for first in range(start, end, sequence_steps):
            stop = min(first + sequence_steps, end)
            targets_stop = min(stop + 1, end)
            if targets_stop - first > 1:
                cuts.append(Cut(first, stop, targets_stop))
        start = end
    return cuts
