"""The search's simulator: a level of any game, with a demonstration of it.

Progress is the sum of the contest's rewards. Plans are the continuations of the demonstration near
the player, and those of a search with save states.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from arena.evaluation.score import FULL_PROGRESS_RETURN
from training.experts.demonstrations import Demonstration
from training.experts.search_expert import SearchExpert
from training.experts.simulator import ON_EMULATOR, KnownPlan, Moment, action_number
from training.state_search.cells import Position, has_position
from training.state_search.search import ROUNDING
from training.state_search.state_env import ACTIONS, REPEATED, StateEnv

STEPS_BEHIND, STEPS_AHEAD = 8, 24  # steps of the demonstration that are searched for the nearest
LOST = 96.0  # pixels, or points, from which on the whole demonstration is searched
SPEED_WEIGHT = 2.0  # weight of a difference of 1 pixel per step, relative to 1 pixel of distance
OFFSETS = (0, 1, -1, 2, -2, 4, -4)  # steps from the nearest one at which known plans begin
KNOWN_STEPS = 60  # length of a known plan
LEADS_STEPS = 150  # steps of the demonstration whose progress a known plan will reach
STANDING_PIXELS = 1  # vertical movement per step up to which the player counts as standing
SEARCH_STEPS = 3_000  # steps of a search of effort 1
VERSION = 1  # raise it when the expert plays differently with the same seed


class RewardSimulator:
    """Implements `training.experts.simulator.Simulator` by rewards and a demonstration."""

    foresight = ON_EMULATOR
    length = FULL_PROGRESS_RETURN

    def __init__(self, env: StateEnv, demonstration: Demonstration) -> None:
        """Play the demonstration once, to measure its progress, and return to its start.

        Args:
            env: the level's emulator.
            demonstration: recorded play of the level.

        Raises:
            EmulatorError: the emulator refused the demonstration's state.
        """
        self._env = env
        self._expert = SearchExpert(env)
        self._has_position = has_position(env)
        actions: list[int] = []
        env.load_state(demonstration.state)
        positions, progress = [self._position()], [env.progress]
        while len(actions) < demonstration.steps and not env.last.done:
            actions.append(action_number(demonstration.action(len(actions))))
            env.play_frames(demonstration.buttons(len(actions) - 1))
            positions.append(self._position())
            progress.append(env.progress)
        env.load_state(demonstration.state)
        self._actions = tuple(actions)
        self._progress = np.array(progress)
        before = [positions[0], *positions[:-1]]
        places = zip(positions, before, progress, strict=True)
        self._path = np.array([self._place(*place) for place in places])

    def follow(self) -> None:
        """Do nothing: the emulator that is being played is the one that the search uses."""

    def save(self) -> bytes:
        """Return the state of the emulator."""
        return self._env.state()

    def load(self, state: bytes) -> None:
        """Load a state.

        Raises:
            EmulatorError: it is of another emulator or game.
        """
        self._env.load_state(state)

    def moment(self, stage: int | None) -> Moment:
        """Return where the player is; an unknown stage follows from the nearest step of all."""
        position = self._position()
        return self._moment(position, position, self._nearest(position, position, stage))

    def after(self, before: Moment) -> Moment:
        """Return where the player is after a step of the episode."""
        position = self._position()
        stage = self._nearest(position, before.position, before.stage + 1)
        return self._moment(position, before.position, stage)

    def step(self, action: int, first: int | None, before: Moment) -> Moment:
        """Hold an action for four frames; in the first one, the action `first` if it is given."""
        if first is None:
            self._env.step(action, action)
        else:
            self._env.step(action + REPEATED, first)
        return self._moment(self._position(), before.position, before.stage)

    def known_plans(self, here: Moment) -> Iterator[KnownPlan]:
        """Yield the demonstration from the steps around the player; none if it is far away."""
        distance = self._path[here.stage] - self._place(here.position, here.position, here.progress)
        if np.abs(distance[:2]).sum() > LOST:
            return
        for offset in OFFSETS:
            start = here.stage + offset
            plan = self._actions[max(start, 0) : max(start, 0) + KNOWN_STEPS]
            if start >= 0 and plan:
                yield KnownPlan(plan, float(self._progress[start : start + LEADS_STEPS].max()))

    def search(
        self,
        here: Moment,
        previous: int,
        effort: int,
        late: Callable[[], bool] | None,
        random: np.random.Generator,
    ) -> KnownPlan | None:
        """Search with save states; see `Simulator.search`. It leaves the current state."""
        state, seed = self._env.state(), int(random.integers(1 << 31))
        found = self._expert.search(state, seed, SEARCH_STEPS * effort, sticky=late is not None)
        if found is None:
            return None
        return KnownPlan(tuple(action % ACTIONS for action in found.actions), found.progress)

    def _position(self) -> Position:
        if not self._has_position:
            return 0, 0
        variables = self._env.variables()
        return int(variables["x"]), int(variables["y"])

    def _place(self, position: Position, before: Position, progress: float) -> NDArray[np.float64]:
        """Return what is compared: position and speed, or the progress where there is none."""
        if not self._has_position:
            return np.array([progress])
        here = np.array(position, np.float64)
        return np.concatenate((here, (here - before) * SPEED_WEIGHT))

    def _nearest(self, position: Position, before: Position, stage: int | None) -> int:
        """Return the nearest step of the demonstration; of equal ones, the nearest to `stage`."""
        here = self._place(position, before, self._env.progress)
        distances = np.abs(self._path - here).sum(1)
        if stage is None:
            return int(distances.argmin())
        steps = np.arange(len(distances))
        near = (steps >= stage - STEPS_BEHIND) & (steps <= stage + STEPS_AHEAD)
        if near.any() and distances[near].min() <= LOST:
            distances[~near] = np.inf
        return int(np.lexsort((np.abs(steps - stage), distances))[0])

    def _moment(self, position: Position, before: Position, stage: int) -> Moment:
        reward, done = self._env.last
        progress = self._env.progress
        won = done and reward > 0 and progress >= FULL_PROGRESS_RETURN - ROUNDING
        return Moment(
            progress,
            done and not won,
            won,
            abs(position[1] - before[1]) <= STANDING_PIXELS,
            abs(position[1] - before[1]) <= STANDING_PIXELS,
            int(self._env.variables().get("rings", 0)),
            position,
            stage,
        )
