"""The explorer: returns along trajectories of earlier episodes, then explores from there.

The sum of an episode's rewards is its position in the level, which is divided into cells. An arm
plays each cell: a recorded trajectory, the controller, the controller with a jump, or random
buttons. Thompson sampling chooses among them by how often each has crossed the cell. After Ecoffet
et al., "First return, then explore" (Nature 590, 2021); see docs/exploring-a-level.md.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from agent.buttons import Action
from agent.explore.archive import ArchiveCell, Arm, Trajectory, TrajectoryArm
from agent.explore.episode_state import CellVisit, EpisodeState
from agent.explore.macro_actions import delayed_jump, random_buttons, run_back_and_on
from agent.explore.settings import DEFAULT_SETTINGS, ExplorerSettings

# Increase it by hand when a change in this folder changes the explorer's behaviour. It is stored
# with each measured play: plays of another version are excluded from the tables.
EXPLORER_VERSION = 1


class Explorer:
    """Call `begin` at a reset, `action` and `pressed` once per step, and `finished` at the end."""

    def __init__(self, seed: int = 1, settings: ExplorerSettings = DEFAULT_SETTINGS) -> None:
        """Start with an empty archive.

        Args:
            seed: random seed of all draws.
            settings: the constants.
        """
        self._random = np.random.default_rng(seed)
        self._settings = settings
        self._reward_per_point = 1.0  # larger where returns are larger than the contest's
        self._restart()

    def _restart(self) -> None:
        """Empty the archive."""
        settings = self._settings
        self._cells = defaultdict[int, ArchiveCell](lambda: ArchiveCell(settings))
        self._episodes = 0
        self._record = 0.0
        self._latent_unit = 1.0  # median change of z per step in the first episode
        self._ends: deque[int] = deque(maxlen=settings.recent_episodes)  # last cells of episodes
        self._safe: deque[float] = deque(maxlen=settings.recent_episodes)  # non-exploring returns
        self._won = False  # whether the last episode reached the level's end
        self._episode = EpisodeState()

    @property
    def returned_to(self) -> float:
        """Sum of rewards that the current episode reached by following trajectories only."""
        episode = self._episode
        points = episode.highest if episode.returned_to is None else episode.returned_to
        return points * self._reward_per_point

    def begin(self) -> None:
        """Start an episode, and decide whether it explores before the known end."""
        self._episode = episode = EpisodeState()
        settings = self._settings
        if not self._safe or self._won or self._random.random() >= settings.exploring_share:
            return
        end = max(self._ends)
        exploration = self._cells[end].exploration
        if exploration.is_worth_a_try(self._random, settings.retry_chance):
            episode.exploration = exploration
            cells_back = int(self._random.geometric(1 / settings.mean_cells_back))
            episode.explore_from = end + 1 - cells_back

    def action(self, progress: float, latent: NDArray[np.float32]) -> Action | None:
        """Return the buttons to press on the current frame; None leaves them to the controller.

        Args:
            progress: sum of the episode's rewards so far.
            latent: z of the frame, float32 (Z,).
        """
        episode = self._episode
        progress /= self._reward_per_point
        speed = progress - episode.progress[-1] if episode.progress else 0.0
        episode.steps_without_progress = (
            0 if progress > episode.highest else episode.steps_without_progress + 1
        )
        episode.highest = max(episode.highest, progress)
        episode.progress.append(progress)
        episode.latents.append(latent)
        if episode.highest // self._settings.cell_points > episode.cell:
            self._enter(int(episode.highest // self._settings.cell_points))
        elif episode.steps_without_progress > self._patience_steps():
            self._recover()
        if isinstance(episode.arm, TrajectoryArm):
            unit = np.float32(self._latent_unit)
            expected = episode.expected_step
            step = episode.arm.nearest_step(
                progress, speed, latent / unit, expected, self._settings
            )
            episode.expected_step = min(step + 1, len(episode.arm.trajectory) - 1)
            action: Action = episode.arm.trajectory.actions[step]
            return action
        if episode.returned_to is None:
            episode.returned_to = episode.highest
        return episode.macro_action.pop() if episode.macro_action else None

    def pressed(self, action: Action) -> None:
        """Record the buttons that the agent pressed in this step, uint8 (4,)."""
        self._episode.actions.append(action)

    def finished(self, episode_return: float) -> None:
        """End the episode: count its arms' successes and failures, and keep new trajectories.

        Args:
            episode_return: sum of the episode's rewards.
        """
        episode, settings = self._episode, self._settings
        episode_return /= self._reward_per_point
        reach = max(episode.highest, episode_return)
        speed = reach / max(len(episode.progress), 1)
        if reach > settings.most_points or speed > settings.highest_mean_speed:
            self._enlarge_points(reach, speed)
            return
        self._won = episode_return - episode.progress[-1] > settings.end_points
        for visit in episode.visits:
            if visit.is_open and visit.arm is not None:
                if self._won:
                    visit.arm.successes += 1
                else:
                    is_last = visit is episode.visits[-1]
                    visit.arm.failures += 1 if is_last else settings.shared_failure
        self._keep_trajectories(is_record=reach > self._record + settings.record_points)
        self._record = max(self._record, reach)
        self._episodes += 1
        self._ends.append(episode.cell)
        for recovery, before in episode.recoveries:
            recovery.points += episode_return - before
        if episode.exploration is None:
            self._safe.append(episode_return)
        else:
            episode.exploration.points += episode_return - float(np.mean(self._safe))

    def _enlarge_points(self, reach: float, speed: float) -> None:
        """Measure the level in larger points, and begin again with an empty archive.

        Args:
            reach: highest sum of rewards of the current episode, in points.
            speed: its mean points per step.
        """
        settings = self._settings
        # A fifth of the highest speed and half of the most points: a later episode may be faster
        # and get farther.
        self._reward_per_point *= max(
            5 * speed / settings.highest_mean_speed, 2 * reach / settings.most_points
        )
        self._restart()

    def _enter(self, cell: int) -> None:
        """Enter a new cell: count earlier arms as successful, and choose an arm for this cell."""
        episode = self._episode
        for visit in episode.visits[:-1]:
            if visit.is_open and visit.arm is not None:
                visit.arm.successes += 1
                visit.is_open = False
        arm = self._choose(cell)
        episode.visits.append(CellVisit(cell, len(episode.progress) - 1, arm))
        episode.expected_step = episode.steps_without_progress = 0
        episode.macro_action = []
        if arm is self._cells[cell].delayed_jump:
            episode.macro_action = delayed_jump(self._random, self._settings)
        elif arm is self._cells[cell].random_buttons:
            episode.macro_action = random_buttons(self._random, self._settings)

    def _choose(self, cell: int) -> Arm:
        """Choose the arm that plays a cell."""
        episode, known = self._episode, self._cells[cell]
        if episode.explore_from <= cell <= max(self._ends, default=-1):
            return self._sample(known.basic_arms)
        if isinstance(episode.arm, TrajectoryArm):
            continuation = known.continuation(episode.arm, self._settings.reliable_success)
            if continuation:
                return continuation
        return self._sample([*known.basic_arms, *known.trajectories])

    def _sample(self, arms: Sequence[Arm]) -> Arm:
        weight = self._settings.evidence_weight
        return max(arms, key=lambda arm: arm.sample(self._random, weight))

    def _patience_steps(self) -> int:
        """Return the steps without progress after which the episode is stuck.

        A trajectory gets more steps, because it may lead back before it makes progress.
        """
        arm = self._episode.arm
        steps = len(arm.trajectory) if isinstance(arm, TrajectoryArm) else 0
        return self._settings.stuck_steps + steps

    def _recover(self) -> None:
        """Count the stuck episode's arm as failed, and try macro-actions while they gain points."""
        episode, settings = self._episode, self._settings
        visit = episode.visits[-1]
        episode.steps_without_progress = 0
        episode.macro_action = []
        if visit.is_open:  # stuck in this cell for the first time
            if visit.arm is not None:
                visit.arm.failures += 1
            visit.arm, visit.is_open = None, False
            recovery = self._cells[visit.cell].recovery
            pays = recovery.is_worth_a_try(self._random, settings.retry_chance)
            episode.is_hopeless = not pays
            if pays:
                episode.recoveries.append((recovery, episode.highest))
        if not episode.is_hopeless:
            options = (random_buttons, run_back_and_on, None)  # None: the controller
            chosen = options[self._random.integers(3)]
            episode.macro_action = chosen(self._random, settings) if chosen else []

    def _keep_trajectories(self, *, is_record: bool) -> None:
        """Keep trajectories of the cells that other arms crossed; after a record, of all cells."""
        settings, visits = self._settings, self._episode.visits
        recorded = self._recorded()
        ends = [*(visit.step for visit in visits[1:]), *[len(recorded)] * self._won]
        for number, (visit, end) in enumerate(zip(visits, ends, strict=False)):
            followed = visit.arm if isinstance(visit.arm, TrajectoryArm) else None
            if followed and not is_record:
                continue
            has_succeeded = self._won or number + 2 < len(visits)
            counts = (1.0, 0.0) if has_succeeded else (0.0, settings.shared_failure)
            if followed:
                counts = (followed.successes, followed.failures)
            crossing = recorded.part(visit.step, end + settings.overlap_steps, settings)
            if len(crossing) <= settings.longest_trajectory_steps:
                arm = TrajectoryArm(*counts, episode=self._episodes, trajectory=crossing)
                self._cells[visit.cell].keep(arm, settings.trajectories_per_cell)

    def _recorded(self) -> Trajectory:
        """Return the current episode as a trajectory; the first one sets the unit of z."""
        episode = self._episode
        if not self._episodes:
            changes = np.linalg.norm(np.diff(np.array(episode.latents), axis=0), axis=1)
            median = float(np.median(changes)) if len(changes) else 1.0
            self._latent_unit = max(median, 1e-6)
        progress = np.array(episode.progress)
        return Trajectory(
            progress,
            np.diff(progress, prepend=0.0),
            np.array(episode.latents) / np.float32(self._latent_unit),
            np.array(episode.actions),
        )
