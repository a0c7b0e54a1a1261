"""Plans among which the expert under sticky actions chooses, and their order."""

from __future__ import annotations

from typing import NamedTuple

from game.planning.console import LEFT, RIGHT
from training.experts.simulator import Plan
from training.experts.sticky_forecast import Forecast

BEHIND = 48.0  # progress by which a case may lag behind the case without late changes
LEAST_GAIN = 16.0  # progress that a plan must gain to lead on
HURT_RISK = 0.2  # risk of losing all rings, relative to the risk of a death
WAITS = ((0,) * 8, (0,) * 16, (LEFT,) * 12, (LEFT,) * 24, (RIGHT,) * 8)


class Candidate(NamedTuple):
    """A plan, and what is to be expected of it.

    Attributes:
        plan: one action for each step.
        reaches: progress that the plan leads to if no change of the action is late.
        outlook: forecast of its first steps.
    """

    plan: Plan
    reaches: float
    outlook: Forecast

    @property
    def risk(self) -> float:
        """Probability of a death, and a share of the probability of losing all rings."""
        return self.outlook.dead + HURT_RISK * self.outlook.hurt

    def order(self, progress: float, tolerated: float = 0.0) -> tuple[float, bool, int, float]:
        """Return a key that is lowest for the best plan.

        The risk counts first, then whether the plan leads on, then the worst case, then the mean.
        Worst cases that are about equal count as equal.

        Args:
            progress: progress at the beginning of the plan.
            tolerated: risk that counts as none.
        """
        stays = self.reaches < progress + LEAST_GAIN
        risk = max(round(self.risk, 2), tolerated)
        return risk, stays, -int(self.outlook.worst // BEHIND), -self.outlook.mean


def shifted(plan: Plan, change: int, steps: int) -> Plan:
    """Return a plan in which one change of the action comes later, and all that follows with it.

    Args:
        plan: one action for each step.
        change: index of the step at which the action changes.
        steps: number of steps; below 0 it comes earlier.
    """
    if steps < 0:
        return plan[: change + steps] + plan[change:]
    return plan[:change] + (plan[change - 1],) * steps + plan[change:]
