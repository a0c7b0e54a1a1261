"""Encodes frames with V: a tensor in batches, or a whole dataset into sequences to train M on.

The latents of a dataset are stored in the run folder, because the dataset may have grown when the
run continues.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from agent.files import write_atomically
from agent.world_model.preprocess import preprocess
from arena.progress_bar import ProgressBar
from training.data.dataset import Dataset, StoredEpisode
from training.data.latents import Sequences, cut_episodes
from training.models.networks import VAE
from training.runs.resume import TrainingError

LATENTS = "latents.safetensors"
FIELDS = ("mu", "log_variance", "actions", "expert_action")  # one row per step
STORED = (*FIELDS, "lengths")  # number of steps of each episode


@torch.no_grad()
def encode_frames(vae: VAE, frames: Tensor, batch: int = 256) -> tuple[Tensor, Tensor]:
    """Encode frames, uint8 (N, S, S, 3), in batches: mu and log variance, float32 (N, Z) each."""
    parts = [vae.encode(part) for part in torch.split(frames, batch)]
    return torch.cat([mu for mu, _ in parts]), torch.cat([variance for _, variance in parts])


def encode_dataset(
    folder: Path, dataset: Dataset, vae: VAE, digest: str
) -> tuple[Sequences, Sequences]:
    """Encode the training and the held-out episodes, or read their latents from the run folder.

    Args:
        folder: run folder of `train_memory`.
        dataset: episodes with their native frames.
        vae: encoder.
        digest: SHA-256 of the encoder's weights.

    Returns:
        Sequences of the training episodes and of the held-out episodes.

    Raises:
        TrainingError: the stored latents are damaged or come from another V, or all episodes
            have a single step.
    """
    path = folder / LATENTS
    for part, episodes in (("training", dataset.training), ("held_out", dataset.held_out)):
        if all(episode.steps == 1 for episode in episodes):
            raise TrainingError(
                f"Every {part} episode has a single step, so that there is no next latent to "
                "predict: collect longer episodes"
            )
    if not path.exists():
        tensors = {
            **_encode("training", dataset.training, vae),
            **_encode("held_out", dataset.held_out, vae),
        }
        write_atomically(path, save(tensors, {"vision_sha256": digest}))
    tensors = _read_latents(path, digest)
    return (
        _sequences("training", tensors, vae.spec.sequence_steps),
        _sequences("held_out", tensors, vae.spec.sequence_steps),
    )


def _read_latents(path: Path, digest: str) -> dict[str, Tensor]:
    names = [f"{part}.{field}" for part in ("training", "held_out") for field in STORED]
    try:
        with safe_open(path, framework="pt") as file:
            found = (file.metadata() or {}).get("vision_sha256")
            if found != digest:
                raise TrainingError(
                    f"{path} holds latents of the V {found!s:.12}, but --vision is {digest:.12}: "
                    "use another --out, or the --vision of the first run"
                )
            return {name: file.get_tensor(name) for name in names}
    except (SafetensorError, OSError) as error:
        reason = " ".join(str(error).split())[:120]
        raise TrainingError(
            f"{path} is damaged ({reason}): delete it and run the command again"
        ) from None


def _sequences(part: str, tensors: dict[str, Tensor], sequence_steps: int) -> Sequences:
    cuts = cut_episodes(tensors[f"{part}.lengths"].tolist(), sequence_steps)
    mu, log_variance, actions, expert_action = (tensors[f"{part}.{name}"] for name in FIELDS)
    return Sequences(mu, log_variance, actions, cuts, expert_action)


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
    return {
        f"{part}.mu": torch.cat(mu),
        f"{part}.log_variance": torch.cat(log_variance),
        f"{part}.actions": torch.from_numpy(actions),
        f"{part}.expert_action": torch.from_numpy(expert_action),
        f"{part}.lengths": torch.tensor([episode.steps for episode in episodes]),
    }
