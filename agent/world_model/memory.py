"""Memory M: one step of the MDN-LSTM, which updates (h, c) from (z, action).

The mixture heads, which predict the next latent, are needed for training and dreams only and are
not part of the packed network.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from agent.buttons import ACTION_BUTTONS
from agent.errors import ModelError
from agent.world_model.onnx_network import OnnxNetwork
from agent.world_model.packed_model import ModelSpec

State = tuple[NDArray[np.float32], NDArray[np.float32]]


class Memory:
    """The recurrent part of the MDN-LSTM. It has no state of its own: the caller passes (h, c)."""

    def __init__(self, path: Path, spec: ModelSpec) -> None:
        """Open memory.onnx.

        Raises:
            PackedModelError: the file is missing or damaged, or belongs to another model.
        """
        self._spec = spec
        hidden = (1, spec.hidden)
        inputs = {
            "z": ((1, spec.latent), np.float32),
            "action": ((1, len(ACTION_BUTTONS)), np.float32),
            "h": (hidden, np.float32),
            "c": (hidden, np.float32),
        }
        self._network = OnnxNetwork(path, inputs, {"next_h": hidden, "next_c": hidden})
        self._inputs = {name: array[0] for name, array in self._network.inputs.items()}
        self._h = self._network.outputs["next_h"][0]
        self._c = self._network.outputs["next_c"][0]

    def initial(self) -> State:
        """Return the state at the start of a sequence: zeros, float32 (H,) twice."""
        return np.zeros(self._spec.hidden, np.float32), np.zeros(self._spec.hidden, np.float32)

    def step(
        self,
        z: NDArray[np.float32],
        action: NDArray[np.uint8],
        h: NDArray[np.float32],
        c: NDArray[np.float32],
    ) -> State:
        """Compute the state after one step of play.

        Args:
            z: float32 (Z,), the latent of the frame.
            action: uint8 (4,) of 0 and 1, the buttons pressed on that frame.
            h: float32 (H,), before this step.
            c: float32 (H,), before this step.

        Returns:
            (h, c) after the step, float32 (H,) each; copies that the caller may keep.

        Raises:
            ModelError: the state is not finite.
        """
        inputs = self._inputs
        inputs["z"][:], inputs["action"][:], inputs["h"][:], inputs["c"][:] = z, action, h, c
        self._network.run()
        if not math.isfinite(self._h.sum() + self._c.sum()):
            raise ModelError(
                "memory.onnx computes a state that is not finite: pack the model again"
            )
        return self._h.copy(), self._c.copy()
