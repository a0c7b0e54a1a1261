"""The explorer: it finds and repeats progress, and leaves a good controller undisturbed."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from agent.buttons import press
from agent.explore.archive import ArchiveCell, Arm, Balance, Trajectory, TrajectoryArm
from agent.explore.explorer import Explorer
from agent.explore.macro_actions import MacroAction, delayed_jump, random_buttons, run_back_and_on
from agent.explore.settings import DEFAULT_SETTINGS, ExplorerSettings

STEP = 20.0
END = 3000.0
AIRBORNE_STEPS = 4
MAX_STEPS = 400


class Walk:
    """A fake level of 3,000 points, with pits that only a jump crosses and a bonus at the end.

    Some steps are half as long, similar to the contest's sticky actions.
    """

    def __init__(self, pits: tuple[float, ...], seed: int) -> None:
        self._pits = pits
        self._random = np.random.default_rng(seed)

    def play(
        self,
        explorer: Explorer | None,
        controller: Callable[[float], NDArray[np.uint8]],
        reward_per_point: float = 1.0,
    ) -> float:
        """One episode; returns the sum of its rewards, in points."""
        place, air, total = 0.0, 0, 0.0
        if explorer is not None:
            explorer.begin()
        for _ in range(MAX_STEPS):
            latent = np.array([place / 100, air], np.float32)
            action = (
                explorer.action(total * reward_per_point, latent) if explorer is not None else None
            )
            if action is None:
                action = controller(place)
            if explorer is not None:
                explorer.pressed(action)
            air = max(air - 1, 0)
            if action[0] and not air:
                air = AIRBORNE_STEPS
            stride = STEP / 2 if self._random.random() < 0.1 else STEP
            before = place
            place = max(place + stride * (int(action[3]) - int(action[2])), 0.0)
            total += place - before
            if place >= END:
                total += 500.0
                break
            if not air and any(pit <= place < pit + 30 for pit in self._pits):
                break
        if explorer is not None:
            explorer.finished(total * reward_per_point)
        return total


def run_right(place: float) -> NDArray[np.uint8]:
    return press("RIGHT")


def test_it_crosses_pits_that_the_controller_never_jumps() -> None:
    alone = Walk((600.0, 1500.0, 2300.0), seed=1)
    assert max(alone.play(None, run_right) for _ in range(20)) < 640
    walk, explorer = Walk((600.0, 1500.0, 2300.0), seed=1), Explorer(seed=1)
    returns = [walk.play(explorer, run_right) for _ in range(150)]
    assert max(returns) > END  # the end, and its bonus
    assert min(returns[-100:]) > END  # reached in every later episode


@pytest.mark.parametrize("reward_per_point", [1.0, 10.0, 1e5])
def test_large_rewards_are_explored_like_small_ones(reward_per_point: float) -> None:
    walk, explorer = Walk((600.0, 1500.0, 2300.0), seed=1), Explorer(seed=1)
    returns = [walk.play(explorer, run_right, reward_per_point) for _ in range(150)]
    assert np.mean(np.array(returns[-100:]) > END) > 0.9


def stored_steps(explorer: Explorer) -> int:
    cells = explorer._cells.values()
    return sum(len(arm.trajectory) for cell in cells for arm in cell.trajectories)


def test_memory_is_bounded_for_any_reward() -> None:
    random, explorer = np.random.default_rng(1), Explorer(seed=1)
    stored, cells = [], []
    for _ in range(60):
        explorer.begin()
        total = 0.0
        for _ in range(100):
            explorer.action(total, np.zeros(2, np.float32))
            explorer.pressed(press("RIGHT"))
            total += random.uniform(0, 100_000)
        explorer.finished(total)
        stored.append(stored_steps(explorer))
        cells.append(len(explorer._cells))
    assert max(cells) <= DEFAULT_SETTINGS.most_points / DEFAULT_SETTINGS.cell_points + 1
    assert max(stored[30:]) <= 1.5 * max(stored[:30])


def test_a_controller_that_needs_no_help_plays_undisturbed() -> None:
    walk, explorer = Walk((), seed=2), Explorer(seed=2)
    assert all(walk.play(explorer, run_right) >= END + 500 for _ in range(50))


def test_the_same_seed_gives_the_same_returns() -> None:
    played = []
    for _ in range(2):
        walk, explorer = Walk((600.0, 1500.0), seed=3), Explorer(seed=7)
        played.append([walk.play(explorer, run_right) for _ in range(30)])
    assert played[0] == played[1]


def test_it_reports_how_far_trajectories_alone_played() -> None:
    walk, explorer, returned = Walk((600.0, 1500.0), seed=1), Explorer(seed=1), []
    for _ in range(60):
        walk.play(explorer, run_right)
        returned.append(explorer.returned_to)
    assert returned[0] == 0.0  # no trajectory was known
    assert max(returned) > 1500.0


def test_an_episode_that_is_stuck_tries_macro_actions() -> None:
    explorer, pressed = Explorer(seed=1), []
    latent = np.zeros(2, np.float32)
    for _ in range(20 * DEFAULT_SETTINGS.stuck_steps):
        action = explorer.action(0.0, latent)
        pressed.append(action)
        explorer.pressed(np.zeros(4, np.uint8) if action is None else action)
    assert any(action is not None and action[2] for action in pressed)  # it runs back
    explorer.finished(0.0)  # an episode without any progress raises no error


def trajectory(progress: list[float], actions: list[NDArray[np.uint8]] | None = None) -> Trajectory:
    """Return a trajectory with this progress, the speeds that follow from it, and constant z."""
    places = np.array(progress)
    pressed = np.array(actions if actions else [press("RIGHT")] * len(progress))
    latents = np.zeros((len(progress), 2), np.float32)
    return Trajectory(places, np.diff(places, prepend=places[0]), latents, pressed)


def arm(episode: int, successes: float, failures: float) -> TrajectoryArm:
    return TrajectoryArm(successes, failures, episode=episode, trajectory=trajectory([1000.0]))


def test_a_reliable_trajectory_is_continued_by_the_same_episode() -> None:
    cell, other, same = ArchiveCell(DEFAULT_SETTINGS), arm(1, 50, 0), arm(2, 1, 0)
    cell.keep(other, limit=8)
    cell.keep(same, limit=8)
    reliable = DEFAULT_SETTINGS.reliable_success
    assert cell.continuation(arm(2, 9, 0), reliable) is same
    same.failures = 4.0
    assert cell.continuation(arm(2, 9, 0), reliable) is None
    assert cell.continuation(arm(3, 9, 0), reliable) is None


def test_a_cell_keeps_the_most_reliable_trajectories() -> None:
    cell = ArchiveCell(DEFAULT_SETTINGS)
    for episode, successes in enumerate((1, 5, 3, 9, 2)):
        cell.keep(arm(episode, successes, 1), limit=3)
    assert [kept.episode for kept in cell.trajectories] == [3, 1, 2]


def test_a_risk_is_taken_while_its_balance_is_positive() -> None:
    random, balance = np.random.default_rng(1), Balance(2000.0)
    assert balance.is_worth_a_try(random, retry_chance=0.03)
    balance.points -= 2000.0
    assert sum(balance.is_worth_a_try(random, retry_chance=0.03) for _ in range(1000)) < 100
    balance.points += 1.0
    assert balance.is_worth_a_try(random, retry_chance=0.0)


def points_returned(exploring_share: float) -> list[float]:
    """Return the points reached by trajectories only, in 40 episodes that all end at a wide pit."""
    wide_pit = tuple(np.arange(1500.0, 1800.0, 30.0).tolist())
    settings = ExplorerSettings(
        exploring_share=exploring_share, mean_cells_back=1000.0, initial_balance=1e9
    )
    walk, explorer, returned = Walk(wide_pit, seed=4), Explorer(4, settings), []
    for _ in range(40):
        walk.play(explorer, run_right)
        returned.append(explorer.returned_to)
    return returned


def test_an_exploring_episode_leaves_the_trajectories_before_the_known_end() -> None:
    assert sum(points > 0 for points in points_returned(exploring_share=0.0)) > 10
    assert sum(points > 0 for points in points_returned(exploring_share=1.0)) <= 1


def test_rewards_of_any_size_raise_no_error() -> None:
    explorer = Explorer(seed=1)
    latent = np.zeros(2, np.float32)
    for rewards in ([1e300, 5.0, -1e300], [-1e9, 1e9, 1e18], [0.0], [1e308, 1e308, 1e308]):
        explorer.begin()
        total = 0.0
        for reward in rewards:
            action = explorer.action(total, latent)
            explorer.pressed(press() if action is None else action)
            total += reward
        explorer.finished(total)


@pytest.mark.parametrize(
    ("successes", "failures", "mean"), [(0, 0, 0.5), (1, 0, 2 / 3), (0, 2, 0.25)]
)
def test_an_arm_has_a_uniform_prior(successes: float, failures: float, mean: float) -> None:
    judged = Arm(successes, failures)
    assert judged.mean == pytest.approx(mean)
    draws = [judged.sample(np.random.default_rng(seed), 2.0) for seed in range(500)]
    expected = (1 + 2 * successes) / (2 + 2 * successes + 2 * failures)
    assert np.mean(draws) == pytest.approx(expected, abs=0.05)


def test_a_loop_is_cut_where_progress_speed_and_latent_return() -> None:
    standing = trajectory([0.0, *[100.0] * 60, 120.0, 140.0])
    cut = standing.part(0, len(standing), DEFAULT_SETTINGS)
    assert cut.progress[0] == 0.0 and cut.progress[-2:].tolist() == [120.0, 140.0]
    assert len(cut) < 10  # nearly all steps without movement were cut
    changing = np.arange(len(standing), dtype=np.float32)[:, None]
    moving = Trajectory(standing.progress, standing.speeds, changing, standing.actions)
    assert len(moving.part(0, len(moving), DEFAULT_SETTINGS)) == len(moving)
    assert moving.part(5, 9, DEFAULT_SETTINGS).latents.ravel().tolist() == [5, 6, 7, 8]


def nearest(
    known: TrajectoryArm, progress: float, speed: float, latent: list[float], expected: int
) -> int:
    z = np.array(latent, np.float32)
    return known.nearest_step(progress, speed, z, expected, DEFAULT_SETTINGS)


def test_a_trajectory_is_followed_by_progress_and_not_by_time() -> None:
    actions = [press("RIGHT", "B") if step == 10 else press("RIGHT") for step in range(20)]
    steps = trajectory(np.arange(0.0, 400.0, 20.0).tolist(), actions)
    known = TrajectoryArm(episode=0, trajectory=steps)
    jumped, expected = [], 0
    for place in np.arange(0.0, 240.0, 10.0):  # at half the speed
        step = nearest(known, float(place), 10.0, [0.0, 0.0], expected)
        expected = min(step + 1, len(known.trajectory) - 1)
        if known.trajectory.actions[step][0]:
            jumped.append(place)
    assert jumped and all(abs(place - 200.0) <= 10.0 for place in jumped)


def test_of_two_steps_with_equal_progress_the_one_with_the_similar_latent_is_followed() -> None:
    latents = np.repeat(np.array([[0.0, 0.0], [9.0, 0.0]], np.float32), 5, 0)
    places = np.full(10, 100.0)
    both = Trajectory(places, np.zeros(10), latents, np.zeros((10, 4), np.uint8))
    known = TrajectoryArm(episode=0, trajectory=both)
    assert nearest(known, 100.0, 0.0, [0.0, 0.0], 4) == 4
    assert nearest(known, 100.0, 0.0, [9.0, 0.0], 4) == 5


@pytest.mark.parametrize("macro_action", [delayed_jump, random_buttons, run_back_and_on])
def test_macro_actions_are_short_and_press_valid_buttons(
    macro_action: Callable[[np.random.Generator, ExplorerSettings], MacroAction],
) -> None:
    random = np.random.default_rng(1)
    for _ in range(200):
        steps = macro_action(random, DEFAULT_SETTINGS)
        assert 0 < len(steps) <= 170
        for action in steps:
            assert action is None or (action.shape == (4,) and action.max() <= 1)
            assert action is None or not (action[2] and action[3])  # never left and right at once


def test_running_back_and_on_starts_to_the_left() -> None:
    steps = run_back_and_on(np.random.default_rng(1), DEFAULT_SETTINGS)[::-1]
    assert steps[0] is not None and steps[0][2] and not steps[0][3]
    assert steps[-1] is not None and steps[-1][3] and not steps[-1][2]
