"""A memory of frames, which finds the frames that look most like another.

The index is a graph that grows while the agent plays: HNSW (Malkov and Yashunin 2018), of the
library USearch. Annoy, which the agent of 2018 used, builds its index anew for every addition.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from usearch.index import Index

from baselines.simple_agents import N_BUTTONS, Buttons

# Neighbours of a frame in the graph, and frames that an addition and a search compare at least.
CONNECTIVITY, EXPANSION = 16, 100


class FrameMemory:
    """Frames by their features, with an action and a value each."""

    def __init__(self, n_features: int) -> None:
        """Make an empty memory.

        Args:
            n_features: number of features of a frame.
        """
        # Two bytes per feature suffice: neighbours differ by far more than the rounding.
        self._index = Index(
            ndim=n_features,
            metric="l2sq",
            dtype="f16",
            connectivity=CONNECTIVITY,
            expansion_add=EXPANSION,
            expansion_search=EXPANSION,
            enable_key_lookups=False,
        )
        self._actions = bytearray()
        self._values = np.empty(0, np.float32)
        self._size = 0

    def __len__(self) -> int:
        """Return the number of frames."""
        return self._size

    def add(
        self,
        features: NDArray[np.float32],
        actions: NDArray[np.uint8],
        values: NDArray[np.float32],
    ) -> None:
        """Add frames.

        Args:
            features: (N, n_features) float32.
            actions: (N, 12) uint8, the buttons that were pressed.
            values: (N,), how good the actions were.
        """
        assert len(features) == len(actions) == len(values), (features, actions, values)
        assert actions.shape[1:] == (N_BUTTONS,), actions.shape
        size = self._size + len(values)
        if size > len(self._values):  # grow by doubling: an addition copies nothing as a rule
            self._values = np.resize(self._values, max(size, 2 * len(self._values)))
        self._index.add(np.arange(self._size, size), features, threads=1)
        self._actions += actions.tobytes()
        self._values[self._size : size] = values
        self._size = size

    def nearest(self, features: NDArray[np.float32], count: int) -> NDArray[np.int64]:
        """Return the numbers of the frames that are nearest, in the order of their additions.

        Args:
            features: (n_features,).
            count: number of frames, 1 or more; a smaller memory returns all.

        Returns:
            (min(count, size),) int64. The search is approximate: some frames may be others that
            are nearly as near.
        """
        found = self._index.search(features, min(count, self._size), threads=1)
        return np.sort(found.keys.astype(np.int64))

    def best_action(self, features: NDArray[np.float32], count: int) -> Buttons:
        """Return the action with the highest value among those of the nearest frames.

        Args:
            features: (n_features,).
            count: number of nearest frames.

        Returns:
            The buttons, uint8 (12,). Of equal values, the earliest is taken.
        """
        frames = self.nearest(features, count)
        best = int(frames[np.argmax(self._values[frames])])
        start = best * N_BUTTONS
        return np.frombuffer(bytes(self._actions[start : start + N_BUTTONS]), np.uint8)
