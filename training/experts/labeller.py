"""The interface of an expert that follows an episode and labels its frames."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray


class Labeller(Protocol):
    """Call `ask` at most once per step, and `observe` after each step.

    Attributes:
        every: a frame is labelled every `every` steps even if the policy does not ask.
    """

    every: int

    def ask(self) -> NDArray[np.uint8] | None:
        """Return the expert's action, uint8 (4,) of 0 and 1; None if it has none."""
        ...

    def judge(self, action: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return the expert's action with the buttons of no consequence marked.

        Args:
            action: what `ask` returned, uint8 (4,).

        Returns:
            uint8 (4,) as in `StoredEpisode.expert_action`.
        """
        ...

    def observe(self, action: NDArray[np.uint8], variables: Mapping[str, Any]) -> None:
        """Follow a step.

        Args:
            action: the action that was sent, uint8 (4,).
            variables: the game's variables after the step.
        """
        ...
