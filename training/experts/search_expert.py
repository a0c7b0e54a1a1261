"""The expert for any game: a short search with save states, from any state of a level."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from agent.buttons import GENESIS_BUTTONS
from training.state_search.cells import POSITION
from training.state_search.search import FoundPlay, Search, SearchError
from training.state_search.state_env import REPEATED, StateEnv, action_buttons

PLAN_STEPS = 10_000  # steps of a search: about seven core-seconds
ENOUGH_POINTS = 300.0  # points of progress at which a search stops: a thirtieth of a contest level


class SearchExpert:
    """Searches from a state for buttons that gain progress.

    It knows nothing of the game but rewards, the end of an episode and the frame. It implements
    `training.experts.expert.Expert`.
    """

    def __init__(self, env: StateEnv) -> None:
        """Take the emulator with the level of all states."""
        self._env = env

    def plan(self, state: bytes, seed: int) -> NDArray[np.bool_]:
        """Search for buttons that lead from a state to more progress.

        Args:
            state: state of the emulator, as its `get_state` returns it.
            seed: random seed; the same state and seed give the same buttons.

        Returns:
            bool (n, 12) as in `Expert.plan`: the buttons of `search`. (0, 12) if it finds nothing.

        Raises:
            EmulatorError: the state is of another emulator or game.
        """
        found = self.search(state, seed, PLAN_STEPS)
        if found is None:
            return np.zeros((0, len(GENESIS_BUTTONS)), np.bool_)
        buttons = [action_buttons(action % REPEATED) for action in found.actions]
        return np.array(buttons, np.bool_)

    def search(self, state: bytes, seed: int, steps: int, sticky: bool = False) -> FoundPlay | None:
        """Search for a play from a state to more progress.

        Args:
            state: see `plan`.
            seed: random seed.
            steps: most steps of the search.
            sticky: whether the search plays with sticky actions. The actions are then those that
                were chosen, marked where a step's first frame repeated the one before.

        Returns:
            The play to the end of the level or to the farthest cell that the player survived by a
            second. None if no such cell is farther than the state, or if the episode has ended in
            the state.

        Raises:
            EmulatorError: the state is of another emulator or game.
        """
        root = self._env.pack(state)
        try:
            search = Search(self._env, seed, POSITION, sticky, root)
            start = search.archive.cells[0].progress
            search.run(steps, start + ENOUGH_POINTS)
        except SearchError:
            return None
        found = search.farthest_safe()
        return None if found is None or found.progress <= start else found
