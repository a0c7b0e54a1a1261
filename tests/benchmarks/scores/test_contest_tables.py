"""The tables of the contest's scores: means, intervals, ratios and ends of episodes."""

from __future__ import annotations

import pytest

from arena.evaluation.score import bootstrap_interval
from benchmarks.scores.contest_players import AGENTS, SHIPPED
from benchmarks.scores.contest_summary import (
    DIED,
    FINISHED,
    TIME,
    budget_of_ends,
    budgets,
    how_ended,
    not_measured,
    ratio,
    summarize,
    too_few_seeds,
)
from benchmarks.scores.contest_tables import by_level, markdown, table
from tests.helpers.contest_plays import JERK, LEVELS, add, opened


def words(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_a_score_is_the_mean_over_levels_of_the_mean_over_seeds() -> None:
    results = opened()
    add(results, JERK, [[[100.0, 300.0], [400.0]], [[1000.0]]])
    (row,) = summarize(results, 1000)
    assert row.scores == {LEVELS[0]: [200.0, 400.0], LEVELS[1]: [1000.0]}
    assert row.mean == pytest.approx((300.0 + 1000.0) / 2)
    assert row.interval == bootstrap_interval([[200.0, 400.0], [1000.0]])
    assert row.steps_per_second == pytest.approx(50)


def test_a_level_is_finished_if_any_episode_reached_its_end() -> None:
    results = opened()
    add(results, JERK, [[[8999.9], [100.0, 9000.5]], [[8000.0]]])
    (row,) = summarize(results, 1000)
    assert row.levels_finished == 1
    assert [how_ended(9400.0, 700), how_ended(800.0, 4500), how_ended(800.0, 4499)] == [
        FINISHED,
        TIME,
        DIED,
    ]


def test_the_ratio_is_paired_by_level_and_seed() -> None:
    results = opened()
    # The levels differ tenfold; on each, ours scores 1.5 times as much.
    add(results, JERK, [[[100.0], [200.0], [9999.0]], [[1000.0]]])
    add(results, SHIPPED, [[[150.0], [300.0]], [[1500.0]]])
    jerk, ours = summarize(results, 1000)
    found = ratio(jerk, ours)
    assert found is not None
    value, interval, levels = found
    assert value == pytest.approx(1.5) and levels == 2
    assert interval is not None and interval[0] < 1.5 < interval[1] < 3.1
    alike = opened()
    add(alike, JERK, [[[100.0]], [[1000.0]]])
    add(alike, SHIPPED, [[[150.0]], [[1500.0]]])
    assert ratio(*summarize(alike, 1000)) == (1.5, pytest.approx((1.5, 1.5)), 2)


def test_a_ratio_needs_common_plays_and_a_positive_first_score() -> None:
    results = opened()
    add(results, JERK, [[], [[0.0]]])
    add(results, SHIPPED, [[[5.0]]])
    jerk, ours = summarize(results, 1000)
    assert ratio(jerk, ours) is None
    add(results, SHIPPED, [[], [[5.0]]])
    assert ratio(*summarize(results, 1000)) is None
    assert "played no level with the same seed" in table(results, 1000)


def test_each_budget_has_its_own_table_with_a_title() -> None:
    results = opened()
    add(results, JERK, [[[100.0]], [[300.0]]])
    add(results, SHIPPED, [[[400.0]], [[]]])
    add(results, JERK, [[[1000.0], [1000.0]], [[3000.0], [3000.0]]], steps=20_000)
    add(results, JERK, [[[7000.0]]], steps=1_000_000)
    assert budgets(results) == [20_000, 1000, 1_000_000]
    first, second, third = (table(results, steps).splitlines() for steps in budgets(results))
    assert first[0] == "**20,000 timesteps a level, 2 levels, 2 seeds**"
    assert words(first[4])[:2] + words(first[4])[3:] == [
        *(JERK, "2,000"),
        *("0 of 2", "2 of 2", "2", "50"),
    ]
    assert second[0] == "**1,000 timesteps a level, 2 levels, 1 seed**"
    assert words(second[4])[1] == "200" and words(second[5])[4] == "1 of 2"
    assert "A mean over fewer levels can't be compared with the others." in second
    assert any(line.startswith(f"{SHIPPED} / {JERK}:") and "**4.00**" in line for line in second)
    assert any("model abcdef012345" in line for line in second)
    assert third[0] == "**1,000,000 timesteps a level, 1 level, 1 seed**"
    assert "7,000" in third[4] and words(third[4])[2] == "-"


def test_the_table_by_level_shows_how_our_episodes_end() -> None:
    results = opened()
    add(results, SHIPPED, [[[900.0, 1800.0], [9500.0]]])
    add(results, JERK, [[[500.0]]])
    lines = by_level(results, 1000).splitlines()
    row = next(line for line in lines if line.startswith("| MeadowZone.Act3"))
    assert words(row) == [
        *("MeadowZone.Act3", "5,425", "500", "43%", "100%", "3", "2", "0", "1", "-, -")
    ]
    assert "(results/pictures/ends_MeadowZone.png)" in by_level(results, 1000)
    # A larger budget takes its place once it has as many levels.
    assert budget_of_ends(opened()) is None
    add(results, JERK, [[[500.0]], [[500.0]]], steps=9000)
    assert budget_of_ends(results) == 1000
    add(results, SHIPPED, [[[500.0]]], steps=9000)
    assert budget_of_ends(results) == 9000


def test_agents_without_plays_are_named() -> None:
    results = opened()
    add(results, JERK, [[[500.0]], [[500.0]]])
    add(results, SHIPPED, [[[500.0]]])
    add(results, "ppo2", [[[500.0]]], steps=2000)
    missing = not_measured(results, 1000)
    assert missing == [agent for agent in AGENTS if agent not in (JERK, SHIPPED)]
    assert f"Not measured yet with 1,000 timesteps a level: {', '.join(missing)}." in (
        markdown(results).splitlines()
    )


def test_an_agent_close_to_ours_needs_three_seeds() -> None:
    results = opened()
    add(results, SHIPPED, [[[1300.0], [1300.0], [1300.0]]])
    add(results, JERK, [[[999.0]]])
    add(results, "ppo2", [[[1001.0]]])
    add(results, "rainbow", [[[1600.0], [1600.0], [1600.0]]])
    add(results, "aborghi", [[[1600.0], [1600.0]]])
    assert too_few_seeds(results, 1000) == ["ppo2", "aborghi"]
