"""JERK and the simple policies on a corridor: which buttons they press, and what JERK repeats."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest
from numpy.typing import NDArray

from baselines.jerk import EXPLOIT, LEFT_STEPS, RIGHT_STEPS, Jerk
from baselines.simple_agents import DOWN, LEFT, POLICIES, RIGHT, B, Buttons, run_and_jump


class Corridor:
    """x grows with RIGHT up to a wall; an episode ends at its far end or after some steps."""

    def __init__(self, wall: int = 10_000, length: int = 400) -> None:
        self.wall, self.length = wall, length
        self.played: list[list[Buttons]] = []

    def reset(self) -> NDArray[np.uint8]:
        self.x, self.steps = 0, 0
        self.played.append([])
        return np.zeros((1, 1, 3), np.uint8)

    def step(self, buttons: Buttons) -> tuple[NDArray[np.uint8], float, bool, object]:
        self.played[-1].append(buttons)
        before = self.x
        self.x = min(max(self.x + int(buttons[RIGHT]) - int(buttons[LEFT]), 0), self.wall)
        self.steps += 1
        return np.zeros((1, 1, 3), np.uint8), self.x - before, self.steps == self.length, {}


def test_it_runs_right_and_turns_left_only_without_gain() -> None:
    free, blocked = Corridor(), Corridor(wall=100)
    Jerk(free, 300, 1).run()
    Jerk(blocked, 300, 1).run()
    assert all(action[RIGHT] and not action[LEFT] for action in free.played[0])
    directions = [bool(action[LEFT]) for action in blocked.played[0]]
    start = 2 * RIGHT_STEPS  # the first hundred gained, the second did not
    assert not any(directions[:start])
    assert all(directions[start : start + LEFT_STEPS])
    assert not any(directions[start + LEFT_STEPS :])


def test_its_jumps_last_four_steps_and_begin_by_chance() -> None:
    jumps = [bool(a[B]) for a in islice(run_and_jump(np.random.default_rng(2)), 4000)]
    lengths = np.diff(np.flatnonzero(np.diff(np.pad(np.array(jumps, int), 1))))[::2]
    assert set(lengths[:-1] % 4) == {0}
    assert sum(jumps) / len(jumps) == pytest.approx(0.4 / 1.3, abs=0.03)


def test_it_repeats_the_best_sequence_up_to_its_best_point_and_then_waits() -> None:
    corridor = Corridor(wall=150)
    jerk = Jerk(corridor, 20_000, 3)
    jerk.run()
    repeated = [p for p in corridor.played if len(p) == 400 and not p[-1].any()]
    assert repeated
    for actions in repeated:
        end = next(i for i, action in enumerate(actions) if not action.any())
        assert not any(action.any() for action in actions[end:])
    share = len(repeated) / len(jerk.returns)
    assert EXPLOIT - 0.15 < share < EXPLOIT + 0.2
    assert max(jerk.returns) == 150 and len(jerk.returns) >= 45


def test_the_budget_counts_resets() -> None:
    corridor = Corridor(length=50)
    jerk = Jerk(corridor, 510, 1)
    jerk.run()
    assert jerk.steps == 510 == sum(map(len, corridor.played)) + len(corridor.played)


def test_the_same_seed_plays_the_same() -> None:
    first, second, other = Corridor(150), Corridor(150), Corridor(150)
    for corridor, seed in ((first, 1), (second, 1), (other, 2)):
        Jerk(corridor, 900, seed).run()
    assert np.array_equal(np.concatenate(first.played), np.concatenate(second.played))
    assert not np.array_equal(np.concatenate(first.played), np.concatenate(other.played))


@pytest.mark.parametrize("name", POLICIES)
def test_policies_press_only_what_an_agent_may(name: str) -> None:
    actions = np.array(list(islice(POLICIES[name](np.random.default_rng(1)), 200)))
    pressed = np.flatnonzero(actions.any(axis=0))
    assert set(pressed) <= {B, DOWN, LEFT, RIGHT} and RIGHT in pressed
