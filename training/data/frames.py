"""Frames as V sees them, read out of a dataset and shrunk by the agent's own preprocessing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agent.world_model.packed_model import ModelSpec
from agent.world_model.preprocess import preprocess
from training.data.dataset import Episode
from training.runs.progress import ProgressBar


@dataclass(frozen=True)
class Frames:
    """Preprocessed frames and what is known about each."""

    pixels: NDArray[np.uint8]  # (N, S, S, 3)
    expert_action: NDArray[np.uint8]  # (N, 4); 255: none
    player: NDArray[np.int16]  # (N, 2), x and y on the native screen; -1: not known

    def take(self, chosen: NDArray[np.intp]) -> Frames:
        """Some of them, in this order."""
        return Frames(
            self.pixels[chosen],
            self.expert_action[chosen],
            self.player[chosen],
        )

    def draw(self, random: np.random.Generator, size: int) -> Frames:
        """So many of them, each drawn from all."""
        return self.take(random.integers(len(self.pixels), size=size))


def join(parts: Sequence[Frames]) -> Frames:
    """Frames one after the other."""
    return Frames(
        np.concatenate([part.pixels for part in parts]),
        np.concatenate([part.expert_action for part in parts]),
        np.concatenate([part.player for part in parts]),
    )


def read_episode(episode: Episode, spec: ModelSpec) -> Frames:
    """All frames of an episode, preprocessed.

    Raises:
        DataError: a file of the dataset is cut or altered.
    """
    pixels = np.empty((episode.steps, spec.frame_size, spec.frame_size, 3), np.uint8)
    frames = (frame for chunk in episode.chunks() for frame in chunk)
    for place, frame in enumerate(frames):
        pixels[place] = preprocess(frame, spec)
    return Frames(pixels, episode.expert_action(), episode.player())


def read_frames(episodes: Sequence[Episode], spec: ModelSpec) -> Frames:
    """All frames of episodes, preprocessed, with a bar that shows how far it is.

    Raises:
        DataError: a file of the dataset is cut or altered.
    """
    count, size = sum(episode.steps for episode in episodes), spec.frame_size
    pixels = np.empty((count, size, size, 3), np.uint8)  # once: joining would need it twice
    expert_action, player, done = [], [], 0
    with ProgressBar("frames read", count) as progress:
        for episode in episodes:
            part = read_episode(episode, spec)
            pixels[done : done + episode.steps] = part.pixels
            expert_action.append(part.expert_action)
            player.append(part.player)
            done += episode.steps
            progress.update(done)
    return Frames(pixels, np.concatenate(expert_action), np.concatenate(player))


def sample_frames(episodes: Sequence[Episode], spec: ModelSpec, most: int) -> Frames:
    """Frames of episodes, evenly spread over them, so many at most."""
    total = sum(episode.steps for episode in episodes)
    chosen = np.unique(np.linspace(0, total - 1, most).astype(int))
    parts, first = [], 0
    for episode in episodes:
        places = chosen[(chosen >= first) & (chosen < first + episode.steps)] - first
        if len(places):
            native = episode.frames()
            pixels = np.array([preprocess(native[place], spec) for place in places])
            known = episode.expert_action(), episode.player()
            parts.append(Frames(pixels, *(values[places] for values in known)))
        first += episode.steps
    return join(parts)
