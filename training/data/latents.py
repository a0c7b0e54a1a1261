"""Latents of a dataset, cut into the sequences that M learns from.

A sequence starts at an episode's start and every `sequence_steps` steps after it, with the state
at zero, exactly as the agent's world model forgets. No target crosses an episode's border.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from agent.files import write_atomically
from agent.world_model.preprocess import preprocess
from training.data.dataset import Dataset, StoredEpisode
from training.models.networks import VAE, sample_latent
from training.runs.progress import ProgressBar
from training.runs.resume import TrainingError

LATENTS = "latents.safetensors"


class Batch(NamedTuple):
    """Sequences side by side, time first; short ones end in zeros that the mask leaves out."""

    latents: Tensor  # (T, B, Z) float32
    actions: Tensor  # (T, B, 4) float32
    targets: Tensor  # (T, B, Z) float32: the latent after each step
    mask: Tensor  # (T, B) bool: the step exists, and so does its next one in the episode
    expert_action: Tensor  # (T, B, 4) uint8: an expert's buttons; 255: none
    outcome: Tensor  # (T, B, 2) float32: reward, and 1 where the episode ended; NaN: no step


@dataclass(frozen=True)
class Cut:
    """A sequence in the arrays of all steps: [first, stop), targets up to `targets_stop`."""

    first: int
    stop: int
    targets_stop: int  # stop + 1, or stop where the episode ends there


class Sequences:
    """The sequences of some episodes, whose steps stand one after the other."""

    def __init__(
        self,
        mu: Tensor,
        log_variance: Tensor,
        actions: Tensor,
        cuts: Sequence[Cut],
        expert_action: Tensor | None = None,
        outcome: Tensor | None = None,
    ) -> None:
        """Take all steps and where the sequences are.

        Args:
            mu: of the latents, (N, Z).
            log_variance: of the latents, (N, Z).
            actions: uint8 (N, 4).
            cuts: the sequences.
            expert_action: uint8 (N, 4), 255 where there is none; None: nowhere.
            outcome: float32 (N, 2), reward and end of each step; None: nothing known.
        """
        assert mu.shape == log_variance.shape and len(actions) == len(mu), (mu.shape, actions.shape)
        self._mu, self._log_variance, self._actions = mu, log_variance, actions
        self._expert_action = (
            torch.full_like(actions, 255) if expert_action is None else expert_action
        )
        self._outcome = mu.new_full((len(mu), 2), torch.nan) if outcome is None else outcome
        self._cuts = list(cuts)

    def __len__(self) -> int:
        """How many sequences there are."""
        return len(self._cuts)

    def batch(self, chosen: NDArray[np.intp], generator: torch.Generator | None) -> Batch:
        """Put sequences side by side, their latents drawn by the generator (None: the means)."""
        cuts = [self._cuts[number] for number in chosen]
        steps = max(cut.stop - cut.first for cut in cuts)
        latents = self._mu.new_zeros(steps, len(cuts), self._mu.shape[1])
        targets = torch.zeros_like(latents)
        actions = latents.new_zeros(steps, len(cuts), self._actions.shape[1])
        mask = torch.zeros(steps, len(cuts), dtype=torch.bool)
        expert_action = torch.full(actions.shape, 255, dtype=torch.uint8)
        outcome = latents.new_full((steps, len(cuts), 2), torch.nan)
        for column, cut in enumerate(cuts):
            z = self._latents(slice(cut.first, cut.targets_stop), generator)
            length, n_targets = cut.stop - cut.first, cut.targets_stop - cut.first - 1
            latents[:length, column] = z[:length]
            actions[:length, column] = self._actions[cut.first : cut.stop].float()
            expert_action[:length, column] = self._expert_action[cut.first : cut.stop]
            outcome[:length, column] = self._outcome[cut.first : cut.stop]
            targets[:n_targets, column] = z[1:]
            mask[:n_targets, column] = True
        return Batch(latents, actions, targets, mask, expert_action, outcome)

    def usual_change(self) -> Tensor:
        """Root mean square of z[t + 1] - z[t], both drawn, for each dimension, (Z,)."""
        total, count = torch.zeros(self._mu.shape[1]), 0
        for cut in self._cuts:
            part = slice(cut.first, cut.targets_stop)
            noise = self._log_variance[part].exp()  # of both ends, besides the means' change
            change = self._mu[part].diff(dim=0).square() + noise[1:] + noise[:-1]
            total += change.sum(0)
            count += len(change)
        return (total / max(count, 1)).sqrt().clamp(min=1e-3)

    def _latents(self, part: slice, generator: torch.Generator | None) -> Tensor:
        mu, log_variance = self._mu[part], self._log_variance[part]
        return mu if generator is None else sample_latent(mu, log_variance, generator)


def cut_episodes(lengths: Sequence[int], sequence_steps: int) -> list[Cut]:
    """Cut episodes that stand one after the other; a piece without any target is left out.

    Args:
        lengths: steps of each episode.
        sequence_steps: longest sequence.
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


