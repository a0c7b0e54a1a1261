"""The contest's score, computed from its monitor file, and the bootstrap interval."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from arena.evaluation.score import (
    MonitorRow,
    bootstrap_difference,
    bootstrap_interval,
    bootstrap_ratio,
    level_score,
    mean_score,
    read_monitor,
)


def test_rows_are_read_as_the_contest_wrote_them(tmp_path: Path) -> None:
    file = tmp_path / "monitor.csv"
    file.write_bytes(b"r,l,t\r\n12.5,300,1.25\r\n-3.0,4500,9\r\n")
    assert read_monitor(file) == [MonitorRow(12.5, 300, 1.25), MonitorRow(-3.0, 4500, 9.0)]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", 0),
        ("r,l", 0),
        ("r,l,t\n", 0),
        ("r,l,t\n1,2,3", 0),  # the server is writing this row
        ("r,l,t\n1,2,3\n4,", 1),
    ],
)
def test_only_whole_rows_of_an_unfinished_file_are_read(
    tmp_path: Path, content: str, expected: int
) -> None:
    file = tmp_path / "monitor.csv"
    file.write_text(content)
    assert len(read_monitor(file)) == expected


def test_a_missing_file_has_no_episodes(tmp_path: Path) -> None:
    assert read_monitor(tmp_path / "monitor.csv") == []


def test_a_level_without_a_finished_episode_has_no_score() -> None:
    assert level_score([]) is None
    assert level_score([0.0]) == 0.0


def test_the_mean_excludes_levels_without_a_score() -> None:
    assert mean_score([100.0, None, 300.0]) == 200.0
    assert mean_score([None]) is None


def test_the_interval_equals_the_normal_approximation() -> None:
    returns = np.random.default_rng(3).normal(50.0, 10.0, size=400)
    interval = bootstrap_interval([returns])
    assert interval is not None
    # The normal approximation of the mean's interval, which 400 samples justify.
    half = 1.96 * returns.std() / np.sqrt(len(returns))
    assert interval == pytest.approx((returns.mean() - half, returns.mean() + half), abs=0.15)


def test_levels_have_equal_weight_for_any_number_of_episodes() -> None:
    few, many = [10.0] * 2, [30.0] * 500
    # Two levels are drawn with replacement: both low, mixed (half of the time) or both high.
    assert bootstrap_interval([few, many]) == pytest.approx((10.0, 30.0))
    assert bootstrap_interval([few, many], confidence=0.4) == pytest.approx((20.0, 20.0))


def test_levels_are_resampled() -> None:
    scores = np.random.default_rng(4).normal(1000.0, 300.0, size=60)
    interval = bootstrap_interval([[score] * 3 for score in scores])
    assert interval is not None
    half = 1.96 * scores.std() / np.sqrt(len(scores))
    expected = (scores.mean() - half, scores.mean() + half)
    assert interval == pytest.approx(expected, abs=0.1 * half)


def test_the_interval_is_deterministic() -> None:
    assert bootstrap_interval([[1.0, 2.0, 5.0]]) == bootstrap_interval([[1.0, 2.0, 5.0]])


def test_one_episode_has_no_interval() -> None:
    assert bootstrap_interval([[1.0]]) is None
    assert bootstrap_interval([[1.0], [3.0]]) == (1.0, 3.0)
    assert bootstrap_interval([]) is None
    assert bootstrap_interval([[], [1.0, 1.0]]) == (1.0, 1.0)


def test_a_difference_pairs_the_levels() -> None:
    # The levels differ by thousands, the agents by 100 on each: only pairing shows this difference.
    base = np.random.default_rng(5).normal(3000.0, 2000.0, size=11)
    first = [[score, score] for score in base]
    second = [[score + 100.0] * 3 for score in base]
    assert bootstrap_difference(first, second) == pytest.approx((100.0, 100.0))
    assert bootstrap_difference(second, first) == pytest.approx((-100.0, -100.0))


def test_the_interval_of_a_difference_is_that_of_two_means() -> None:
    generator = np.random.default_rng(6)
    first, second = generator.normal(50.0, 10.0, 400), generator.normal(55.0, 20.0, 300)
    interval = bootstrap_difference([first], [second])
    assert interval is not None
    half = 1.96 * np.sqrt(first.var() / 400 + second.var() / 300)
    difference = second.mean() - first.mean()
    assert interval == pytest.approx((difference - half, difference + half), abs=0.25)


def test_a_difference_needs_levels_that_both_played() -> None:
    assert bootstrap_difference([[1.0], []], [[], [2.0]]) is None
    assert bootstrap_difference([[1.0]], [[3.0]]) is None
    assert bootstrap_difference([[1.0], [5.0]], [[3.0], []]) is None
    assert bootstrap_difference([[1.0, 1.0]], [[3.0]]) is None
    assert bootstrap_difference([[1.0, 1.0]], [[3.0, 3.0]]) == (2.0, 2.0)


def test_a_ratio_pairs_the_levels() -> None:
    base = np.random.default_rng(5).uniform(500.0, 5000.0, size=11)
    first = [[score, score] for score in base]
    second = [[1.5 * score] * 3 for score in base]
    assert bootstrap_ratio(first, second) == pytest.approx((1.5, 1.5))
    wider = bootstrap_ratio(first, [[score] for score in base + base[::-1]])
    assert wider is not None and wider[0] < 2.0 < wider[1]


def test_a_ratio_needs_a_positive_first_mean_and_some_variation() -> None:
    assert bootstrap_ratio([[0.0], [1.0]], [[1.0], [1.0]]) is None  # only zeros may be drawn
    assert bootstrap_ratio([[2.0]], [[3.0]]) is None
    assert bootstrap_ratio([[2.0, 2.0]], [[3.0]]) is None
    assert bootstrap_ratio([[2.0, 2.0]], [[3.0, 3.0]]) == (1.5, 1.5)
