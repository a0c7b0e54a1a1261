"""The interface of an expert that follows an episode, and says what it would press on a frame."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray


class Guide(Protocol):
    """Call `ask` at most once per step, and `observe` after each step.

    Attributes:
        every: every so many steps, the frame is labelled although the policy does not ask.
    """

    every: int

    def ask(self) -> NDArray[np.uint8] | None:
        """Return the expert's action, uint8 (4,) of 0 and 1; None if it has none."""
        ...

    def observe(self, action: NDArray[np.uint8], variables: Mapping[str, Any]) -> None:
        """Follow a step.

        Args:
            action: the action that was sent, uint8 (4,).
            variables: the game's variables after the step.
        """
        ...