def encode_dataset(
    folder: Path, dataset: Dataset, vae: VAE, digest: str
) -> tuple[Sequences, Sequences]:
    """Latents of the training and of the held-out episodes, kept in the run folder.

    Kept, because a dataset may have grown when the run continues.

    Args:
        folder: the run's.
        dataset: its frames.
        vae: encodes them.
        digest: SHA-256 of its weights.

    Raises:
        TrainingError: the file in the folder is damaged or of another V.
    """
    path = folder / LATENTS
    if not path.exists():
        tensors = {
            **_encode("training", dataset.training, vae),
            **_encode("held_out", dataset.held_out, vae),
        }
        write_atomically(path, save(tensors, {"vision_sha256": digest}))
    try:
        with safe_open(path, framework="pt") as file:
            if (file.metadata() or {}).get("vision_sha256") != digest:
                raise TrainingError(
                    f"{path} was made with another V: give another --out, or the --vision it had"
                )
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        return (
            _sequences("training", tensors, vae.spec.sequence_steps),
            _sequences("held_out", tensors, vae.spec.sequence_steps),
        )
    except (SafetensorError, KeyError, OSError) as error:
        reason = " ".join(str(error).split())[:120]
        raise TrainingError(f"{path} is damaged ({reason}): remove it and start again") from None


def _sequences(part: str, tensors: dict[str, Tensor], sequence_steps: int) -> Sequences:
    cuts = cut_episodes(tensors[f"{part}.lengths"].tolist(), sequence_steps)
    if not cuts:
        raise TrainingError(f"the {part} episodes have one step each: collect longer ones")
    names = ("mu", "log_variance", "actions", "expert_action", "outcome")
    mu, log_variance, actions, expert_action, outcome = (
        tensors[f"{part}.{name}"] for name in names
    )
    return Sequences(mu, log_variance, actions, cuts, expert_action, outcome)


@torch.no_grad()
def _encode(part: str, episodes: Sequence[StoredEpisode], vae: VAE) -> dict[str, Tensor]:
    mu, log_variance = [], []
    with ProgressBar(f"{part} episodes encoded", len(episodes)) as progress:
        for number, episode in enumerate(episodes, 1):
            for chunk in episode.chunks():
                frames = np.array([preprocess(frame, vae.spec) for frame in chunk])
                parts = vae.encode(torch.from_numpy(frames).to(vae.mu.weight.device))
                mu.append(parts[0].cpu())
                log_variance.append(parts[1].cpu())
            progress.update(number)
    actions = np.concatenate([episode.actions() for episode in episodes])
    expert_action = np.concatenate([episode.expert_action() for episode in episodes])
    rewards = np.concatenate([episode.rewards() for episode in episodes])
    dones = np.concatenate([episode.dones() for episode in episodes])
    outcome = np.stack((rewards, dones.astype(np.float32)), 1)
    return {
        f"{part}.mu": torch.cat(mu),
        f"{part}.log_variance": torch.cat(log_variance),
        f"{part}.actions": torch.from_numpy(actions),
        f"{part}.expert_action": torch.from_numpy(expert_action),
        f"{part}.outcome": torch.from_numpy(outcome),
        f"{part}.lengths": torch.tensor([episode.steps for episode in episodes]),
    }
