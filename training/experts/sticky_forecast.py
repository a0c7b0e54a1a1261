"""Forecasts how a plan ends under sticky actions, from a saved state of the simulator.

Sticky actions delay a change of the action by one frame, with probability 1/4. Nothing else is
random. The forecast therefore plays both cases of the first changes, and draws the later ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from arena.environment.contest_rules import STICKINESS
from training.experts.simulator import Moment, Simulator

LANDING_STEPS = 90  # steps beyond the horizon for which a player in the air is followed


class Situation(NamedTuple):
    """A moment of an episode.

    Attributes:
        state: saved state of the simulator.
        moment: where the player is.
        previous: the action of the step before; None at the start of an episode, where the first
            action is not sticky.
    """

    state: bytes
    moment: Moment
    previous: int | None


class Ending(NamedTuple):
    """How one case of a forecast ends, and its probability."""

    probability: float
    dead: bool
    hurt: bool  # the player lost all rings
    progress: float


@dataclass(frozen=True)
class Forecast:
    """What is to be expected of a plan.

    Attributes:
        dead: probability that the player dies.
        hurt: probability that the player loses all rings.
        worst: least progress of all cases.
        mean: mean progress.
        on_time: progress if no change of the action is late.
    """

    dead: float
    hurt: float
    worst: float
    mean: float
    on_time: float


def forecast(
    simulator: Simulator,
    here: Situation,
    plan: Sequence[int],
    horizon: int,
    exact_changes: int,
    random: np.random.Generator,
) -> Forecast:
    """Play a plan's first steps with late and timely changes of the action.

    Args:
        simulator: the level; it is left in another state.
        here: where the plan begins.
        plan: one action for each step.
        horizon: number of steps to play. A player in the air is followed until it lands; no button
            is held after the plan's last action.
        exact_changes: changes of the action for which both cases are played: at most 2 to the power
            of this many endings.
        random: source of the later draws.
    """
    endings: list[Ending] = []
    simulator.load(here.state)
    branches = _Branches(simulator, here, plan, horizon, exact_changes, random, endings)
    branches.play(0, here.previous, here.moment, 1.0, 0)
    return summarize(endings)


def summarize(endings: Sequence[Ending]) -> Forecast:
    """Summarize the endings; the last one is the case without late changes."""
    return Forecast(
        dead=sum(ending.probability for ending in endings if ending.dead),
        hurt=sum(ending.probability for ending in endings if ending.hurt),
        worst=min(ending.progress for ending in endings),
        mean=sum(ending.probability * ending.progress for ending in endings),
        on_time=endings[-1].progress,
    )


@dataclass
class _Branches:
    simulator: Simulator
    here: Situation
    plan: Sequence[int]
    horizon: int
    exact_changes: int
    random: np.random.Generator
    endings: list[Ending]

    def play(
        self, step: int, previous: int | None, moment: Moment, probability: float, changes: int
    ) -> None:
        """Play from a step to the end; the cases with a late change branch off recursively."""
        while not self._ended(step, moment):
            action = self._action(step)
            late = False
            if previous is not None and action != previous:
                if changes < self.exact_changes:
                    changes += 1
                    state = self.simulator.save()
                    after = self.simulator.step(action, previous, moment)
                    self.play(step + 1, action, after, probability * STICKINESS, changes)
                    self.simulator.load(state)
                    probability *= 1 - STICKINESS
                else:
                    late = self.random.random() < STICKINESS
            moment = self.simulator.step(action, previous if late else None, moment)
            previous = action
            step += 1
        hurt = self.here.moment.rings > 0 and moment.rings == 0
        self.endings.append(Ending(probability, moment.dead, hurt, moment.progress))

    def _action(self, step: int) -> int:
        return self.plan[step] if step < len(self.plan) else 0

    def _ended(self, step: int, moment: Moment) -> bool:
        if moment.dead or moment.won or step >= self.horizon + LANDING_STEPS:
            return True
        return step >= self.horizon and moment.on_ground
