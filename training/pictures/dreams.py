"""Dreams: M continues an episode by itself, and V's decoder shows what it sees."""

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

WARM_UP_STEPS = 60  # of the real episode, before the dream starts
SHOWN = 10
STEPS_APART = 4  # between two pictures: about a quarter of a second


@torch.no_grad()
def dream(
    memory: MDNLSTM,
    latents: Tensor,
    actions: Tensor,
    temperature: float,
    generator: torch.Generator,
) -> Tensor:
    """Let M see the start of an episode, then go on from its own predictions.

    Args:
        memory: in evaluation mode.
        latents: (W, Z), the real ones of the start; W >= 1.
        actions: (W + N, 4), of the start and of the dream.
        temperature: of sampling; see `networks.sample_mixture`.
        generator: draws.

    Returns:
        The N dreamed latents, (N, Z).
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
class Views:
    """The same moments as they were and as the networks have them, uint8 (T, S, S, 3) each.

    Attributes:
        labels: "episode", "V", and a dream each.
        films: in the labels' order.
    """

    labels: Sequence[str]
    films: Sequence[NDArray[np.uint8]]


@torch.no_grad()
def view_dreams(
    vae: VAE, memory: MDNLSTM, episode: StoredEpisode, temperatures: Sequence[float], steps: int
) -> Views:
    """What happened in an episode, V's view of it, and dreams of it.

    The dreams see the same start of up to 60 steps, and then do the same actions. In an episode
    too short for it both are shortened.
    """
    vae.eval()
    memory.eval()
    warm_up, steps = _lengths(episode, steps)
    native = episode.frames(0, warm_up + steps)
    frames = np.array([preprocess(frame, vae.spec) for frame in native])
    latents = torch.cat([vae.encode(part)[0] for part in torch.split(torch.from_numpy(frames), 64)])
    actions = torch.from_numpy(episode.actions()[: warm_up + steps])
    films = [frames[warm_up:], _decoded(vae, latents[warm_up:])]
    for temperature in temperatures:
        generator = torch.Generator().manual_seed(1)
        z = dream(memory, latents[:warm_up], actions, temperature, generator)
        films.append(_decoded(vae, z))
    labels = ["episode", "V", *(f"dream T {temperature:g}" for temperature in temperatures)]
    return Views(labels, films)


def draw_dream(path: Path, vae: VAE, memory: MDNLSTM, dataset: Dataset, temperature: float) -> None:
    """Write a strip of the longest held-out episode: see `view_dreams`.

    The first dream is nearly without chance, the second has the given temperature.
    """
    episode = max(dataset.held_out, key=lambda e: e.steps)
    views = view_dreams(vae, memory, episode, (0.1, temperature), SHOWN * STEPS_APART)
    draw_strip(path, views)


def draw_strip(path: Path, views: Views) -> None:
    """Write every fourth moment as a PNG, a row a view."""
    rows = [film[::STEPS_APART][:SHOWN] for film in views.films]
    write_rows(path, rows, labels=views.labels)


def _lengths(episode: StoredEpisode, steps: int) -> tuple[int, int]:
    """Steps of warm-up and of the dream that fit an episode."""
    steps = min(steps, max(1, episode.steps // 2))
    return max(1, min(WARM_UP_STEPS, episode.steps - steps)), steps


def _decoded(vae: VAE, latents: Tensor) -> NDArray[np.uint8]:
    parts = [vae.decode(part).numpy() for part in torch.split(latents, 64)]
    return to_pixels(np.concatenate(parts))
