"""Decodes what the world model computes into frames: V's reconstruction, M's predicted next frame.

The agent plays without these two networks, so its container leaves them out. The live view, the
report and the gallery compute the frames beside a run, without torch.
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


class DecodedViews:
    """Call `reset` when an episode starts, then `reconstruct` and `predict` in turn at each step.

    A step whose frames are not needed goes through `step`, which decodes nothing.

    Attributes:
        spec: sizes of the model. All decoded frames are spec.frame_size (S) pixels wide and high.
        latent: float32 (Z,), the latent of the last frame, encoded or dreamed.
    """

    def __init__(self, folder: Path) -> None:
        """Open a packed model.

        Raises:
            PackedModelError: the model can't be used, or was packed without its decoder.
        """
        packed = load(folder)
        self.spec = spec = packed.spec
        for name in (DECODER, EXPECTATION):
            if not (folder / name).is_file():
                raise PackedModelError(
                    f"{folder / name} is missing: the model can play, but its reconstructions and"
                    " predictions can't be decoded; pack it again with `python -m training.pack`"
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
        """Set the latent and M's state to zero, as when an episode starts."""
        self.latent = np.zeros(self.spec.latent, np.float32)
        self._steps = 0  # since M's state was last zero
        self._h, self._c = self._memory.initial()

    def reconstruct(self, frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Encode a frame and decode its latent.

        Args:
            frame: uint8 (height, width, 3) RGB.

        Returns:
            V's reconstruction, uint8 (S, S, 3) RGB.

        Raises:
            ModelError: the networks compute values that are not finite.
        """
        self.encode(frame)
        return self.decode(self.latent)

    def encode(self, frame: NDArray[np.uint8]) -> None:
        """Encode a frame, uint8 (height, width, 3) RGB, into `latent`."""
        self.latent = self._vision.encode(frame)

    def predict(self, action: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Step M with the current latent and an action, and decode the frame that M predicts.

        The decoded latent is the mean of the predicted mixture.

        Args:
            action: uint8 (4,), the buttons held.

        Returns:
            M's prediction of the next frame, uint8 (S, S, 3) RGB.

        Raises:
            ModelError: the networks compute values that are not finite.
        """
        return self.decode(self._predicted(action))

    def dream(self, action: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Predict as `predict` does, and make the predicted latent the current one."""
        self.latent = self._predicted(action)
        return self.decode(self.latent)

    def step(self, frame: NDArray[np.uint8], action: NDArray[np.uint8]) -> None:
        """Encode a frame and step M, as `reconstruct` and `predict` do, without decoding."""
        self.encode(frame)
        self._step_memory(action)

    def decode(self, latent: NDArray[np.float32]) -> NDArray[np.uint8]:
        """Decode a latent, float32 (Z,), into a frame, uint8 (S, S, 3) RGB."""
        self._decoder.inputs["z"][0] = latent
        self._decoder.run()
        pixels: NDArray[np.uint8] = np.rint(self._decoder.outputs["frame"][0] * 255).astype(
            np.uint8
        )
        return pixels

    def _predicted(self, action: NDArray[np.uint8]) -> NDArray[np.float32]:
        self._expectation.inputs["h"][0] = self._step_memory(action)
        self._expectation.run()
        predicted: NDArray[np.float32] = self._expectation.outputs["z"][0].copy()
        return predicted

    def _step_memory(self, action: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Step M and return its new h, also at the end of a sequence, where the state is reset."""
        h, c = self._memory.step(self.latent, action, self._h, self._c)
        self._steps += 1
        if self._steps == self.spec.sequence_steps:  # as agent.world_model.world_model does
            self._steps, (self._h, self._c) = 0, self._memory.initial()
        else:
            self._h, self._c = h, c
        return h
