"""A memory of frames, which finds the frames that look most like another.

The index is a graph that grows while the agent plays: HNSW (Malkov and Yashunin 2018), of the
library USearch. Annoy, which the agent of 2018 used, builds its index anew for every addition.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray
from usearch.index import Index

from baselines.simple_agents import N_BUTTONS, Buttons

# Neighbours of a frame in the graph, and frames that an addition and a search compare at least.
CONNECTIVITY, EXPANSION = 16, 100


@contextmanager
def _interruptible() -> Iterator[None]:
    """Let Ctrl-C end a call of USearch as it ends Python code.

    USearch notices a signal, drops the exception of its handler, and raises a RuntimeError.
    """
    try:
        yield
    except RuntimeError as error:
        if "terminated" in str(error).lower():
            raise KeyboardInterrupt from error
        raise


class NeighbourMemory:
    """Different frames by their features, each with the best action that was taken there.

    Frames of the same features are stored once: copies would be neighbours of each other alone,
    and a search that meets them would find nothing else.
    """

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
        self._numbers: dict[int, int] = {}  # hash of the features -> number of the frame
        self._actions: list[bytes] = []
        self._values: list[float] = []

    def __len__(self) -> int:
        """Return the number of different frames."""
        return len(self._values)

    def add(
        self,
        features: NDArray[np.float32],
        actions: NDArray[np.uint8],
        values: NDArray[np.float64],
    ) -> None:
        """Add frames; of equal frames, the action of the highest value is kept.

        Args:
            features: (N, n_features) float32.
            actions: (N, 12) uint8, the buttons that were pressed.
            values: (N,), how good the actions were.
        """
        assert len(features) == len(actions) == len(values), (len(features), len(actions))
        assert actions.shape[1:] == (N_BUTTONS,), actions.shape
        rounded, first, new = features.astype(np.float16), len(self), []
        for row, action, value in zip(rounded, actions, values.tolist(), strict=True):
            number = self._numbers.setdefault(hash(row.tobytes()), len(self))
            if number == len(self):
                new.append(row)
                self._actions.append(action.tobytes())
                self._values.append(value)
            elif value > self._values[number]:
                self._actions[number], self._values[number] = action.tobytes(), value
        if new:
            with _interruptible():
                self._index.add(np.arange(first, len(self)), np.array(new), threads=1)

    def nearest(self, features: NDArray[np.float32], count: int) -> list[int]:
        """Return the numbers of the nearest frames, in the order of their additions.

        Args:
            features: (n_features,).
            count: number of frames, 1 or more; a smaller memory returns all.

        Returns:
            The numbers. The search is approximate: some of the frames may be others that are
            nearly as near.
        """
        query = features.astype(np.float16)
        with _interruptible():
            found = self._index.search(query, min(count, len(self)), threads=1)
        return sorted(int(key) for key in found.keys)

    def best_action(self, features: NDArray[np.float32], count: int) -> Buttons:
        """Return the action with the highest value among those of the nearest frames.

        Args:
            features: (n_features,).
            count: number of nearest frames.

        Returns:
            The buttons, uint8 (12,). Of equal values, that of the earliest frame is taken.
        """
        best = max(self.nearest(features, count), key=self._values.__getitem__)
        return np.frombuffer(self._actions[best], np.uint8)
