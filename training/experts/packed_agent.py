"""Plays a packed model during collection: the mean of its distribution, or a random candidate."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from agent.evolution.cma_es import Evolution
from agent.world_model.controller import Controller
from agent.world_model.packed_model import load
from agent.world_model.world_model import load_world_model


class PackedAgent:
    """A packed model. Even seeds play its distribution's mean, odd seeds a random candidate."""

    def __init__(self, folder: Path) -> None:
        """Load the networks.

        Args:
            folder: folder of the packed model.

        Raises:
            PackedModelError: the packed model is missing or damaged.
        """
        self._folder = folder
        self._world_model = load_world_model(load(folder))

    def start(self, seed: int) -> None:
        """Begin an episode: choose its controller by the seed, and reset the hidden state."""
        evolution = Evolution.load(self._folder)
        if seed % 2:
            evolution.reseed(seed)
            parameters = evolution.ask()[0]
        else:
            parameters = evolution.mean
        self._controller = Controller(parameters)
        self._world_model.reset()

    def choose(self, frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return the controller's action for a frame, uint8 (4,) of 0 and 1."""
        return self._controller.act(self._world_model.observe(frame))

    def remember(self, action: NDArray[np.uint8]) -> None:
        """Advance the hidden state with the action that was sent, uint8 (4,)."""
        self._world_model.remember(action)
