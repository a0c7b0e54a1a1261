"""Reads frames from a dataset and preprocesses them as the agent does in play."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agent.world_model.packed_model import ModelSpec
from agent.world_model.preprocess import preprocess
from arena.progress_bar import ProgressBar
from training.data.dataset import StoredEpisode


@dataclass(frozen=True)
class Frames:
    """Preprocessed frames, with the expert's action and the player's position for each."""

    pixels: NDArray[np.uint8]  # (N, S, S, 3)
    expert_action: NDArray[np.uint8]  # (N, 4) as in `StoredEpisode.expert_action`
    player: NDArray[np.int16]  # (N, 2), x and y in pixels of the native screen; -1 if unknown

    def take(self, chosen: NDArray[np.intp]) -> Frames:
        """Return the frames at some indices, in that order."""
        return Frames(self.pixels[chosen], self.expert_action[chosen], self.player[chosen])

    def draw(self, random: np.random.Generator, size: int) -> Frames:
        """Draw `size` frames at random, with replacement."""
        return self.take(random.integers(len(self.pixels), size=size))


def join(parts: Sequence[Frames]) -> Frames:
    """Concatenate frames."""
    return Frames(
        np.concatenate([part.pixels for part in parts]),
        np.concatenate([part.expert_action for part in parts]),
        np.concatenate([part.player for part in parts]),
    )


def read_episode(episode: StoredEpisode, spec: ModelSpec) -> Frames:
    """Read and preprocess all frames of an episode.

    Raises:
        DataError: a file of the dataset is damaged.
    """
    pixels = np.empty((episode.steps, spec.frame_size, spec.frame_size, 3), np.uint8)
    frames = (frame for chunk in episode.chunks() for frame in chunk)
    for number, frame in enumerate(frames):
        pixels[number] = preprocess(frame, spec)
    return Frames(pixels, episode.expert_action(), episode.player())


def read_frames(episodes: Sequence[StoredEpisode], spec: ModelSpec) -> Frames:
    """Read and preprocess all frames of several episodes, with a progress bar.

    Raises:
        DataError: a file of the dataset is damaged.
    """
    count, size = sum(episode.steps for episode in episodes), spec.frame_size
    pixels = np.empty((count, size, size, 3), np.uint8)  # concatenation would need twice the memory
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


def sample_frames(episodes: Sequence[StoredEpisode], spec: ModelSpec, most: int) -> Frames:
    """Read at most `most` frames, evenly spaced over all steps of the episodes."""
    total = sum(episode.steps for episode in episodes)
    chosen = np.unique(np.linspace(0, total - 1, most).astype(int))
    parts, first = [], 0
    for episode in episodes:
        steps = chosen[(chosen >= first) & (chosen < first + episode.steps)] - first
        if len(steps):
            native = episode.frames()
            pixels = np.array([preprocess(native[step], spec) for step in steps])
            parts.append(Frames(pixels, episode.expert_action()[steps], episode.player()[steps]))
        first += episode.steps
    return join(parts)
