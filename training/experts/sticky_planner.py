"""An expert for Pangolin Dash that plays under sticky actions from any state of a level.

It follows a plan of the planner as long as every case of a forecast stays alive and on time.
Otherwise it plans again from the state that was really reached, and takes the plan that dies least.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from arena.environment.contest_rules import STICKINESS
from game.planning.emulator import LEFT, RIGHT, STATE_BYTES, Emulator, buttons
from game.planning.planner import Search
from game.planning.route_progress import RouteProgress
from game.planning.search_node import stands
from training.experts.sticky_forecast import Forecast, Situation, forecast

HORIZON = 28  # steps of a plan that a forecast plays
FEWEST_STEPS = 8  # a shorter rest of a plan is not followed
STEPS_UNCHECKED = (4, 8)  # fewest and most steps between two forecasts
SEARCHES = 3  # most searches for a new plan
SEARCH_FRAMES = 3_000  # emulated frames of a search; a multiple of it where the player stalls
SEARCH_STEPS = 44  # length of a plan at which a search ends
DETOUR_STEPS = (6, 40)  # range of the length of a detour
BEHIND = 48.0  # pixels by which a case may lag behind the case without late changes
LEAST_GAIN = 16.0  # pixels of progress below which a plan counts as none
HURT_RISK = 0.2  # risk of losing all rings, relative to the risk of a death
PATIENCE = 12  # plans without progress after which the player takes a risk
VERSION = 1  # raise it when the expert plays differently with the same seed
WAITS = ((0,) * 8, (0,) * 16, (LEFT,) * 12, (LEFT,) * 24, (RIGHT,) * 8)


class Candidate(NamedTuple):
    """A plan, and what is to be expected of it."""

    plan: tuple[int, ...]
    outlook: Forecast

    @property
    def risk(self) -> float:
        """Probability of a death, and a share of the probability of losing all rings."""
        return self.outlook.dead + HURT_RISK * self.outlook.hurt

    def order(self) -> tuple[float, int, float]:
        """Return a key that is lowest for the best plan: risk, then the worst case, then the mean.

        Risks and worst cases that are about equal count as equal.
        """
        return round(self.risk, 2), -int(self.outlook.worst // BEHIND), -self.outlook.mean


class StickyPlanner:
    """Chooses the actions of one level, from any state that its emulator is in.

    Attributes:
        stage: index of the next waypoint of the route.
        previous: the action of the step before; None at the start of an episode.
        stalled: plans since the last progress.
    """

    def __init__(self, emulator: Emulator, route: RouteProgress) -> None:
        """Take the emulator with the level's game, and the level's route."""
        self._emulator = emulator
        self._route = route

    def start(self, seed: int, stage: int | None = None, previous: int | None = None) -> None:
        """Begin at the emulator's current state.

        Args:
            seed: random seed of the plans. It says nothing about the draws of the environment.
            stage: index of the next waypoint; by default it follows from the player's position.
            previous: the action of the step before; None at the start of an episode.
        """
        self._random = np.random.default_rng(seed)
        self._player = self._emulator.player_state()
        self.stage = self._route.nearest_stage(self._player) if stage is None else stage
        self.stage = self._route.advance(self.stage, self._player)
        self.previous = previous
        self._plan: tuple[int, ...] = ()
        self._unchecked = 0  # steps that are played before the next forecast
        self._furthest = self.progress
        self.stalled = 0
        self._hopeless = False  # whether the player dies in every case of the best plan

    @property
    def progress(self) -> float:
        """Pixels of the route up to the player."""
        return self._route.progress(self.stage, self._player)

    @property
    def ended(self) -> bool:
        """Whether the player died or reached the end post."""
        return bool(self._player.dead or self._player.won)

    @property
    def won(self) -> bool:
        """Whether the player reached the end post."""
        return bool(self._player.won)

    @property
    def position(self) -> tuple[int, int]:
        """Position of the player in the level, in pixels."""
        return self._player.x, self._player.y

    @property
    def share(self) -> float:
        """Share 0-1 of the route up to the player."""
        return self.progress / self._route.length

    def state(self) -> bytes:
        """Return the saved state of the emulator."""
        return self._emulator.save()

    def choose(self) -> int:
        """Return the action on the emulator's current state, which is left as it was.

        Raises:
            ValueError: the player died or reached the end post.
        """
        if self.ended:
            raise ValueError("the player is dead or at the end post: no action is left")
        if not self._unchecked or not self._plan:
            state = self._emulator.save()
            self._check(Situation(state, self._player, self.stage, self.previous))
            self._emulator.load(state)
        return self._plan[0]

    def observe(self, action: int) -> None:
        """Follow a step that was just played, with the expert's action or with another."""
        self._plan = self._plan[1:] if self._plan[:1] == (action,) else ()
        self._unchecked = max(0, self._unchecked - 1)
        self.previous = action
        self._player = self._emulator.player_state()
        self.stage = self._route.advance(self.stage, self._player)
        if stands(self._player) and self.progress > self._furthest + LEAST_GAIN:
            self._furthest, self.stalled = self.progress, 0

    def plan(
        self, state: bytes, seed: int, stage: int | None = None, previous: int | None = None
    ) -> NDArray[np.bool_]:
        """Return a plan from any state of the level.

        Args:
            state: state of the emulator, as its `get_state` or `Emulator.save` returns it.
            seed: random seed; the same state and seed give the same plan.
            stage: index of the next waypoint; by default it follows from the player's position.
            previous: the action of the step before; by default the first action is not sticky.

        Returns:
            bool (n, 12): the buttons of the console in each step of four frames. (0, 12) if the
            player is dead or at the end post, or dies in every case of every plan.
        """
        self._emulator.load(state[:STATE_BYTES])
        self.start(seed, stage, previous)
        if not self.ended:
            self.choose()
        if self.ended or self._hopeless:
            return np.zeros((0, 12), np.bool_)
        return np.array([buttons(action) for action in self._plan], np.bool_)

    def _check(self, here: Situation) -> None:
        """Keep the current plan if its forecast is good; otherwise plan again."""
        candidates: list[Candidate] = []
        if len(self._plan) >= FEWEST_STEPS:
            kept = self._judge(here, self._plan)
            if self._keeps(kept):
                self._hopeless = False
                self._unchecked = self._steps_until_check()
                return
            candidates.append(kept)
        self.stalled += 1
        candidates += self._search(here)
        patient = self.stalled <= PATIENCE and not any(map(self._safe, candidates))
        if patient or not candidates:
            candidates += [self._judge(here, wait, len(wait)) for wait in WAITS]
        best = min(candidates, key=Candidate.order)
        self._plan, self._hopeless = best.plan, best.outlook.dead == 1
        self._unchecked = self._steps_until_check()

    def _search(self, here: Situation) -> list[Candidate]:
        """Search for plans until one is safe and leads on.

        Where the player stalls, it may need a run-up, or time. Searches then begin with a detour.
        """
        found: list[Candidate] = []
        for attempt in range(SEARCHES):
            detour: tuple[int, ...] = ()
            if self.stalled > 1 and attempt:
                side = (0, LEFT, LEFT, RIGHT)[int(self._random.integers(4))]
                detour = (side,) * int(self._random.integers(*DETOUR_STEPS))
            late = None if attempt == 0 and self.stalled == 1 else self._late
            if plan := self._search_after(here, detour, late):
                found.append(self._judge(here, plan))
                if self._leads_on(found[-1]):
                    break
        return found

    def _search_after(
        self, here: Situation, detour: tuple[int, ...], late: Callable[[], bool] | None
    ) -> tuple[int, ...]:
        """Search from the place that a detour leads to; return the detour and the plan."""
        self._emulator.load(here.state)
        stage = here.stage
        for action in detour:
            player = self._emulator.step(action)
            stage = self._route.advance(stage, player)
            if player.dead or player.won:
                return ()
        previous = (detour or (here.previous or 0,))[-1]
        search = Search(self._emulator, self._route, stage, previous, late)
        plan = search.run_ahead(SEARCH_FRAMES * min(self.stalled, 3), SEARCH_STEPS)
        return detour + plan if plan else ()

    def _late(self) -> bool:
        return bool(self._random.random() < STICKINESS)

    def _judge(self, here: Situation, plan: tuple[int, ...], horizon: int = HORIZON) -> Candidate:
        horizon = min(horizon, len(plan))
        outlook = forecast(self._emulator, self._route, here, plan, horizon, self._random)
        return Candidate(plan, outlook)

    @staticmethod
    def _safe(candidate: Candidate) -> bool:
        return candidate.outlook.dead == 0 and candidate.outlook.hurt < HURT_RISK

    def _keeps(self, candidate: Candidate) -> bool:
        """Return whether no case of a plan dies or lags behind."""
        outlook = candidate.outlook
        return self._safe(candidate) and outlook.worst > outlook.on_time - BEHIND

    def _leads_on(self, candidate: Candidate) -> bool:
        """Return whether a plan can be kept, and gains progress or is only the beginning of one."""
        gain = candidate.outlook.on_time - self.progress
        return self._keeps(candidate) and (gain > LEAST_GAIN or len(candidate.plan) > HORIZON)

    def _steps_until_check(self) -> int:
        """Return the steps up to the third change of the action: all their cases were played."""
        fewest, most = STEPS_UNCHECKED
        changes = [
            step for step in range(1, len(self._plan)) if self._plan[step] != self._plan[step - 1]
        ]
        third = changes[2] if len(changes) > 2 else most
        return min(max(third, fewest), most)
