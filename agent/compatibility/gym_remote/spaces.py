"""The two spaces of a contest level, for agents that play without gym."""

import os
from typing import Any, List, Optional, Tuple

import numpy as np


class MultiBinary:
    """Actions: n buttons, each 0 or 1.

    Attributes:
        n: number of buttons.
        shape: (n,).
        dtype: int8.
    """

    def __init__(self, n: int) -> None:
        self.n = n
        self.shape = (n,)
        self.dtype = np.dtype(np.int8)
        # As with gym in 2018, an agent that draws no seed of its own repeats itself. The contest
        # did not set SEED; a local evaluation sets it to the value of --seed.
        self._random = np.random.RandomState(int(os.environ.get("SEED") or 0))

    def seed(self, seed: Optional[int] = None) -> List[Optional[int]]:
        """Set the random seed of `sample`; None for a random one."""
        self._random = np.random.RandomState(seed)
        return [seed]

    def sample(self) -> Any:
        """Return random buttons, int8 (n,)."""
        return self._random.randint(2, size=self.n).astype(self.dtype)

    def contains(self, action: Any) -> bool:
        """Whether an action has n values, each 0 or 1."""
        values = np.asarray(action)
        return values.shape == self.shape and bool(np.isin(values, (0, 1)).all())

    def __contains__(self, action: Any) -> bool:
        return self.contains(action)

    def __repr__(self) -> str:
        return f"MultiBinary({self.n})"


class Box:
    """Observations: pictures with values from 0 to 255.

    Attributes:
        shape: (height, width, 3).
        dtype: uint8.
        low, high: uint8 arrays of this shape, all 0 and all 255.
    """

    def __init__(self, shape: Tuple[int, ...]) -> None:
        self.shape = shape
        self.dtype = np.dtype(np.uint8)
        self.low = np.zeros(shape, self.dtype)
        self.high = np.full(shape, 255, self.dtype)

    def __repr__(self) -> str:
        return f"Box{self.shape}"
