"""The controller C: one linear layer from [z, h, c] to four buttons, and the action encoding.

It is the only part that evolution changes, so its parameters are one flat vector; the bias is
part of that vector. The four buttons here are the agent's whole action space.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from agent.commandline import UserError

ACTION_BUTTONS = ("B", "DOWN", "LEFT", "RIGHT")
GENESIS_BUTTONS = ("B", "A", "MODE", "START", "UP", "DOWN", "LEFT", "RIGHT", "C", "Y", "X", "Z")
_POSITIONS = np.array([GENESIS_BUTTONS.index(button) for button in ACTION_BUTTONS])


class ModelError(UserError):
    """A model that loads but does not work: it computes values that are not finite."""


def to_genesis(action: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Spread an action, uint8 (4,) of 0 and 1, over the gamepad's buttons, uint8 (12,)."""
    assert action.shape == (len(ACTION_BUTTONS),), f"an action of shape {action.shape}"
    buttons = np.zeros(len(GENESIS_BUTTONS), np.uint8)
    buttons[_POSITIONS] = action
    return buttons


def from_genesis(buttons: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The agent's four of the gamepad's buttons: uint8 (12,) of 0 and 1 -> uint8 (4,)."""
    assert buttons.shape == (len(GENESIS_BUTTONS),), f"buttons of shape {buttons.shape}"
    action: NDArray[np.uint8] = buttons[_POSITIONS]
    return action


def n_parameters(n_features: int) -> int:
    """How long the flat parameter vector is: a weight a feature and a bias for each button."""
    return len(ACTION_BUTTONS) * (n_features + 1)


class Controller:
    """A button is pressed iff sigmoid(w . features + b) > 0.5, that is iff the sum is positive."""

    def __init__(self, parameters: NDArray[np.floating]) -> None:
        """Take parameters (4 * (n_features + 1),): the rows of the weights, then the four biases.

        Raises:
            ModelError: a parameter is not finite.
        """
        n_features, remainder = divmod(parameters.size, len(ACTION_BUTTONS))
        n_features -= 1
        assert parameters.ndim == 1 and remainder == 0 and n_features > 0, parameters.shape
        if not np.isfinite(parameters).all():
            raise ModelError(
                f"a controller of {parameters.size} parameters has one that is not finite: "
                "the evolution state is broken, restore or evolve it again"
            )
        flat = parameters.astype(np.float32)
        self._weights = flat[: -len(ACTION_BUTTONS)].reshape(len(ACTION_BUTTONS), n_features)
        self._bias = flat[-len(ACTION_BUTTONS) :]

    def logits(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """What the sigmoids see: features float32 (Z + 2H,) -> float32 (4,)."""
        assert features.shape == self._weights.shape[1:], (
            f"{features.shape} features for a controller of {self._weights.shape}"
        )
        logits: NDArray[np.float32] = self._weights @ features + self._bias
        return logits

    def act(self, features: NDArray[np.float32]) -> NDArray[np.uint8]:
        """Choose the buttons: features float32 (Z + 2H,) -> uint8 (4,) of 0 and 1.

        Raises:
            ModelError: a feature is NaN, which would silently press nothing.
        """
        logits = self.logits(features)
        if np.isnan(logits).any():
            raise ModelError(
                f"{np.count_nonzero(~np.isfinite(features))} of {features.size} features are not "
                "finite: the networks compute nonsense, pack them again"
            )
        return (logits > 0).view(np.uint8)
