"""The memory of a level: what got past a place is found again, and nothing else is disturbed."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from agent.buttons import press
from agent.explore.archive import Arm, Passage, Way
from agent.explore.explorer import (
    HOPE,
    LONGEST_PASSAGE,
    PASSAGES_KEPT,
    STRETCH,
    STUCK_STEPS,
    Retrace,
    Venture,
)
from agent.explore.macro_actions import Plan, burst, leap, retreat

STEP = 20.0
END = 3000.0
AIRBORNE_STEPS = 4
MAX_STEPS = 400


class Walk:
    """A way of 3,000 points with pits that only who is in the air crosses, and a bonus at the end.

    Some steps slip, as the contest's sticky frames do: they go half as far.
    """

    def __init__(self, pits: tuple[float, ...], seed: int) -> None:
        self._pits = pits
        self._random = np.random.default_rng(seed)

    def play(
        self, retrace: Retrace | None, controller: Callable[[float], NDArray[np.uint8]]
    ) -> float:
        """One episode; returns the sum of the rewards."""
        place, air, total = 0.0, 0, 0.0
        if retrace is not None:
            retrace.begin()
        for _ in range(MAX_STEPS):
            latent = np.array([place / 100, air], np.float32)
            action = retrace.action(total, latent) if retrace is not None else None
            if action is None:
                action = controller(place)
            if retrace is not None:
                retrace.pressed(action)
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
        if retrace is not None:
            retrace.finished(total)
        return total


def run_right(place: float) -> NDArray[np.uint8]:
    return press("RIGHT")


def test_it_finds_a_way_over_pits_that_the_controller_never_jumps() -> None:
    alone = Walk((600.0, 1500.0, 2300.0), seed=1)
    assert max(alone.play(None, run_right) for _ in range(20)) < 640
    walk, retrace = Walk((600.0, 1500.0, 2300.0), seed=1), Retrace(seed=1)
    returns = [walk.play(retrace, run_right) for _ in range(150)]
    assert max(returns) > END  # the end, and its bonus
    assert min(returns[-100:]) > END  # found again, episode after episode


def test_it_leaves_a_controller_that_needs_no_help_alone() -> None:
    walk, retrace = Walk((), seed=2), Retrace(seed=2)
    assert all(walk.play(retrace, run_right) >= END + 500 for _ in range(50))


def test_the_same_seed_plays_the_same() -> None:
    played = []
    for _ in range(2):
        walk, retrace = Walk((600.0, 1500.0), seed=3), Retrace(seed=7)
        played.append([walk.play(retrace, run_right) for _ in range(30)])
    assert played[0] == played[1]


def test_it_says_how_far_an_episode_went_on_passages_alone() -> None:
    walk, retrace, returned = Walk((600.0, 1500.0), seed=1), Retrace(seed=1), []
    for _ in range(60):
        walk.play(retrace, run_right)
        returned.append(retrace.returned_to)
    assert returned[0] == 0.0  # none was known
    assert max(returned) > 1500.0


def test_who_stands_still_is_given_up_and_rescued() -> None:
    retrace, pressed = Retrace(seed=1), []
    latent = np.zeros(2, np.float32)
    for _ in range(20 * STUCK_STEPS):
        action = retrace.action(0.0, latent)
        pressed.append(action)
        retrace.pressed(np.zeros(4, np.uint8) if action is None else action)
    assert any(action is not None and action[2] for action in pressed)  # it tries to go back
    retrace.finished(0.0)  # an episode without any progress is no harm


def way(places: list[float], actions: list[NDArray[np.uint8]] | None = None) -> Way:
    """Steps at these places, each with the speed that led there and the same z."""
    place = np.array(places)
    pressed = np.array(actions if actions else [press("RIGHT")] * len(places))
    latents = np.zeros((len(places), 2), np.float32)
    return Way(place, np.diff(place, prepend=place[0]), latents, pressed)


def test_a_proven_trail_is_not_left() -> None:
    retrace = Retrace(seed=1)
    other = Passage(50.0, 0.0, trail=1, way=way([1000.0]))
    same = Passage(1.0, 0.0, trail=2, way=way([1000.0]))
    retrace._stretches[4].passages = [Passage(9.0, 0.0, trail=2, way=way([800.0]))]
    retrace._stretches[5].passages = [other, same]
    retrace._stretches[4].controller.failed = retrace._stretches[4].leap.failed = 1e9
    retrace._stretches[4].burst.failed = 1e9
    retrace._enter(4)
    assert all(retrace._choose(5) is same for _ in range(50))
    same.failed = 4.0  # no longer
    assert sum(retrace._choose(5) is other for _ in range(50)) > 40


def test_who_explores_leaves_the_passages_at_the_known_ways_end() -> None:
    retrace = Retrace(seed=1)
    for stretch in (3, 4, 5):
        retrace._stretches[stretch].passages = [Passage(99.0, 0.0, trail=1, way=way([0.0]))]
    retrace._ends.append(4)
    retrace._play.explore_from = 4
    assert isinstance(retrace._choose(3), Passage) and isinstance(retrace._choose(5), Passage)
    assert not any(isinstance(retrace._choose(4), Passage) for _ in range(50))


def test_only_the_most_reliable_passages_of_a_stretch_are_kept() -> None:
    walk, retrace = Walk((600.0, 700.0, 800.0), seed=5), Retrace(seed=5)
    for _ in range(200):
        walk.play(retrace, run_right)
    kept = [stretch.passages for stretch in retrace._stretches.values()]
    assert 0 < max(map(len, kept)) <= PASSAGES_KEPT
    assert all(len(one.way) <= LONGEST_PASSAGE for passages in kept for one in passages)


def test_a_venture_goes_on_while_it_gains_and_hope_lasts() -> None:
    random, venture = np.random.default_rng(1), Venture()
    assert venture.pays(random)
    venture.balance -= HOPE
    assert sum(venture.pays(random) for _ in range(1000)) < 100  # curiosity only
    venture.balance += 1.0
    assert venture.pays(random)


def test_rewards_of_any_size_are_no_harm() -> None:
    retrace = Retrace(seed=1)
    latent = np.zeros(2, np.float32)
    for rewards in ([1e300, 5.0, -1e300], [-1e9, 1e9, 1e18], [0.0], [1e308, 1e308, 1e308]):
        retrace.begin()
        total = 0.0
        for reward in rewards:
            action = retrace.action(total, latent)
            retrace.pressed(press() if action is None else action)
            total += reward
        retrace.finished(total)
    assert len(retrace._stretches) < 20


@pytest.mark.parametrize(("worked", "failed", "mean"), [(0, 0, 0.5), (1, 0, 2 / 3), (0, 2, 0.25)])
def test_an_arm_is_judged_from_a_uniform_prior(worked: float, failed: float, mean: float) -> None:
    arm = Arm(worked, failed)
    assert arm.mean == pytest.approx(mean)
    draws = [arm.draw(np.random.default_rng(seed)) for seed in range(500)]
    expected = (1 + 2 * worked) / (2 + 2 * worked + 2 * failed)
    assert np.mean(draws) == pytest.approx(expected, abs=0.05)


def test_a_circle_is_cut_where_place_speed_and_picture_come_back() -> None:
    standing = way([0.0, *[100.0] * 60, 120.0, 140.0])
    cut = standing.part(0, len(standing))
    assert cut.places[0] == 0.0 and cut.places[-2:].tolist() == [120.0, 140.0]
    assert len(cut) < 10  # nearly all of the standing is gone
    changing = np.arange(len(standing), dtype=np.float32)[:, None]
    moving = Way(standing.places, standing.speeds, changing, standing.actions)
    assert len(moving.part(0, len(moving))) == len(moving)
    assert moving.part(5, 9).latents.ravel().tolist() == [5, 6, 7, 8]


def test_a_passage_is_followed_by_place_and_not_by_time() -> None:
    actions = [press("RIGHT", "B") if step == 10 else press("RIGHT") for step in range(20)]
    known = Passage(trail=0, way=way(np.arange(0.0, 400.0, 20.0).tolist(), actions))
    jumped, due = [], 0
    for place in np.arange(0.0, STRETCH + 40, 10.0):  # at half the speed
        step = known.look_up(float(place), 10.0, np.zeros(2, np.float32), due)
        due = min(step + 1, len(known.way) - 1)
        if known.way.actions[step][0]:
            jumped.append(place)
    assert jumped and all(abs(place - 200.0) <= 10.0 for place in jumped)


def test_of_two_steps_at_a_place_the_one_that_looks_alike_is_followed() -> None:
    latents = np.repeat(np.array([[0.0, 0.0], [9.0, 0.0]], np.float32), 5, 0)
    places = np.full(10, 100.0)
    both = Way(places, np.zeros(10), latents, np.zeros((10, 4), np.uint8))
    known = Passage(trail=0, way=both)
    assert known.look_up(100.0, 0.0, np.array([0.0, 0.0], np.float32), 4) == 4
    assert known.look_up(100.0, 0.0, np.array([9.0, 0.0], np.float32), 4) == 5


@pytest.mark.parametrize("plan", [leap, burst, retreat])
def test_plans_are_short_and_made_of_buttons(plan: Callable[[np.random.Generator], Plan]) -> None:
    random = np.random.default_rng(1)
    for _ in range(200):
        steps = plan(random)
        assert 0 < len(steps) <= 170
        for action in steps:
            assert action is None or (action.shape == (4,) and action.max() <= 1)
            assert action is None or not (action[2] and action[3])  # never left and right at once


def test_a_retreat_goes_back_before_it_goes_on() -> None:
    steps = retreat(np.random.default_rng(1))[::-1]
    assert steps[0] is not None and steps[0][2] and not steps[0][3]
    assert steps[-1] is not None and steps[-1][3] and not steps[-1][2]
