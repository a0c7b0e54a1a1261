"""A rotating buffer of frames, for a dataset that is larger than memory.

The original 2018 agent replaced 5 to 10% of its training set every few epochs. Here the oldest
episodes in the buffer are replaced by others, including those collected since training began.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from agent.world_model.packed_model import ModelSpec
from arena.progress_bar import ProgressBar
from training.data.dataset import StoredEpisode
from training.data.frames import Frames, join, read_episode
from training.runs.resume import TrainingError


class FrameBuffer:
    """Holds whole preprocessed episodes, up to a number of frames, and replaces the oldest."""

    def __init__(
        self,
        episodes: Callable[[], Sequence[StoredEpisode]],
        spec: ModelSpec,
        *,
        frames: int,
        epochs: float,
        share: float,
        seed: int,
    ) -> None:
        """Create an empty buffer; `begin` fills it.

        Args:
            episodes: lists the dataset's current training episodes each time it is called.
            spec: sizes of the model; its frame size and filter are used for preprocessing.
            frames: maximum number of frames in the buffer.
            epochs: passes over the buffer's frames between two replacements.
            share: share of `frames` that one replacement adds, in (0, 1].
            seed: random seed of the order in which episodes are chosen.
        """
        self._episodes, self._spec = episodes, spec
        self._most, self._epochs, self._share, self._seed = frames, epochs, share, seed
        self._held: list[tuple[StoredEpisode, Frames]] = []  # the oldest first
        self._ends = np.zeros(0, np.int64)  # number of frames up to the end of each episode
        self._drawn = 0  # frames drawn since the last replacement
        self._replacements = 0

    def __len__(self) -> int:
        """Return the number of frames in the buffer."""
        return int(self._ends[-1]) if len(self._ends) else 0

    def begin(self, state: Mapping[str, Any] | None) -> None:
        """Fill the buffer.

        Args:
            state: result of `state` to restore; None chooses episodes at random.

        Raises:
            TrainingError: an episode of `state` is missing, or every episode is too long.
            DataError: a file of the dataset is damaged.
        """
        if state is None:
            chosen = self._fitting(self._shuffled(self._episodes()))
        else:
            listed = {str(episode.path): episode for episode in self._episodes()}
            if gone := [path for path in state["episodes"] if path not in listed]:
                raise TrainingError(
                    f"{gone[0]} was in the frame buffer, but is missing: restore it, or start a "
                    "new run with another --out"
                )
            chosen = [listed[path] for path in state["episodes"]]
            self._drawn, self._replacements = state["drawn"], state["replacements"]
        with ProgressBar("frames read", sum(episode.steps for episode in chosen)) as progress:
            for episode in chosen:
                self._admit(episode)
                progress.update(len(self))

    def state(self) -> dict[str, Any]:
        """Return what the next batches depend on, besides the dataset, as JSON values."""
        return {
            "episodes": [str(episode.path) for episode, _ in self._held],
            "drawn": self._drawn,
            "replacements": self._replacements,
        }

    def draw(self, random: np.random.Generator, size: int) -> Frames:
        """Draw `size` frames at random from the buffer; if it is due, replace episodes first.

        Raises:
            DataError: a file of the dataset is damaged.
        """
        if self._drawn >= self._epochs * len(self):
            self._replace()
        self._drawn += size
        chosen = random.integers(len(self), size=size)
        held = np.searchsorted(self._ends, chosen, side="right")
        parts = []
        for number, index in zip(held, chosen, strict=True):
            frames, end = self._held[number][1], self._ends[number]
            parts.append(frames.take(np.array([index - end])))  # negative: from the episode's end
        return join(parts)

    def _replace(self) -> None:
        self._drawn = 0
        self._replacements += 1
        held = {str(episode.path) for episode, _ in self._held}
        others = [episode for episode in self._episodes() if str(episode.path) not in held]
        added = 0
        for episode in self._shuffled(others):
            if added >= self._share * self._most:
                break
            while len(self) + episode.steps > self._most:
                self._drop_oldest()
            self._admit(episode)
            added += episode.steps

    def _admit(self, episode: StoredEpisode) -> None:
        self._held.append((episode, read_episode(episode, self._spec)))
        self._ends = np.append(self._ends, len(self) + episode.steps)

    def _drop_oldest(self) -> None:
        dropped, _ = self._held.pop(0)
        self._ends = self._ends[1:] - dropped.steps

    def _shuffled(self, episodes: Sequence[StoredEpisode]) -> list[StoredEpisode]:
        """Shuffle by seed and number of replacements, without episodes that exceed the buffer."""
        order = np.random.default_rng((self._seed, 2, self._replacements))
        shuffled = [episodes[index] for index in order.permutation(len(episodes))]
        return [episode for episode in shuffled if episode.steps <= self._most]

    def _fitting(self, episodes: Sequence[StoredEpisode]) -> list[StoredEpisode]:
        """Return the first episodes that fit into the buffer together."""
        ends = np.cumsum([episode.steps for episode in episodes])
        if not len(ends):
            raise TrainingError(
                f"every episode is longer than the frame buffer of {self._most:,} frames: give a "
                "higher --buffer-frames"
            )
        return list(episodes[: int(np.searchsorted(ends, self._most, side="right"))])
