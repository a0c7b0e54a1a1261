"""The interface through which an expert tries steps: saved states, and a measure of progress.

`RouteSimulator` measures the progress on the known route of a level of Pangolin Dash, and
`RewardSimulator` by the rewards of any game.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

Plan = tuple[int, ...]  # one action for each step, as `action_number` returns it


def action_number(action: NDArray[np.uint8]) -> int:
    """Return an action, uint8 (4,) of 0 and 1, as a number: bit i is button i of ACTION_BUTTONS."""
    return int(action @ (1 << np.arange(len(action))))


class Moment(NamedTuple):
    """Where a step left the player.

    Attributes:
        progress: pixels of the route, or points of progress; about the same in contest levels.
        dead: whether the player died.
        won: whether the player reached the end of the level.
        stands: not falling: on the ground, on a platform or in water; True if unknown.
        on_ground: on the ground or on a platform; True if unknown.
        rings: number of rings; 0 if the game has none.
        position: position in the level in pixels; (0, 0) if unknown.
        stage: where the player is on the known way: the index of the next waypoint of the route,
            or the nearest step of the demonstration.
    """

    progress: float
    dead: bool
    won: bool
    stands: bool
    on_ground: bool
    rings: int
    position: tuple[int, int]
    stage: int


class KnownPlan(NamedTuple):
    """A plan, and the progress that it leads to if no change of the action is late."""

    plan: Plan
    reaches: float


class Foresight(NamedTuple):
    """How much is tried before an action is chosen; it depends on what a step costs.

    Attributes:
        horizon: steps of a plan that a forecast plays.
        least_horizon: steps that it plays of a shorter plan, after which no button is held.
        exact_changes: changes of the action for which both cases are played, timely and late.
        fewest_steps: with fewer steps of the plan left, another plan is made.
        unchecked: fewest and most steps between two forecasts.
        searches: most searches for a new plan.
        shifts: steps by which variants of a plan move a change of the action; below 0, earlier.
    """

    horizon: int
    least_horizon: int
    exact_changes: int
    fewest_steps: int
    unchecked: tuple[int, int]
    searches: int
    shifts: tuple[int, ...]


ON_NATIVE_ENGINE = Foresight(44, 24, 5, 36, (2, 4), 8, (-3, -2, -1, 1, 2, 3))
QUICK = Foresight(32, 24, 3, 36, (2, 4), 1, ())  # to compare two actions
ON_EMULATOR = Foresight(28, 8, 3, 24, (4, 8), 3, ())


class Simulator(Protocol):
    """One level, in which steps can be tried."""

    @property
    def foresight(self) -> Foresight:
        """How much a plan may try."""
        ...

    @property
    def length(self) -> float:
        """Progress at the end of the level."""
        ...

    def follow(self) -> None:
        """Continue from the state of the emulator that is being played."""
        ...

    def save(self) -> bytes:
        """Return the state."""
        ...

    def load(self, state: bytes) -> None:
        """Load a state, as `save` or the emulator's `get_state` returned it."""
        ...

    def moment(self, stage: int | None) -> Moment:
        """Return where the player is now.

        Args:
            stage: the stage before; None if it is unknown, so that the position decides.
        """
        ...

    def after(self, before: Moment) -> Moment:
        """Return where the player is after a step of the episode."""
        ...

    def step(self, action: int, first: int | None, before: Moment) -> Moment:
        """Hold an action for four frames; in the first one, the action `first` if it is given."""
        ...

    def known_plans(self, here: Moment) -> Iterator[KnownPlan]:
        """Yield plans that need no search, the most promising first."""
        ...

    def search(
        self,
        here: Moment,
        previous: int,
        effort: int,
        late: Callable[[], bool] | None,
        random: np.random.Generator,
    ) -> KnownPlan | None:
        """Search for a plan from the current state.

        Args:
            here: where the player is.
            previous: the action of the step before.
            effort: length of the search, from 1.
            late: draws for each change of the action whether it comes one frame late; None if no
                change does.
            random: source of the search's draws.
        """
        ...
