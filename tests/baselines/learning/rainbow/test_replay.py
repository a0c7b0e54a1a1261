"""The replay: n-step returns across episode ends, stacks of frames, exact probabilities."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from baselines.learning.rainbow.replay import Batch, Replay
from baselines.learning.rainbow.sum_tree import SumTree

RANDOM = np.random.default_rng(1)


def made(capacity: int = 100, **changes: Any) -> Replay:
    settings = {"n_steps": 3, "discount": 0.5, "exponent": 0.5, "correction": 0.4, "minimum": 0.1}
    return Replay(capacity, 2, **{**settings, **changes})


def frame(number: int) -> np.ndarray:
    return np.full((2, 2), number, np.uint8)


def by_action(replay: Replay, draws: int = 60) -> dict[int, Any]:
    """Draw many transitions: action -> (return, discount, frames before, frames after)."""
    found = {}
    for _ in range(draws):
        batch = replay.sample(8, RANDOM)
        for row in range(8):
            found[int(batch.actions[row])] = (
                float(batch.returns[row]),
                float(batch.discounts[row]),
                batch.frames[row, :, 0, 0].tolist(),
                batch.next_frames[row, :, 0, 0].tolist(),
            )
    return found


def play(replay: Replay, first: int, rewards: list[float], end: str) -> None:
    """Play an episode whose frames and actions are `first`, `first` + 1, ..."""
    for step, reward in enumerate(rewards):
        last = step == len(rewards) - 1
        replay.add(frame(first + step), first + step, reward, last and end == "game")
    if end == "limit":
        replay.cut(frame(first + len(rewards)))


def test_returns_sum_three_rewards_and_stop_where_the_game_ends() -> None:
    replay = made()
    play(replay, 10, [1.0, 2.0, 4.0, 8.0, 16.0], "game")
    play(replay, 20, [100.0] * 4, "")
    drawn = by_action(replay)
    assert set(drawn) == {10, 11, 12, 13, 14, 20}  # 21 to 23 wait for later rewards
    assert drawn[10][:2] == (1 + 1 + 1, 0.125)
    assert drawn[11][:2] == (2 + 2 + 2, 0.125)
    assert drawn[12][:2] == (4 + 4 + 4, 0.0)  # the game ended after the third reward
    assert drawn[13][:2] == (8 + 8, 0.0)
    assert drawn[14][:2] == (16, 0.0)


def test_a_cut_episode_bootstraps_from_its_last_frame() -> None:
    replay = made()
    play(replay, 10, [1.0, 2.0, 4.0, 8.0], "limit")
    play(replay, 20, [100.0] * 4, "")
    drawn = by_action(replay)
    assert drawn[10][:2] == (3.0, 0.125) and drawn[10][3] == [10, 11, 12, 13]
    assert drawn[12][:2] == (4 + 4, 0.25) and drawn[12][3] == [11, 12, 13, 14]
    assert drawn[13][:2] == (8, 0.5) and drawn[13][3] == [11, 12, 13, 14]


def test_stacks_never_cross_the_start_of_an_episode() -> None:
    replay = made()
    play(replay, 10, [0.0] * 4, "game")
    play(replay, 20, [0.0] * 6, "game")
    drawn = by_action(replay)
    assert drawn[20][2] == [20] * 4 and drawn[22][2] == [20, 20, 21, 22]
    assert drawn[24][2] == [21, 22, 23, 24]


def test_a_full_ring_gives_only_transitions_that_are_whole() -> None:
    replay = made(capacity=16)
    play(replay, 0, [0.0] * 40, "")
    assert len(replay) == 16
    drawn = by_action(replay)
    # 24 to 39 are stored; 24 to 26 have lost frames of their stacks, 37 to 39 wait.
    assert set(drawn) <= set(range(27, 37)) and len(drawn) >= 9
    assert all(before == list(range(a - 3, a + 1)) for a, (_, _, before, _) in drawn.items())
    assert all(after == list(range(a, a + 4)) for a, (_, _, _, after) in drawn.items())


def test_priorities_are_drawn_in_exact_proportion_and_weighted_against_it() -> None:
    replay = made(exponent=1.0, correction=1.0)
    play(replay, 0, [0.0] * 4, "game")
    replay.update(np.arange(4), np.array([0.9, 1.9, 2.9, 3.9], np.float32))
    batch = replay.sample(10_000, RANDOM)
    counts = np.bincount(batch.actions, minlength=4)
    assert counts.tolist() == pytest.approx([1000, 2000, 3000, 4000], abs=2)  # one per part
    weight = {int(a): float(w) for a, w in zip(batch.actions, batch.weights, strict=True)}
    assert weight == pytest.approx({0: 1.0, 1: 1 / 2, 2: 1 / 3, 3: 1 / 4})


def test_new_transitions_get_the_highest_priority() -> None:
    replay = made(exponent=1.0)
    play(replay, 0, [0.0] * 2, "game")
    replay.update(np.arange(2), np.array([4.9, 0.9], np.float32))
    play(replay, 2, [0.0], "game")
    counts = np.bincount(sampled(replay).actions, minlength=3) / 11_000
    assert counts.tolist() == pytest.approx([5 / 11, 1 / 11, 5 / 11], abs=1e-3)


def sampled(replay: Replay) -> Batch:
    return replay.sample(11_000, RANDOM)


def test_the_sum_tree_keeps_its_sums_and_never_draws_a_zero() -> None:
    tree = SumTree(37)
    priorities = RANDOM.random(37) * (RANDOM.random(37) < 0.5)
    tree.set(np.arange(37), priorities)
    tree.set([3, 3, 5], [0.0, 0.0, 2.0])
    priorities[[3, 5]] = 0.0, 2.0
    assert tree.total == pytest.approx(priorities.sum())
    assert tree.priorities(np.arange(37)).tolist() == priorities.tolist()
    drawn = np.bincount(tree.sample(100_000, RANDOM), minlength=37)
    assert not drawn[priorities == 0].any()
    assert drawn / 100_000 == pytest.approx(priorities / priorities.sum(), abs=1e-4)
