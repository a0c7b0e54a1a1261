"""The spaces of a contest level, and of an agent that chooses among a few combinations of buttons.

Each has `shape`, `dtype`, `sample`, `contains` and `seed`, as in gym.
"""

import os
from typing import Any, List, Optional, Tuple

import numpy as np


class Space:
    """A set of actions or observations; a subclass defines `sample` and `contains`."""

    def __init__(self, shape: Tuple[int, ...], dtype: Any) -> None:
        self.shape = shape
        self.dtype = np.dtype(dtype)
        # As with gym in 2018, an agent that sets no seed draws the same samples in every run. The
        # contest did not set SEED; a local evaluation sets it to the value of --seed.
        self.seed(int(os.environ.get("SEED") or 0))

    def seed(self, seed: Optional[int] = None) -> List[Optional[int]]:
        """Set the random seed of `sample`; None chooses a random one."""
        self.np_random = np.random.RandomState(seed)
        return [seed]

    def sample(self) -> Any:
        """Return a random element."""
        raise NotImplementedError

    def contains(self, x: Any) -> bool:
        """Return whether x is an element."""
        raise NotImplementedError

    def __contains__(self, x: Any) -> bool:
        return self.contains(x)


class MultiBinary(Space):
    """Actions: n buttons, each 0 or 1, as int8 (n,)."""

    def __init__(self, n: int) -> None:
        self.n = n
        super().__init__((n,), np.int8)

    def sample(self) -> Any:
        return self.np_random.randint(2, size=self.n).astype(self.dtype)

    def contains(self, x: Any) -> bool:
        values = np.asarray(x)
        return values.shape == self.shape and bool(np.isin(values, (0, 1)).all())

    def __repr__(self) -> str:
        return f"MultiBinary({self.n})"


class Discrete(Space):
    """Actions: one of 0 to n - 1."""

    def __init__(self, n: int) -> None:
        self.n = n
        super().__init__((), np.int64)

    def sample(self) -> Any:
        return self.np_random.randint(self.n)

    def contains(self, x: Any) -> bool:
        value = np.asarray(x)
        return value.shape == () and value.dtype.kind in "iu" and bool(0 <= value < self.n)

    def __repr__(self) -> str:
        return f"Discrete({self.n})"


class Box(Space):
    """Observations: arrays of one shape, with values from `low` to `high`, numbers or arrays."""

    def __init__(
        self, low: Any, high: Any, shape: Optional[Tuple[int, ...]] = None, dtype: Any = np.float32
    ) -> None:
        super().__init__(np.shape(low) if shape is None else tuple(shape), dtype)
        self.low = np.full(self.shape, low, self.dtype)
        self.high = np.full(self.shape, high, self.dtype)

    def contains(self, x: Any) -> bool:
        values = np.asarray(x)
        inside = values.shape == self.shape
        return inside and bool((values >= self.low).all() and (values <= self.high).all())

    def __repr__(self) -> str:
        return f"Box{self.shape}"
