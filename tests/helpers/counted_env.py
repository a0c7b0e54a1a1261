"""An environment in this process that counts as the contest's server does."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from arena.server.monitor import Monitor
from baselines.simple_agents import BaselineEnv, Buttons


class BudgetSpentError(Exception):
    """All timesteps are used."""


class CountedEnv:
    """A level's environment that counts as the contest's server does, and stops at the budget."""

    def __init__(self, environment: BaselineEnv, monitor: Monitor, budget_steps: int) -> None:
        self._environment = environment
        self._monitor = monitor
        self._budget_steps = budget_steps
        self.timesteps = 0

    def reset(self) -> NDArray[np.uint8]:
        """Start an episode; the episode before it is counted now.

        Raises:
            BudgetSpentError: this was the last timestep.
        """
        self._monitor.reset()
        frame = self._environment.reset()
        self._spend()
        return frame

    def step(self, buttons: Buttons) -> tuple[NDArray[np.uint8], float, bool, object]:
        """Play a step.

        Raises:
            BudgetSpentError: this was the last timestep.
        """
        answer = self._environment.step(buttons)
        self._monitor.step(answer[1])
        self._spend()
        return answer

    def _spend(self) -> None:
        self.timesteps += 1
        if self.timesteps >= self._budget_steps:
            raise BudgetSpentError
