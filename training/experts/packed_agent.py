"""The packed agent while data is collected: what its distribution draws, and its mean."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from agent.evolution import Evolution
from agent.world_model.controller import Controller
from agent.world_model.packed_model import load
from agent.world_model.world_model import load_world_model


class PackedAgent:
    """The packed model: for even seeds its distribution's mean plays, else a fresh candidate."""

    def __init__(self, folder: Path) -> None:
        """Load its networks.

        Raises:
            PackedModelError: the packed model can't be used.
        """
        self._folder = folder
        self._world_model = load_world_model(load(folder))

    def start(self, seed: int) -> None:
        """Draw the controller of an episode, and forget the episode before."""
        evolution = Evolution.load(self._folder)
        if seed % 2:
            evolution.reseed(seed)
            parameters = evolution.ask()[0]
        else:
            parameters = evolution.mean
        self._controller = Controller(parameters)
        self._world_model.reset()

    def choose(self, frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """What the controller presses on a frame."""
        return self._controller.act(self._world_model.observe(frame))

    def remember(self, action: NDArray[np.uint8]) -> None:
        """Step the memory with what was pressed."""
        self._world_model.remember(action)
