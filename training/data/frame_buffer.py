"""A dataset that is larger than memory: its episodes take turns in a buffer of frames.

The agent of 2018 trained so, and replaced 5 to 10% of its set every few epochs. Here the episodes
that were in for longest make room for others, for those too that were collected meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from agent.world_model.packed_model import ModelSpec
from training.data.dataset import Episode
from training.data.frames import Frames, join, read_episode
from training.runs.progress import ProgressBar
from training.runs.resume import TrainingError


class FrameBuffer:
    """Whole episodes, preprocessed, of at most so many frames; the oldest are replaced."""

    def __init__(
        self,
        episodes: Callable[[], Sequence[Episode]],
        spec: ModelSpec,
        *,
        frames: int,
        epochs: float,
        share: float,
        seed: int,
    ) -> None:
        """Prepare an empty buffer; `begin` fills it.

        Args:
            episodes: lists what there is to train on, as it is when called.
            spec: of the model that is to see the frames.
            frames: most frames at once.
            epochs: passes over the buffer's frames between two replacements.
            share: of `frames` that a replacement brings in, in (0, 1].
            seed: of the choices.
        """
        self._episodes, self._spec = episodes, spec
        self._most, self._epochs, self._share, self._seed = frames, epochs, share, seed
        self._held: list[tuple[Episode, Frames]] = []  # the one that is in for longest first
        self._ends = np.zeros(0, np.int64)  # frames up to the end of each
        self._drawn = 0  # frames, since the last replacement
        self._replacements = 0

    def __len__(self) -> int:
        """How many frames are in."""
        return int(self._ends[-1]) if len(self._ends) else 0

    def begin(self, state: Mapping[str, Any] | None) -> None:
        """Fill the buffer: anew, or with what `state` said of an earlier one.

        Raises:
            TrainingError: an episode that was in is gone, or every episode is too long.
            DataError: a file of the dataset is cut or altered.
        """
        if state is None:
            chosen = self._fitting(self._shuffled(self._episodes()))
        else:
            there = {str(episode.path): episode for episode in self._episodes()}
            if gone := [path for path in state["episodes"] if path not in there]:
                raise TrainingError(
                    f"{gone[0]} was in the buffer and is gone: restore it, or give another --out"
                )
            chosen = [there[path] for path in state["episodes"]]
            self._drawn, self._replacements = state["drawn"], state["replacements"]
        with ProgressBar("frames read", sum(episode.steps for episode in chosen)) as progress:
            for episode in chosen:
                self._admit(episode)
                progress.update(len(self))

    def state(self) -> dict[str, Any]:
        """All that the next batches depend on beside the dataset, as JSON values."""
        return {
            "episodes": [str(episode.path) for episode, _ in self._held],
            "drawn": self._drawn,
            "replacements": self._replacements,
        }

    def draw(self, random: np.random.Generator, size: int) -> Frames:
        """So many frames, each drawn from all that are in; replaces episodes where that is due.

        Raises:
            DataError: a file of the dataset is cut or altered.
        """
        if self._drawn >= self._epochs * len(self):
            self._replace()
        self._drawn += size
        chosen = random.integers(len(self), size=size)
        held = np.searchsorted(self._ends, chosen, side="right")
        parts = []
        for number, place in zip(held, chosen, strict=True):
            frames, end = self._held[number][1], self._ends[number]
            parts.append(frames.take(np.array([place - end])))  # counted from its end
        return join(parts)

    def _replace(self) -> None:
        self._drawn = 0
        self._replacements += 1
        held = {str(episode.path) for episode, _ in self._held}
        others = [episode for episode in self._episodes() if str(episode.path) not in held]
        came = 0
        for episode in self._shuffled(others):
            if came >= self._share * self._most:
                break
            while len(self) + episode.steps > self._most:
                self._drop_oldest()
            self._admit(episode)
            came += episode.steps

    def _admit(self, episode: Episode) -> None:
        self._held.append((episode, read_episode(episode, self._spec)))
        self._ends = np.append(self._ends, len(self) + episode.steps)

    def _drop_oldest(self) -> None:
        gone, _ = self._held.pop(0)
        self._ends = self._ends[1:] - gone.steps

    def _shuffled(self, episodes: Sequence[Episode]) -> list[Episode]:
        """Those that fit at all, in an order that seed and number of replacements tell."""
        order = np.random.default_rng((self._seed, 2, self._replacements))
        shuffled = [episodes[place] for place in order.permutation(len(episodes))]
        return [episode for episode in shuffled if episode.steps <= self._most]

    def _fitting(self, episodes: Sequence[Episode]) -> list[Episode]:
        """The first ones that fit in together."""
        ends = np.cumsum([episode.steps for episode in episodes])
        if not len(ends):
            raise TrainingError(
                f"no episode has so few frames as a buffer of {self._most:,} holds: give more "
                "with --buffer-frames"
            )
        return list(episodes[: int(np.searchsorted(ends, self._most, side="right"))])
