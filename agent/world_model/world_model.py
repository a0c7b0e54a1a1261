"""The world model in play: V and M together compute the controller's features at every step.

The memory is stepped after the action is sent, while the emulator computes. Its state is reset
after as many steps as a training sequence has.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from agent.world_model.memory import Memory
from agent.world_model.packed_model import MEMORY, VISION, ModelSpec, PackedModel
from agent.world_model.vision import Vision


class WorldModel:
    """Call `reset` at the start of an episode, then `observe` and `remember` once per step."""

    def __init__(self, vision: Vision, memory: Memory, spec: ModelSpec) -> None:
        """Combine two networks of one specification."""
        self._vision = vision
        self._memory = memory
        self._spec = spec
        self.reset()

    @property
    def latent(self) -> int:
        """Z, the size of the latent, which is the first part of the features."""
        return self._spec.latent

    def reset(self) -> None:
        """Start an episode with a state of zeros."""
        self._steps = 0  # since the state was last zero
        self._h, self._c = self._memory.initial()

    def observe(self, frame: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Encode a frame, uint8 (height, width, 3), and return [z, h, c], float32 (Z + 2H,).

        h and c summarise the steps before this frame.

        Raises:
            ModelError: the networks compute values that are not finite.
        """
        self._z = self._vision.encode(frame)
        return np.concatenate((self._z, self._h, self._c))

    def remember(self, action: NDArray[np.uint8]) -> None:
        """Step the memory with the action, uint8 (4,), pressed on the frame last observed.

        After every spec.sequence_steps steps the state returns to zero, as it does between two
        sequences in training.

        Raises:
            ModelError: the networks compute values that are not finite.
        """
        self._steps += 1
        if self._steps == self._spec.sequence_steps:
            self.reset()
        else:
            self._h, self._c = self._memory.step(self._z, action, self._h, self._c)


def load_world_model(model: PackedModel) -> WorldModel:
    """Load the two networks of a packed model.

    Raises:
        PackedModelError: a network can't be loaded or belongs to another model.
    """
    spec = model.spec
    vision = Vision(model.folder / VISION, spec)
    return WorldModel(vision, Memory(model.folder / MEMORY, spec), spec)
