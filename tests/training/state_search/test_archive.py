"""The archive: which cell is chosen with which probability, and what a checkpoint restores."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest

from training.state_search.archive import NO_ACTION, NO_NODE, Archive, Cell
from training.state_search.state_env import REPEATED


def cell(name: bytes, progress: float, steps: int = 10, node: int = NO_NODE) -> Cell:
    return Cell(name, b"state " + name, node, steps, progress, (1, 2))


def test_far_and_seldom_tried_cells_are_chosen_with_the_exact_probability() -> None:
    archive = Archive()
    for name, progress in ((b"start", 0.0), (b"far", 900.0), (b"middle", 400.0)):
        archive.put(cell(name, progress))
    weights = np.array([math.exp(-0.02), 1.0, math.exp(-0.01)]) + 0.02
    assert archive.probabilities() == pytest.approx(weights / weights.sum())
    random = np.random.default_rng(1)
    tried = Counter(archive.choose(random).key for _ in range(3000))
    assert sum(tried.values()) == 3000 and set(tried) == {b"start", b"far", b"middle"}
    weights /= 1 + np.array([tried[b"start"], tried[b"far"], tried[b"middle"]])
    assert archive.probabilities() == pytest.approx(weights / weights.sum())
    # The tries balance the weights: cells of nearly equal weights are tried about equally often.
    assert max(tried.values()) - min(tried.values()) < 100


def test_draws_follow_the_probabilities() -> None:
    expected, counts = np.zeros(0), np.zeros(300)
    for seed in range(2000):
        archive = Archive()
        for index in range(300):
            archive.put(cell(str(index).encode(), float(index)))
        expected = archive.probabilities()
        counts[int(archive.choose(np.random.default_rng(seed)).key)] += 1
        if seed == 0:  # 299 is the farthest, and 0 the 299th from it
            ratio = (1 + 0.02) / (math.exp(-2.99) + 0.02)
            assert expected[299] / expected[0] == pytest.approx(ratio)
    far = expected[200:].sum()
    deviation = math.sqrt(far * (1 - far) / 2000)
    assert counts[200:].sum() / 2000 == pytest.approx(far, abs=4 * deviation)


def test_of_equally_far_cells_the_newer_one_counts_as_farther() -> None:
    archive = Archive()
    archive.put(cell(b"older", 5.0))
    archive.put(cell(b"newer", 5.0))
    older, newer = archive.probabilities()
    assert newer / older == pytest.approx(1.02 / (math.exp(-0.01) + 0.02))


def test_a_shorter_trajectory_replaces_a_cell_and_its_tries() -> None:
    archive = Archive()
    archive.put(cell(b"a", 100.0, steps=20))
    archive.choose(np.random.default_rng(1))
    assert archive.is_better(b"b", 1000) and archive.is_better(b"a", 17)
    assert not archive.is_better(b"a", 18)
    archive.put(cell(b"a", 90.0, steps=17))
    assert len(archive) == 1 and archive.cells[0].steps == 17
    assert archive.to_arrays()["tries"].tolist() == [0.0]


def test_trajectories_are_joined_from_the_start() -> None:
    archive = Archive()
    first = archive.add_node(NO_NODE, bytes([1, 2]))
    second = archive.add_node(first, bytes([3, 4 + REPEATED]))
    archive.add_node(first, bytes([9]))
    assert archive.trajectory(second) == bytes([1, 2, 3, 4 + REPEATED])
    assert archive.trajectory(NO_NODE) == b""
    assert archive.last_action(second) == 4 and archive.last_action(NO_NODE) == NO_ACTION


def test_the_farthest_of_equally_far_cells_is_the_one_that_was_survived_longest() -> None:
    archive = Archive()
    for name, progress, steps in ((b"a", 1.0, 90), (b"b", 2.0, 10), (b"c", 2.0, 30)):
        archive.put(cell(name, progress, steps))
    assert archive.farthest().key == b"c"


def test_arrays_restore_the_archive() -> None:
    archive, random = Archive(), np.random.default_rng(3)
    node = NO_NODE
    for index in range(1500):  # more than the arrays have room for at first
        node = archive.add_node(node if index % 3 else NO_NODE, bytes([index % 16]))
        archive.put(cell(str(index).encode(), float(index % 70), steps=index, node=node))
        archive.choose(random)
    restored = Archive.from_arrays(archive.to_arrays())
    assert restored.cells == archive.cells
    assert restored.trajectory(node) == archive.trajectory(node)
    np.testing.assert_array_equal(restored.probabilities(), archive.probabilities())
    assert not restored.is_better(b"7", 6) and restored.is_better(b"7", 4)
