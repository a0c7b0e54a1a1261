"""Adds collected episodes to a dataset in the order of their indices, whichever finishes first.

A dataset is then the shortest sequence of episodes 0, 1, 2, ... with enough frames, which depends
on the seed alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from training.data.dataset import list_episodes
from training.data.episode_writer import commit_episode
from training.experts.collector import CollectedEpisode


class EpisodeOrder:
    """The episodes of a dataset that grows, and those that wait for an earlier one.

    Attributes:
        frames: Number of frames of the episodes in the dataset, up to the first missing one.
    """

    def __init__(self, dataset: Path, wanted: int) -> None:
        """List the episodes of the dataset.

        Args:
            dataset: Folder of the dataset.
            wanted: Number of frames from which on no episode is added.
        """
        self.frames = 0
        self._wanted = wanted
        self._next = 0  # index of the first missing episode
        self._steps = {episode.index: episode.steps for episode in list_episodes(dataset)}
        self._waiting: dict[int, CollectedEpisode] = {}
        self._skip_stored()

    def has(self, index: int) -> bool:
        """Return whether the dataset has the episode."""
        return index in self._steps and index not in self._waiting

    def enough(self, index: int) -> bool:
        """Return whether the finished episodes before `index` have enough frames."""
        waiting = range(self._next, index)
        return self.frames + sum(self._steps.get(number, 0) for number in waiting) >= self._wanted

    def add(self, index: int, collected: CollectedEpisode) -> Iterator[CollectedEpisode]:
        """Add an episode, and those that waited for it; yield each after it was added.

        Raises:
            OSError: The dataset can't be written.
        """
        self._waiting[index], self._steps[index] = collected, collected.stored.steps
        while self.frames < self._wanted and self._next in self._waiting:
            added = self._waiting.pop(self._next)
            commit_episode(added.stored)
            self._skip_stored()
            yield added

    def _skip_stored(self) -> None:
        while self.has(self._next):
            self.frames += self._steps[self._next]
            self._next += 1
