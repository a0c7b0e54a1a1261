"""A sum tree: draws indices in proportion to their priorities, and changes priorities, in O(log n).

Source: Schaul et al. 2016, "Prioritized Experience Replay", appendix B.2.1.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


class SumTree:
    """Priorities of a fixed number of items."""

    def __init__(self, capacity: int) -> None:
        """Make a tree whose priorities are 0.

        Args:
            capacity: number of items.
        """
        self._leaves = 1 << max(capacity - 1, 1).bit_length()
        self._sums = np.zeros(2 * self._leaves)  # node i has the children 2i and 2i + 1

    @property
    def total(self) -> float:
        """Sum of all priorities."""
        return float(self._sums[1])

    def priorities(self, items: ArrayLike) -> NDArray[np.float64]:
        """Return the priorities of items."""
        return np.asarray(self._sums[np.asarray(items) + self._leaves])

    def set(self, items: ArrayLike, priorities: ArrayLike) -> None:
        """Set the priorities of items.

        Args:
            items: (N,) indices.
            priorities: (N,) numbers of 0 or more, or one number for all.
        """
        nodes = np.asarray(items) + self._leaves
        self._sums[nodes] = priorities
        while nodes.size and nodes[0] > 1:
            nodes = np.unique(nodes // 2)
            self._sums[nodes] = self._sums[2 * nodes] + self._sums[2 * nodes + 1]

    def sample(self, count: int, random: np.random.Generator) -> NDArray[np.int64]:
        """Draw items, one from each of `count` equal parts of the total.

        Args:
            count: number of items.
            random: random generator.

        Returns:
            (count,) indices; no item of priority 0 is drawn.
        """
        left = (np.arange(count) + random.random(count)) * (self.total / count)
        nodes = np.ones(count, np.int64)
        while nodes[0] < self._leaves:
            nodes *= 2
            below = self._sums[nodes]
            # By rounding, `left` may exceed a node's sum: never enter a node whose sum is 0.
            right = (left >= below) & (self._sums[nodes + 1] > 0) | (below <= 0)
            left = np.where(right, np.maximum(left - below, 0.0), left)
            nodes += right
        return nodes - self._leaves
