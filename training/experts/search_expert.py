"""The expert for any game: a short search with save states, from any state of a level."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from agent.buttons import GENESIS_BUTTONS
from arena.environment.levels import Level
from training.state_search.cells import POSITION
from training.state_search.search import Search, SearchError
from training.state_search.state_env import REPEATED, StateEnv, action_buttons

PLAN_STEPS = 10_000  # steps of a search: about seven core-seconds
ENOUGH_POINTS = 300.0  # points of progress at which a search stops: a thirtieth of a contest level


class SearchExpert:
    """Searches from a state for buttons that gain progress. One per level and process.

    It knows nothing of the game but rewards, the end of an episode and the frame. It implements
    `training.experts.expert.Expert`.
    """

    def __init__(self, level: Level, cells: str = POSITION, sticky: bool = False) -> None:
        """Start the emulator of a level; a process can have only one.

        Args:
            level: the level of all states.
            cells: see `training.state_search.search.Search`.
            sticky: whether the search plays with sticky actions. Its buttons are then those that
                were chosen, whether or not a step's first frame repeated the ones before.

        Raises:
            LevelError: the level can't be played.
        """
        self._env = StateEnv(level)
        self._cells, self._sticky = cells, sticky

    def plan(self, state: bytes, seed: int) -> NDArray[np.bool_]:
        """Search for buttons that lead from a state to more progress.

        Args:
            state: state of the emulator, as its `get_state` returns it.
            seed: random seed; the same state and seed give the same buttons.

        Returns:
            bool (n, 12) as in `Expert.plan`: the buttons to the end of the level or to the farthest
            cell that the player survived by a second. (0, 12) if no such cell is farther than the
            state, or if the episode has ended in the state.

        Raises:
            EmulatorError: the state is of another emulator or game.
        """
        root = self._env.pack(state)
        nothing = np.zeros((0, len(GENESIS_BUTTONS)), np.bool_)
        try:
            search = Search(self._env, seed, self._cells, self._sticky, root)
            start = search.archive.cells[0].progress
            search.run(PLAN_STEPS, start + ENOUGH_POINTS)
        except SearchError:
            return nothing
        found = search.farthest_safe()
        if found is None or found.progress <= start:
            return nothing
        buttons = [action_buttons(action % REPEATED) for action in found.actions]
        return np.array(buttons, np.bool_)

    def close(self) -> None:
        """Free the emulator."""
        self._env.close()
