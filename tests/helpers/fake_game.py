"""A fake game in place of the emulator, for tests of programs that play."""

from __future__ import annotations

from typing import Any

import numpy as np

from arena.environment.levels import Level
from tests.helpers.datasets import AS_DRAWN


class FakeGame:
    """Replaces `ContestEnv`: frames of noise; the reward is the number of pressed buttons."""

    n_buttons = 12
    observation_shape = (224, 320, 3)
    terminated = False

    def __init__(
        self, level: Level, seed: int | None = None, frame_skip: int = 4, *, max_steps: int = 5
    ) -> None:
        assert frame_skip == 4
        self.steps, self.max_steps = 0, max_steps
        self.random = np.random.default_rng(seed or 1)

    def reset(self) -> Any:
        self.steps = 0
        return self._frame()

    def step(self, buttons: Any) -> Any:
        self.steps += 1
        return self._frame(), float(buttons.sum()), self.steps == self.max_steps, {}

    def sprites(self) -> None: ...

    def close(self) -> None: ...

    def _frame(self) -> Any:
        return self.random.integers(0, 256, self.observation_shape, np.uint8) & AS_DRAWN
