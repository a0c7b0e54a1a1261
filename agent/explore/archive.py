"""The archive: what is known about each cell of a level, and the trajectories recorded there.

A trajectory is followed by looking up the current state (progress, speed and z) in it, not by
time. Therefore sticky actions, which delay buttons at random, do little harm. An open-loop
replay fails: after one delayed button, its later buttons come too early.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from agent.explore.settings import ExplorerSettings

Floats = NDArray[np.float64]


@dataclass
class Arm:
    """One way to play a cell (an arm of a bandit), with its successes and failures there.

    It succeeds if the episode also crosses the next cell. It fails if the episode ends before that
    or makes no progress.

    Attributes:
        successes, failures: counts; a shared failure counts less than 1.
    """

    successes: float = 0.0
    failures: float = 0.0

    @property
    def mean(self) -> float:
        """Expected share of successes, from a uniform prior."""
        return (1 + self.successes) / (2 + self.successes + self.failures)

    def sample(self, random: np.random.Generator, evidence_weight: float) -> float:
        """Draw a share of successes from the beta posterior (Thompson sampling)."""
        weight = evidence_weight
        return float(random.beta(1 + weight * self.successes, 1 + weight * self.failures))


@dataclass(frozen=True)
class Trajectory:
    """Recorded steps of an episode.

    Attributes:
        progress: sum of the rewards before each step, float64 (n,).
        speeds: reward of the step before, float64 (n,).
        latents: z in units of its median change per step, float32 (n, Z).
        actions: the buttons pressed, uint8 (n, 4).
    """

    progress: Floats
    speeds: Floats
    latents: NDArray[np.float32]
    actions: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.progress)

    def part(self, first: int, stop: int, settings: ExplorerSettings) -> Trajectory:
        """Return the steps from `first` to before `stop`, without loops.

        A loop returns to the same progress, speed and z; its steps are excluded.
        """
        steps, at, stop = [], first, min(stop, len(self))
        while at < stop:
            later = np.arange(at + settings.shortest_loop_steps, stop)
            distances = np.abs(self.progress[later] - self.progress[at])
            later = later[distances <= settings.loop_points]
            later = later[np.abs(self.speeds[later] - self.speeds[at]) <= settings.loop_points]
            changes = np.linalg.norm(self.latents[later] - self.latents[at], axis=1)
            later = later[changes <= settings.loop_latent]
            at = int(later[-1]) if len(later) else at
            steps.append(at)
            at += 1
        return Trajectory(
            self.progress[steps], self.speeds[steps], self.latents[steps], self.actions[steps]
        )


@dataclass
class TrajectoryArm(Arm):
    """The arm that follows a trajectory through a cell and into the next one.

    Attributes:
        episode: number of the episode that recorded the trajectory.
        trajectory: its steps, at least one.
    """

    episode: int = field(kw_only=True)
    trajectory: Trajectory = field(kw_only=True)

    def nearest_step(
        self,
        progress: float,
        speed: float,
        latent: NDArray[np.float32],
        expected: int,
        settings: ExplorerSettings,
    ) -> int:
        """Return the step of the trajectory whose state is most similar to the current one.

        Args:
            progress: sum of the rewards so far.
            speed: the last reward.
            latent: z in units of its median change per step, float32 (Z,).
            expected: the step that would come next; only steps near it are compared.
            settings: the window around the expected step, and the weights of the distance.
        """
        known = self.trajectory
        first = max(expected - settings.steps_behind, 0)
        steps = np.arange(first, min(expected + settings.steps_ahead, len(known)))
        cost = np.abs(known.progress[steps] - progress)
        cost += settings.speed_weight * np.abs(known.speeds[steps] - speed)
        cost += settings.latent_weight * np.linalg.norm(known.latents[steps] - latent, axis=1)
        cost += np.abs(steps - expected)
        return int(steps[cost.argmin()])


@dataclass
class Balance:
    """Points that a risky behaviour gained or lost, compared with the safe return.

    The behaviour is repeated while the balance is positive. It starts above 0, so that a behaviour
    may lose something before its first gain.
    """

    points: float

    def is_worth_a_try(self, random: np.random.Generator, retry_chance: float) -> bool:
        """Return whether to repeat the behaviour: the balance is positive, or by chance."""
        return self.points > 0 or random.random() < retry_chance


class ArchiveCell:
    """What is known about a cell: the arms that can play it, and whether risks pay off there.

    Attributes:
        controller: the arm that leaves the cell to the candidate's controller.
        delayed_jump, random_buttons: the arms that begin with this macro-action.
        trajectories: the arms that follow a recorded trajectory.
        recovery: balance of trying macro-actions when an episode is stuck here.
        exploration: balance of exploring in episodes that are expected to end here.
    """

    def __init__(self, settings: ExplorerSettings) -> None:
        self.controller = Arm()
        self.delayed_jump = Arm(failures=settings.jump_prior_failures)
        self.random_buttons = Arm(failures=settings.random_buttons_prior_failures)
        self.trajectories: list[TrajectoryArm] = []
        self.recovery = Balance(settings.initial_balance)
        self.exploration = Balance(settings.initial_balance)

    @property
    def basic_arms(self) -> list[Arm]:
        """The arms that every cell has."""
        return [self.controller, self.delayed_jump, self.random_buttons]

    def continuation(self, previous: TrajectoryArm, reliable: float) -> TrajectoryArm | None:
        """Return the trajectory of the same episode as the previous cell's, if it is reliable.

        Args:
            previous: the trajectory that led into this cell.
            reliable: lowest expected share of successes.
        """
        for arm in self.trajectories:
            if arm.episode == previous.episode and arm.mean >= reliable:
                return arm
        return None

    def keep(self, arm: TrajectoryArm, limit: int) -> None:
        """Add a trajectory, and keep the `limit` trajectories with the highest expected success."""
        self.trajectories.append(arm)
        self.trajectories.sort(key=lambda arm: -arm.mean)
        del self.trajectories[limit:]
