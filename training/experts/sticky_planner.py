"""An expert that plays under sticky actions from any state of a level.

It follows a plan as long as every case of a forecast stays alive and on time. Otherwise it plans
again from the state that was really reached, and takes the plan that dies least. The plans are the
planner's on levels of Pangolin Dash, and those of a demonstration and of a search for other games.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from arena.environment.contest_rules import STICKINESS
from game.planning.console import LEFT, RIGHT
from game.planning.emulator import buttons
from training.experts.candidate_plans import (
    BEHIND,
    HURT_RISK,
    LEAST_GAIN,
    WAITS,
    Candidate,
    shifted,
)
from training.experts.simulator import Foresight, KnownPlan, Plan, Simulator
from training.experts.sticky_forecast import Forecast, Situation, forecast

MOST_EFFORT = 3  # longest search where the player stalls, as a multiple of the shortest
DETOUR_STEPS = (6, 40)  # range of the length of a detour
SHIFTED_CHANGES = 3  # first changes of the action that come earlier or later in variants
PATIENCE = 16  # plans without progress after which the player takes risks
TOLERATED_RISK = 0.01  # more risk that it takes with each further plan


class StickyPlanner:
    """Chooses the actions of one level, from any of its states.

    Attributes:
        previous: the action of the step before; None at the start of an episode.
        stalled: plans since the last progress, or since another action than the plan's.
        hopeless: whether the player dies in every case of the best plan.
        outlook: forecast of the plan that is followed.
        simulator: the level.
    """

    def __init__(self, simulator: Simulator, foresight: Foresight | None = None) -> None:
        """Take the level.

        Args:
            simulator: the level.
            foresight: how much to try; by default that of the simulator.
        """
        self.simulator = simulator
        self._foresight = foresight or simulator.foresight

    def start(self, seed: int, stage: int | None = None, previous: int | None = None) -> None:
        """Begin at the emulator's current state.

        Args:
            seed: random seed of the plans. It says nothing about the draws of the environment.
            stage: where the player is on the known way, see `Moment`; by default it follows from
                the player's position.
            previous: the action of the step before; None at the start of an episode.
        """
        self.simulator.follow()
        self._begin(seed, stage, previous)

    def _begin(self, seed: int, stage: int | None, previous: int | None) -> None:
        """Begin at the simulator's current state."""
        self._seed, self._random = seed, np.random.default_rng(seed)
        self._moment = self.simulator.moment(stage)
        self.previous = previous
        self._plan: Plan = ()
        self._reaches = 0.0  # progress at the end of the plan
        self._unchecked = 0  # steps that are played before the next forecast
        self._furthest = self.progress
        self.stalled = 0
        self.hopeless = False
        reached = self.progress
        self.outlook = Forecast(float(self._moment.dead), 0.0, reached, reached, reached)

    @property
    def stage(self) -> int:
        """Where the player is on the known way, see `Moment`."""
        return self._moment.stage

    @property
    def progress(self) -> float:
        """Progress up to the player, see `Moment`."""
        return self._moment.progress

    @property
    def leads_on(self) -> bool:
        """Whether the plan that is followed gains progress."""
        return self._reaches > self.progress + LEAST_GAIN

    @property
    def ended(self) -> bool:
        """Whether the player died or reached the end of the level."""
        return self._moment.dead or self._moment.won

    @property
    def won(self) -> bool:
        """Whether the player reached the end of the level."""
        return self._moment.won

    @property
    def position(self) -> tuple[int, int]:
        """Position of the player in the level, in pixels."""
        return self._moment.position

    @property
    def share(self) -> float:
        """Share 0-1 of the level up to the player."""
        return self.progress / self.simulator.length

    def state(self) -> bytes:
        """Return the current state, for `plan`."""
        return self.simulator.save()

    def choose(self) -> int:
        """Return the action on the emulator's current state, which is left as it was.

        Raises:
            ValueError: the player died or reached the end of the level.
        """
        if self.ended:
            raise ValueError("the player is dead or at the end: no action is left")
        if not self._unchecked or not self._plan:
            state = self.simulator.save()
            self._check(Situation(state, self._moment, self.previous))
            self.simulator.load(state)
        return self._plan[0]

    def choose_again(self) -> int:
        """Return the action of another plan, for which the search tries harder; see `choose`."""
        self._plan, self._unchecked = (), 0
        return self.choose()

    def observe(self, action: int) -> None:
        """Follow a step that was just played, with the expert's action or with another."""
        if self._plan[:1] == (action,):
            self._plan = self._plan[1:]
        else:
            # It is not the plans that make no progress. Equal states have equal plans, even if
            # the player stays in them.
            self._plan, self.stalled = (), 0
            self._random = np.random.default_rng(self._seed)
        self._unchecked = max(0, self._unchecked - 1)
        self.previous = action
        self.simulator.follow()
        self._moment = self.simulator.after(self._moment)
        if self._moment.stands and self.progress > self._furthest + LEAST_GAIN:
            self._furthest, self.stalled = self.progress, 0

    def plan(
        self, state: bytes, seed: int, stage: int | None = None, previous: int | None = None
    ) -> NDArray[np.bool_]:
        """Return a plan from any state of the level.

        Args:
            state: state of the emulator, as its `get_state` or `state` returns it.
            seed: random seed; the same state and seed give the same plan.
            stage: see `start`.
            previous: the action of the step before; by default the first action is not sticky.

        Returns:
            bool (n, 12): the buttons of the console in each step of four frames. (0, 12) if the
            player is dead or at the end, or dies in every case of every plan.
        """
        self.simulator.load(state)
        self._begin(seed, stage, previous)
        if not self.ended:
            self.choose()
        if self.ended or self.hopeless:
            return np.zeros((0, 12), np.bool_)
        return np.array([buttons(action) for action in self._plan], np.bool_)

    def _check(self, here: Situation) -> None:
        """Keep the current plan if its forecast is good; otherwise plan again."""
        candidates: list[Candidate] = []
        if self._plan:
            candidates.append(self._judge(here, self._plan, self._reaches))
            if len(self._plan) >= self._foresight.fewest_steps and self._keeps(candidates[0]):
                self._take(candidates[0])
                return
        self.stalled += 1
        for known in self.simulator.known_plans(here.moment):
            candidates.append(self._judge(here, *known))
            if self._leads_on(candidates[-1]):
                break
        else:
            candidates += self._search(here)
        if not any(map(self._leads_on, candidates)):
            candidates += self._variants(here, candidates)
        if not any(map(self._leads_on, candidates)):
            candidates += [self._judge(here, wait) for wait in WAITS]
        tolerated = TOLERATED_RISK * max(0, self.stalled - PATIENCE)
        self._take(min(candidates, key=lambda each: each.order(self.progress, tolerated)))

    def _take(self, candidate: Candidate) -> None:
        self._plan, self._reaches = candidate.plan, candidate.reaches
        self.outlook = candidate.outlook
        self.hopeless = self.outlook.dead == 1
        self._unchecked = self._steps_until_check()

    def _variants(self, here: Situation, candidates: list[Candidate]) -> list[Candidate]:
        """Judge the best plan with each of its first changes of the action earlier or later."""
        if not candidates:
            return []
        best = min(candidates, key=lambda each: each.order(self.progress))
        plan = best.plan
        changes = [step for step in range(1, len(plan)) if plan[step] != plan[step - 1]]
        return [
            self._judge(here, shifted(plan, change, steps), best.reaches)
            for change in changes[:SHIFTED_CHANGES]
            for steps in self._foresight.shifts
            if change + steps > 0
        ]

    def _search(self, here: Situation) -> list[Candidate]:
        """Search for plans until one is safe and leads on.

        Where the player stalls, it may need a run-up, or time. Searches then begin with a detour.
        """
        found: list[Candidate] = []
        for attempt in range(self._foresight.searches):
            detour: Plan = ()
            if self.stalled > 1 and attempt:
                side = (0, LEFT, LEFT, RIGHT)[int(self._random.integers(4))]
                detour = (side,) * int(self._random.integers(*DETOUR_STEPS))
            late = None if attempt == 0 and self.stalled == 1 else self._late
            plan = self._search_after(here, detour, late)
            if plan is not None:
                found.append(self._judge(here, *plan))
                if self._leads_on(found[-1]):
                    break
        return found

    def _search_after(
        self, here: Situation, detour: Plan, late: Callable[[], bool] | None
    ) -> KnownPlan | None:
        """Search from the place that a detour leads to; the plan begins with the detour."""
        self.simulator.load(here.state)
        moment = here.moment
        for action in detour:
            moment = self.simulator.step(action, None, moment)
            if moment.dead or moment.won:
                return None
        if detour:  # a run-up may be all that the known plan needs
            moment = self.simulator.moment(moment.stage)
            for known in self.simulator.known_plans(moment):
                return KnownPlan(detour + known.plan, known.reaches)
        previous = (detour or (here.previous or 0,))[-1]
        effort = min(self.stalled, MOST_EFFORT)
        found = self.simulator.search(moment, previous, effort, late, self._random)
        return found and KnownPlan(detour + found.plan, found.reaches)

    def _late(self) -> bool:
        return bool(self._random.random() < STICKINESS)

    def _judge(self, here: Situation, plan: Plan, reaches: float | None = None) -> Candidate:
        foresight = self._foresight
        horizon = min(foresight.horizon, max(len(plan), foresight.least_horizon))
        outlook = forecast(
            self.simulator, here, plan, horizon, foresight.exact_changes, self._random
        )
        return Candidate(plan, outlook.on_time if reaches is None else reaches, outlook)

    @staticmethod
    def _keeps(candidate: Candidate) -> bool:
        """Return whether no case of a plan dies, and none is likely to be hurt or lags behind."""
        outlook = candidate.outlook
        safe = outlook.dead == 0 and outlook.hurt < HURT_RISK
        return safe and outlook.worst > outlook.on_time - BEHIND

    def _leads_on(self, candidate: Candidate) -> bool:
        """Return whether a plan can be kept and gains progress."""
        return self._keeps(candidate) and candidate.reaches > self.progress + LEAST_GAIN

    def _steps_until_check(self) -> int:
        """Return the steps up to the third change of the action: all their cases were played."""
        fewest, most = self._foresight.unchecked
        changes = [
            step for step in range(1, len(self._plan)) if self._plan[step] != self._plan[step - 1]
        ]
        third = changes[2] if len(changes) > 2 else most
        return min(max(third, fewest), most)
