"""A level in play without an agent or a server, for tests of the live view."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np

from arena.environment.levels import Level
from arena.evaluation.level_run import LevelLimits, LevelRun
from arena.server.frame_ring import FrameRingWriter

SHAPE = (224, 320, 3)
LIMITS = LevelLimits(
    budget_steps=1000, wall_clock_seconds=60.0, connect_seconds=30.0, hang_seconds=30.0
)


class Playing:
    """A level run whose frame ring has synthetic steps."""

    def __init__(self, folder: Path) -> None:
        self.run = LevelRun(Level("Made", "Up"), folder, None, 1, LIMITS, watched=True)  # type: ignore[arg-type]
        self.run.frame_ring = folder / "frames"
        self.run.state = "playing"
        self.run.started = time.monotonic()
        self._writer = FrameRingWriter(self.run.frame_ring, SHAPE, 12)
        self._timesteps = 0

    def step(self, *, reset: bool = False, episode: int = 0) -> None:
        self._timesteps += 1
        buttons = np.zeros(12, np.uint8)
        buttons[[0, 7]] = 1  # B and RIGHT
        frame = np.full(SHAPE, 40 + self._timesteps % 200, np.uint8)
        shown = None if reset else buttons
        self._writer.write(
            frame, shown, timesteps=self._timesteps, episode=episode, episode_return=2.5
        )
