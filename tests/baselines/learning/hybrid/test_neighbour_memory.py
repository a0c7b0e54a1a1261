"""The memory finds the nearest frames, also among copies, and takes the best of their actions."""

from __future__ import annotations

import signal
import threading

import numpy as np
import pytest

from baselines.learning.hybrid.neighbour_memory import NeighbourMemory
from baselines.simple_agents import DOWN, LEFT, RIGHT, B, press

ACTIONS = np.array([press(RIGHT), press(RIGHT, B), press(LEFT), press(DOWN)])


def filled(features: np.ndarray, values: np.ndarray, chunk: int = 50) -> NeighbourMemory:
    memory = NeighbourMemory(features.shape[1])
    actions = ACTIONS[np.arange(len(values)) % 4]
    for start in range(0, len(values), chunk):
        part = slice(start, start + chunk)
        memory.add(features[part], actions[part], values[part])
    return memory


def walk(steps: int) -> np.ndarray:
    """Features of frames along a level: neighbours in time are alike."""
    random = np.random.default_rng(1)
    places = np.cumsum(random.standard_normal((steps, 8)), 0)
    return np.maximum(places @ random.standard_normal((8, 512)), 0).astype(np.float32)


def test_it_finds_nearly_all_of_the_nearest_frames() -> None:
    features = walk(3000)
    memory = filled(features, np.zeros(3000))
    shares = []
    for frame in range(0, 3000, 60):
        distance = ((features - features[frame]) ** 2).sum(1)
        nearest = set(np.argsort(distance)[:100].tolist())
        found = memory.nearest(features[frame], 100)
        assert found == sorted(found) and len(set(found)) == 100
        shares.append(len(nearest & set(found)) / 100)
    assert np.mean(shares) > 0.95


def test_the_best_of_the_nearest_decides_not_the_best_of_all() -> None:
    features = np.zeros((6, 4), np.float32)
    features[:, 0] = [0, 1, 2, 100, 101, 102]
    values = np.array([3, 5, 4, 9, 8, 7])
    memory = filled(features, values)
    assert memory.nearest(features[1], 3) == [0, 1, 2]
    assert memory.best_action(features[2], 3).tolist() == ACTIONS[1].tolist()
    assert memory.best_action(features[5], 3).tolist() == ACTIONS[3].tolist()
    assert memory.best_action(features[5], 1).tolist() == ACTIONS[5 % 4].tolist()
    assert memory.best_action(features[0], 100).tolist() == ACTIONS[3].tolist()


def test_equal_frames_are_stored_once_with_their_best_action() -> None:
    # Each episode begins with the same frames.
    others = walk(300)
    features = np.concatenate([others[:150], np.repeat(others[:1], 2000, 0), others[150:]])
    values = np.zeros(2300)
    values[[0, 1001, 1502]] = 3, 7, 5
    memory = filled(features, values)
    assert len(memory) == 300
    assert memory.best_action(others[0], 1).tolist() == ACTIONS[1001 % 4].tolist()
    for frame in (50, 149, 200, 299):
        assert frame in memory.nearest(others[frame], 100)


def test_values_of_shapes_that_do_not_match_are_a_bug() -> None:
    with pytest.raises(AssertionError):
        NeighbourMemory(4).add(np.zeros((2, 4), np.float32), ACTIONS[:1], np.zeros(2))


def test_ctrl_c_ends_a_search_and_an_addition() -> None:
    features = walk(2000)
    memory = filled(features, np.zeros(2000))
    zeros = np.zeros(2000)
    for call in (
        lambda: memory.nearest(features[0], 2000),
        lambda: memory.add(features + len(memory), ACTIONS[[0] * 2000], zeros),
    ):
        timer = threading.Timer(0.1, signal.raise_signal, [signal.SIGINT])
        timer.start()
        with pytest.raises(KeyboardInterrupt):
            while True:
                call()
        timer.join()
