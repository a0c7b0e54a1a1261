"""The agent's action set: four of the gamepad's twelve buttons, and the conversion between them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

ACTION_BUTTONS = ("B", "DOWN", "LEFT", "RIGHT")
GENESIS_BUTTONS = ("B", "A", "MODE", "START", "UP", "DOWN", "LEFT", "RIGHT", "C", "Y", "X", "Z")
_POSITIONS = np.array([GENESIS_BUTTONS.index(button) for button in ACTION_BUTTONS])

Action = NDArray[np.uint8]  # (4,) of 0 and 1, in the order of ACTION_BUTTONS


def to_genesis(action: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Convert an action, uint8 (4,) of 0 and 1, to the gamepad's twelve buttons, uint8 (12,)."""
    assert action.shape == (len(ACTION_BUTTONS),), f"an action of shape {action.shape}"
    buttons = np.zeros(len(GENESIS_BUTTONS), np.uint8)
    buttons[_POSITIONS] = action
    return buttons


def from_genesis(buttons: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Convert the gamepad's buttons, uint8 (12,) of 0 and 1, to an action, uint8 (4,)."""
    assert buttons.shape == (len(GENESIS_BUTTONS),), f"buttons of shape {buttons.shape}"
    action: NDArray[np.uint8] = buttons[_POSITIONS]
    return action


def press(*buttons: str) -> Action:
    """Return the action that presses the given buttons, a subset of ACTION_BUTTONS."""
    return np.array([button in buttons for button in ACTION_BUTTONS], np.uint8)
