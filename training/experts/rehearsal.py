"""The contest's steps on an emulator that a search uses at the same time.

A scenario may count the frames of an episode, and a search changes these counts. So an expert that
searches first plays an episode here, and its actions are played again in the contest's environment:
with the same random seed, the same sticky actions follow.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agent.buttons import from_genesis
from arena.environment.contest_env import StickyActions
from arena.environment.contest_rules import MAX_STEPS, STICKINESS
from training.experts.simulator import action_number
from training.state_search.state_env import REPEATED, StateEnv


class RehearsalEnv:
    """A contest environment's `reset` and `step`, with the same sticky actions.

    Attributes:
        terminated: whether the game ended the episode in the last step.
    """

    def __init__(self, env: StateEnv, seed: int) -> None:
        """Take the level's emulator, and the random seed of the sticky actions."""
        self._env = env
        self._sticky = StickyActions(STICKINESS, seed)
        self._steps = 0
        self.terminated = False

    def reset(self, state: bytes | None = None) -> NDArray[np.uint8]:
        """Start an episode from the level's start or from another state; see `ContestEnv.reset`."""
        if state is None:
            self._env.load(self._env.start)
        else:
            self._env.load_state(state)
        self._sticky.reset()
        self._steps, self.terminated = 0, False
        return self._env.frame().copy()

    def step(
        self, buttons: NDArray[np.uint8]
    ) -> tuple[NDArray[np.uint8], float, bool, Mapping[str, Any]]:
        """Play four frames, the first one perhaps with the buttons before; see `ContestEnv.step`.

        Rewards and the end are read once per step, so a reward for the time may differ slightly.
        """
        held = np.array([action_number(from_genesis(buttons))])
        action, first = int(held[0]), int(self._sticky.first_frame(held)[0])
        reward, self.terminated = self._env.step(
            action if first == action else action + REPEATED, first
        )
        self._steps += 1
        done = self.terminated or self._steps >= MAX_STEPS
        return self._env.frame().copy(), reward, done, self._env.variables()
