"""Vision V: encodes a frame to its latent z with the beta-VAE's encoder."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from agent.errors import ModelError
from agent.world_model.onnx_network import OnnxNetwork
from agent.world_model.packed_model import ModelSpec
from agent.world_model.preprocess import preprocess


class Vision:
    """The encoder of the beta-VAE. The latent z is the mean, without sampling."""

    def __init__(self, path: Path, spec: ModelSpec) -> None:
        """Open vision.onnx.

        Raises:
            PackedModelError: the file is missing or damaged, or belongs to another model.
        """
        shape = (1, spec.frame_size, spec.frame_size, 3)
        self._spec = spec
        self._network = OnnxNetwork(path, {"frame": (shape, np.uint8)}, {"mu": (1, spec.latent)})
        self._pixels = self._network.inputs["frame"][0]
        self._mu = self._network.outputs["mu"][0]

    def encode(self, frame: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Encode a frame, uint8 (height, width, 3) RGB, to its latent mean, float32 (Z,).

        Raises:
            ModelError: the latent is not finite.
        """
        self._pixels[:] = preprocess(frame, self._spec)
        self._network.run()
        if not math.isfinite(self._mu.sum()):
            raise ModelError(
                "vision.onnx computes a latent that is not finite: pack the model again"
            )
        z: NDArray[np.float32] = self._mu.copy()
        return z
