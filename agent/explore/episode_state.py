"""The record of the explorer's current episode: its steps, and the cells that it has entered."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from agent.buttons import Action
from agent.explore.archive import Arm, Balance
from agent.explore.macro_actions import MacroAction


@dataclass
class CellVisit:
    """A cell that the episode has entered.

    Attributes:
        cell: its number.
        step: the step of the episode at which it was entered.
        arm: the arm that plays it; None: a recovery's macro-actions play it.
        is_open: whether the arm's success or failure is not yet counted.
    """

    cell: int
    step: int
    arm: Arm | None
    is_open: bool = True


@dataclass
class EpisodeState:
    """The current episode.

    Attributes:
        explore_from: the first cell in which known trajectories are ignored on purpose.
        exploration: the balance of exploring, if the episode may explore.
        progress, latents, actions: sum of the rewards, z and buttons, one entry per step.
        visits: the cells entered, in order.
        macro_action: actions still to be pressed.
        expected_step: the step of the trajectory being followed that should come next.
        highest: highest sum of rewards so far.
        steps_without_progress: steps since the last new highest sum, or since the arm changed.
        recoveries: balances of the recoveries tried, each with the sum of rewards before it.
        is_hopeless: whether the episode is stuck in a cell where recoveries lost too many points.
        returned_to: points reached when an arm other than a trajectory first took over.
    """

    explore_from: float = np.inf
    exploration: Balance | None = None
    progress: list[float] = field(default_factory=list)
    latents: list[NDArray[np.float32]] = field(default_factory=list)
    actions: list[Action] = field(default_factory=list)
    visits: list[CellVisit] = field(default_factory=list)
    macro_action: MacroAction = field(default_factory=list)
    expected_step: int = 0
    highest: float = 0.0
    steps_without_progress: int = 0
    recoveries: list[tuple[Balance, float]] = field(default_factory=list)
    is_hopeless: bool = False
    returned_to: float | None = None

    @property
    def cell(self) -> int:
        """Number of the cell that the episode is in; -1 before the first one."""
        return self.visits[-1].cell if self.visits else -1

    @property
    def arm(self) -> Arm | None:
        """The arm that plays the current cell."""
        return self.visits[-1].arm if self.visits else None
