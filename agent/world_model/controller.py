"""The controller C: one linear layer from [z, h, c] to four buttons.

It is the only part that evolution changes, so its parameters, bias included, are one flat vector.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from agent.buttons import ACTION_BUTTONS
from agent.errors import ModelError


def n_parameters(n_features: int) -> int:
    """Return the length of the parameter vector: weights of all features and a bias per button."""
    return len(ACTION_BUTTONS) * (n_features + 1)


class Controller:
    """Presses a button iff sigmoid(w . features + b) > 0.5, that is, iff the sum is positive."""

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
                f"the controller's {parameters.size} parameters include values that are not finite:"
                " restore the evolution state, or evolve again"
            )
        flat = parameters.astype(np.float32)
        self._weights = flat[: -len(ACTION_BUTTONS)].reshape(len(ACTION_BUTTONS), n_features)
        self._bias = flat[-len(ACTION_BUTTONS) :]

    def logits(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Compute the inputs of the sigmoids: features float32 (Z + 2H,) -> float32 (4,)."""
        assert features.shape == self._weights.shape[1:], (
            f"features of shape {features.shape}, weights of shape {self._weights.shape}"
        )
        logits: NDArray[np.float32] = self._weights @ features + self._bias
        return logits

    def act(self, features: NDArray[np.float32]) -> NDArray[np.uint8]:
        """Choose the buttons: features float32 (Z + 2H,) -> uint8 (4,) of 0 and 1.

        Raises:
            ModelError: a feature is NaN, which would press no button without any notice.
        """
        logits = self.logits(features)
        if np.isnan(logits).any():
            raise ModelError(
                f"{np.count_nonzero(~np.isfinite(features))} of {features.size} features are not "
                "finite: pack the model again"
            )
        return (logits > 0).view(np.uint8)
