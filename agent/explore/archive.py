"""Passages: how an episode crossed a stretch of a level, to be followed by later ones.

A passage is looked up by place, speed and z, not by time, so that it survives the contest's sticky
actions, which ruin a replay: one late button, and the rest of it is played into a wall.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

BEHIND, AHEAD = 8, 24  # steps of a passage among which the present state is looked up
SPEED_WEIGHT = 2.0  # of a point a step, against a point of distance
LATENT_WEIGHT = 10.0  # of a usual step's change of z
STEP_WEIGHT = 1.0  # of a step before or after the one that is due
SHARPNESS = 2.0  # what one success or failure counts in a draw
SHORTEST_LOOP = 30  # steps
SAME_POINTS = 1.0  # of place and of speed, at a loop's two ends
SAME_LATENT = 0.5  # usual steps' changes of z

Floats = NDArray[np.float64]


@dataclass
class Arm:
    """What can play a stretch, and how often it has worked there."""

    worked: float = 0.0
    failed: float = 0.0

    @property
    def mean(self) -> float:
        """Expected share of successes, from a uniform prior."""
        return (1 + self.worked) / (2 + self.worked + self.failed)

    def draw(self, random: np.random.Generator) -> float:
        """A share of successes that its record allows (Thompson sampling)."""
        return float(random.beta(1 + SHARPNESS * self.worked, 1 + SHARPNESS * self.failed))


@dataclass(frozen=True)
class Way:
    """Steps of an episode.

    Attributes:
        places: sum of the rewards before each step, (n,).
        speeds: reward of the step before, (n,).
        latents: z, in usual steps' changes, float32 (n, Z).
        actions: what was pressed, uint8 (n, 4).
    """

    places: Floats
    speeds: Floats
    latents: NDArray[np.float32]
    actions: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.places)

    def part(self, first: int, last: int) -> Way:
        """The steps from `first` to before `last`, and none of those in which it went in a circle.

        It did where it came back to the same place, speed and z.
        """
        steps, at, last = [], first, min(last, len(self))
        while at < last:
            later = np.arange(at + SHORTEST_LOOP, last)
            later = later[np.abs(self.places[later] - self.places[at]) <= SAME_POINTS]
            later = later[np.abs(self.speeds[later] - self.speeds[at]) <= SAME_POINTS]
            changes = np.linalg.norm(self.latents[later] - self.latents[at], axis=1)
            later = later[changes <= SAME_LATENT]
            at = int(later[-1]) if len(later) else at
            steps.append(at)
            at += 1
        return Way(self.places[steps], self.speeds[steps], self.latents[steps], self.actions[steps])


@dataclass
class Passage(Arm):
    """How one episode crossed a stretch, and on into the next one.

    Attributes:
        trail: number of that episode.
        way: its steps, at least one.
    """

    trail: int = field(kw_only=True)
    way: Way = field(kw_only=True)

    def look_up(self, place: float, speed: float, latent: NDArray[np.float32], due: int) -> int:
        """The step of the way whose state is most like this one, near the step that is due.

        Args:
            place: sum of the rewards so far.
            speed: the last reward.
            latent: z, in usual steps' changes, float32 (Z,).
            due: a step of the way.
        """
        way = self.way
        steps = np.arange(max(due - BEHIND, 0), min(due + AHEAD, len(way)))
        cost = np.abs(way.places[steps] - place)
        cost += SPEED_WEIGHT * np.abs(way.speeds[steps] - speed)
        cost += LATENT_WEIGHT * np.linalg.norm(way.latents[steps] - latent, axis=1)
        cost += STEP_WEIGHT * np.abs(steps - due)
        return int(steps[cost.argmin()])
