"""The interface of an expert that can be asked in any state of a level, not only on a recording.

Two experts implement it: the game's planner, which knows the level, and a search with save states,
which knows only rewards and frames.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class Expert(Protocol):
    """Finds the buttons that lead on from a saved state of its level."""

    def plan(self, state: bytes, seed: int) -> NDArray[np.bool_]:
        """Search for buttons that lead from a state towards the end of the level.

        Args:
            state: state of the emulator, as its `get_state` returns it.
            seed: random seed; the same state and seed give the same buttons.

        Returns:
            buttons: bool (n, 12) in the order of `agent.buttons.GENESIS_BUTTONS`. A row is held for
                one step of the contest (four frames, 15 rows per second). (0, 12) if the expert
                finds nothing that leads on.
        """
        ...
