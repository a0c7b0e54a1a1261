"""Renders dreams: M predicts latents from its own samples, and V's decoder turns them into frames.

This follows World Models (Ha and Schmidhuber 2018, section 4).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from agent.world_model.preprocess import preprocess
from training.data.dataset import Dataset, StoredEpisode
from training.models.networks import MDNLSTM, VAE, sample_mixture
from training.pictures.rows import to_pixels, write_rows

WARM_UP_STEPS = 60  # steps of the real episode before the dream starts
SHOWN = 10  # pictures in a row of the strip
STEPS_APART = 4  # steps between two pictures: about a quarter of a second
STRIP_TEMPERATURES = (0.1, 1.0)


@torch.no_grad()
def dream(
    memory: MDNLSTM,
    latents: Tensor,
    actions: Tensor,
    temperature: float,
    generator: torch.Generator,
) -> Tensor:
    """Run M on the start of an episode, then on its own samples.

    Args:
        memory: network in evaluation mode.
        latents: latents of the start, float32 (W, Z); W >= 1.
        actions: buttons of the start and of the dream, (W + N, 4).
        temperature: sampling temperature; see `networks.sample_mixture`.
        generator: random generator of the samples.

    Returns:
        The sampled latents, float32 (N, Z).
    """
    warm_up = len(latents)
    steps = len(actions) - warm_up
    mixture, state = memory(latents[:, None], actions[:warm_up, None].float())
    dreamed = []
    for step in range(steps):
        last = type(mixture)(*(part[-1:] for part in mixture))
        z = sample_mixture(last, temperature, generator)  # (1, 1, Z)
        dreamed.append(z[0, 0])
        mixture, state = memory(z, actions[warm_up + step, None, None].float(), state)
    return torch.stack(dreamed)


@dataclass(frozen=True)
class DreamVideos:
    """An episode, its reconstruction by V, and dreams of the same steps.

    Attributes:
        labels: "episode", "V", and one label for each dream.
        videos: uint8 (T, S, S, 3) each, in the order of the labels.
    """

    labels: Sequence[str]
    videos: Sequence[NDArray[np.uint8]]


@torch.no_grad()
def render_dreams(
    vae: VAE, memory: MDNLSTM, episode: StoredEpisode, temperatures: Sequence[float], steps: int
) -> DreamVideos:
    """Render an episode, its reconstruction by V, and a dream for each temperature.

    All dreams start after the same real steps, up to 60, and then take the actions of the episode.

    Args:
        vae: V; set to evaluation mode.
        memory: M; set to evaluation mode.
        episode: episode with its frames and actions.
        temperatures: sampling temperature of each dream.
        steps: length of the dreams; at most half of the episode.
    """
    vae.eval()
    memory.eval()
    warm_up, steps = _lengths(episode, steps)
    native = episode.frames(0, warm_up + steps)
    frames = np.array([preprocess(frame, vae.spec) for frame in native])
    latents = torch.cat([vae.encode(part)[0] for part in torch.split(torch.from_numpy(frames), 64)])
    actions = torch.from_numpy(episode.actions()[: warm_up + steps])
    videos = [frames[warm_up:], _decoded(vae, latents[warm_up:])]
    for temperature in temperatures:
        generator = torch.Generator().manual_seed(1)
        z = dream(memory, latents[:warm_up], actions, temperature, generator)
        videos.append(_decoded(vae, z))
    labels = ["episode", "V", *(f"dream T {temperature:g}" for temperature in temperatures)]
    return DreamVideos(labels, videos)


def draw_dream(path: Path, vae: VAE, memory: MDNLSTM, dataset: Dataset) -> None:
    """Write a PNG of the longest held-out episode, V's reconstruction and two dreams of it."""
    episode = max(dataset.held_out, key=lambda e: e.steps)
    dreams = render_dreams(vae, memory, episode, STRIP_TEMPERATURES, SHOWN * STEPS_APART)
    draw_strip(path, dreams)


def draw_strip(path: Path, dreams: DreamVideos) -> None:
    """Write every fourth frame of the videos as a PNG, one video per row."""
    rows = [video[::STEPS_APART][:SHOWN] for video in dreams.videos]
    write_rows(path, rows, labels=dreams.labels)


def _lengths(episode: StoredEpisode, steps: int) -> tuple[int, int]:
    """Return how many warm-up steps and dream steps fit into an episode."""
    steps = min(steps, max(1, episode.steps // 2))
    return max(1, min(WARM_UP_STEPS, episode.steps - steps)), steps


def _decoded(vae: VAE, latents: Tensor) -> NDArray[np.uint8]:
    parts = [vae.decode(part).numpy() for part in torch.split(latents, 64)]
    return to_pixels(np.concatenate(parts))
