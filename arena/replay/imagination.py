"""What the model sees and expects, as pictures for people: V's reconstruction, M's next frame.

The agent plays without either, so the two networks are no part of its container; whoever wants to
look (the live view, the report, the gallery) computes them beside the run, without torch.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from agent.world_model.memory import Memory
from agent.world_model.onnx_network import OnnxNetwork
from agent.world_model.packed_model import (
    DECODER,
    EXPECTATION,
    MEMORY,
    VISION,
    PackedModelError,
    load,
)
from agent.world_model.vision import Vision


class Imagination:
    """Call `reset` at an episode's start, then `see` and `expect` in turn, a step each.

    Steps that nobody looks at go through `follow`, which draws nothing.

    Attributes:
        spec: the sizes of the model; frame_size S is that of all pictures here.
        latent: float32 (Z,), the present: of the frame last seen, or dreamed.
    """

    def __init__(self, folder: Path) -> None:
        """Open a packed model.

        Raises:
            PackedModelError: it can't be used, or was packed without its decoder.
        """
        packed = load(folder)
        self.spec = spec = packed.spec
        for name in (DECODER, EXPECTATION):
            if not (folder / name).is_file():
                raise PackedModelError(
                    f"{folder / name} is missing: the model plays but can't show what it sees; "
                    "pack it again, or run `python -m training.repack` on it"
                )
        self._vision = Vision(folder / VISION, spec)
        self._memory = Memory(folder / MEMORY, spec)
        self._decoder = OnnxNetwork(
            folder / DECODER,
            {"z": ((1, spec.latent), np.float32)},
            {"frame": (1, spec.frame_size, spec.frame_size, 3)},
        )
        self._expectation = OnnxNetwork(
            folder / EXPECTATION,
            {"h": ((1, spec.hidden), np.float32)},
            {"z": (1, spec.latent)},
        )
        self.reset()

    def reset(self) -> None:
        """Forget everything: an episode starts."""
        self.latent = np.zeros(self.spec.latent, np.float32)
        self._steps = 0  # since the state was last zero
        self._h, self._c = self._memory.initial()

    def see(self, frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """V's reconstruction of a frame, uint8 (height, width, 3) RGB: uint8 (S, S, 3).

        Raises:
            ModelError: the networks compute values that are not finite.
        """
        self.observe(frame)
        return self.decode(self.latent)

    def observe(self, frame: NDArray[np.uint8]) -> None:
        """See a frame without a picture of it."""
        self.latent = self._vision.encode(frame)

    def expect(self, action: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The frame that M expects after an action, uint8 (4,), pressed on the present: (S, S, 3).

        It is the mean of the predicted mixtures, decoded. The memory advances by the step.

        Raises:
            ModelError: the networks compute values that are not finite.
        """
        return self.decode(self._expected(action))

    def dream(self, action: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """As `expect`, and then take what was expected for the present, as if it were seen."""
        self.latent = self._expected(action)
        return self.decode(self.latent)

    def follow(self, frame: NDArray[np.uint8], action: NDArray[np.uint8]) -> None:
        """Take in a step of play as `see` and `expect` do, without pictures."""
        self.observe(frame)
        self._advance(action)

    def decode(self, latent: NDArray[np.float32]) -> NDArray[np.uint8]:
        """The picture of any latent, float32 (Z,): uint8 (S, S, 3) RGB."""
        self._decoder.inputs["z"][0] = latent
        self._decoder.run()
        pixels: NDArray[np.uint8] = np.rint(self._decoder.outputs["frame"][0] * 255).astype(
            np.uint8
        )
        return pixels

    def _expected(self, action: NDArray[np.uint8]) -> NDArray[np.float32]:
        self._expectation.inputs["h"][0] = self._advance(action)
        self._expectation.run()
        expected: NDArray[np.float32] = self._expectation.outputs["z"][0].copy()
        return expected

    def _advance(self, action: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Step the memory; return h after the step, which predicts, even where a sequence ends."""
        h, c = self._memory.step(self.latent, action, self._h, self._c)
        self._steps += 1
        if self._steps == self.spec.sequence_steps:  # as agent.world_model.world_model cuts it
            self._steps, (self._h, self._c) = 0, self._memory.initial()
        else:
            self._h, self._c = h, c
        return h
