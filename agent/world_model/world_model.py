"""V and M stepped together: what the controller sees at each step of an episode.

The memory is stepped after the action was sent, while the emulator computes; the state is cut
at the same steps as the sequences were in training.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from agent.world_model.memory import Memory
from agent.world_model.packed_model import MEMORY, VISION, ModelSpec, PackedModel
from agent.world_model.vision import Vision


class WorldModel:
    """Call `reset` at an episode's start, then `observe` and `remember` in turn."""

    def __init__(self, vision: Vision, memory: Memory, spec: ModelSpec) -> None:
        """Join the two networks of one specification."""
        self._vision = vision
        self._memory = memory
        self._spec = spec
        self.reset()

    @property
    def latent(self) -> int:
        """Size of z, with which the features begin."""
        return self._spec.latent

    def reset(self) -> None:
        """Forget everything: an episode starts."""
        self._steps = 0  # since the state was last zero
        self._h, self._c = self._memory.initial()

    def observe(self, frame: NDArray[np.uint8]) -> NDArray[np.float32]:
        """See a frame, uint8 (height, width, 3); return [z, h, c], float32 (Z + 2H,).

        h and c hold the steps before this frame, as the memory had them when it predicted it.

        Raises:
            ModelError: the networks compute values that are not finite.
        """
        self._z = self._vision.encode(frame)
        return np.concatenate((self._z, self._h, self._c))

    def remember(self, action: NDArray[np.uint8]) -> None:
        """Take in the action, uint8 (4,), pressed on the frame last observed.

        After every spec.sequence_steps steps the state is zero again: in training a sequence
        ends there and the next one starts without a past.

        Raises:
            ModelError: the networks compute values that are not finite.
        """
        self._steps += 1
        if self._steps == self._spec.sequence_steps:
            self.reset()
        else:
            self._h, self._c = self._memory.step(self._z, action, self._h, self._c)


def load_world_model(pretrained: PackedModel) -> WorldModel:
    """Open the two networks of a packed model.

    Raises:
        PackedModelError: a network that does not open or is of another model.
    """
    spec = pretrained.spec
    vision = Vision(pretrained.folder / VISION, spec)
    return WorldModel(vision, Memory(pretrained.folder / MEMORY, spec), spec)
