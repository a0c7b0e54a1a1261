"""The lock-in rules, one episode at a time, and many budgets at once like one at a time."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from agent.command_line import parse
from agent.lock_in.best_of import BestOf
from agent.lock_in.choose import Choice, LockIn, rule_of
from agent.lock_in.first_above import FirstAbove
from agent.lock_in.k_of_n import KOfN
from agent.lock_in.optimal import Optimal, Prior
from agent.lock_in.survey import Survey
from agent.lock_in.watched import Watched
from agent.settings import Settings

NAN = float("nan")
RULES = {
    "first-above": FirstAbove(1000.0),
    "k-of-n": KOfN(900.0, 2, 3),
    "best-of": BestOf(5),
    "watched": Watched(1000.0, 3, 0.5),
    "optimal": Optimal(20_000),
    "optimal with a prior": Optimal(20_000, Prior(800.0, 300.0, 200.0)),
    "survey": Survey(3),
}


def follow(rule: Any, returns: list[float]) -> list[Choice]:
    """The choices before each of these episodes, and the one after the last."""
    lock_in = LockIn(rule)
    choices = [lock_in.choice]
    for episode_return in returns:
        lock_in.finished(episode_return, 100)
        choices.append(lock_in.choice)
    return choices


def candidates(rule: Any, returns: list[float]) -> list[int]:
    return [choice.candidate for choice in follow(rule, returns)]


def test_first_above_locks_on_the_first_return_above_and_stays() -> None:
    choices = follow(FirstAbove(2000), [1999.9, 2000.0, 2000.1, -50.0, 9000.0])
    assert [choice.candidate for choice in choices] == [0, 1, 2, 2, 2, 2]
    assert [choice.locked for choice in choices] == [False, False, False, True, True, True]


def test_k_of_n_drops_a_candidate_as_soon_as_it_cannot_reach_k() -> None:
    rule = KOfN(100, successes=2, tries=3)
    assert candidates(rule, [200, 0, 0]) == [0, 0, 0, 1]  # one of three
    assert candidates(rule, [0, 0, 200]) == [0, 0, 1, 1]  # out after two failures
    choices = follow(rule, [0, 200, 200, 0, 0, 0])
    assert [choice.candidate for choice in choices] == [0] * 7
    assert [choice.locked for choice in choices] == [False] * 3 + [True] * 4


def test_best_of_goes_back_to_the_best_and_stays() -> None:
    choices = follow(BestOf(3), [5, 9, 7, 0, 100])
    assert [choice.candidate for choice in choices] == [0, 1, 2, 1, 1, 1]
    assert [choice.locked for choice in choices] == [False] * 3 + [True] * 3
    assert candidates(BestOf(1), [5, 0]) == [0, 0, 0]


def test_watched_unlocks_a_fluke_and_keeps_what_is_good_on_the_whole() -> None:
    rule = Watched(1000, watch=2, keep=0.5)
    assert candidates(rule, [1500, 400, 400, 0]) == [0, 0, 0, 1, 2]
    choices = follow(rule, [1500, 900, 900, 0, 300])  # mean since the lock: 525
    assert [choice.candidate for choice in choices] == [0] * 6
    assert candidates(rule, [1500, 900, 900, 0, 300, 300]) == [0] * 6 + [1]  # now 480
    assert candidates(Watched(-100, 1, 0.5), [-50, -140, -200]) == [0, 0, 0, 1]  # bound -150


def test_a_survey_plays_each_so_many_times_and_locks_never() -> None:
    choices = follow(Survey(2), [1, 99999, 3, 4, 5])
    assert [choice.candidate for choice in choices] == [0, 0, 1, 1, 2, 2]
    assert not any(choice.locked for choice in choices)


@pytest.mark.parametrize("name", ["first-above", "k-of-n", "watched"])
def test_nan_never_locks(name: str) -> None:
    assert not any(choice.locked for choice in follow(RULES[name], [NAN] * 6))


def test_nan_neither_wins_nor_poisons_the_rest() -> None:
    assert candidates(BestOf(3), [NAN, 4, NAN, 0])[-1] == 1
    choices = follow(Optimal(1000), [NAN, 10, 900, NAN, 20, 15, 12])
    assert choices[-1] == Choice(2, locked=True)  # 1,000 timesteps are nearly gone


def test_optimal_explores_early_and_exploits_late() -> None:
    returns = [float(value) for value in np.random.default_rng(1).normal(1000, 200, 60)]
    long, short = follow(Optimal(1_000_000), returns), follow(Optimal(2_000), returns[:19])
    drawn_of_long = sum(not choice.locked for choice in long)
    drawn_of_short = sum(not choice.locked for choice in short)
    assert drawn_of_long > drawn_of_short >= 5
    assert short[-1].locked
    before = returns[: short[-1].candidate + 1]
    assert returns[short[-1].candidate] >= max(before[:5])


def test_optimal_goes_to_the_next_best_when_the_best_was_luck() -> None:
    lock_in = LockIn(Optimal(6_300))  # seven episodes: too few to go on drawing after five
    for episode_return in (900.0, 1000.0, 1100.0, 1200.0, 1800.0):
        assert not lock_in.choice.locked
        lock_in.finished(episode_return, 900)
    assert lock_in.choice == Choice(4, locked=True)
    lock_in.finished(-1000.0, 900)
    assert lock_in.choice == Choice(3, locked=True)


def test_optimal_settles_where_all_candidates_are_alike() -> None:
    assert follow(Optimal(100_000), [7.0] * 6)[-1].locked


@pytest.mark.parametrize("name", RULES)
def test_many_budgets_at_once_are_followed_like_one_at_a_time(name: str) -> None:
    rule: Any = RULES[name]
    random = np.random.default_rng(3)
    returns = random.gamma(2.0, 400.0, (60, 7))
    returns[random.random(returns.shape) < 0.05] = np.nan
    timesteps = random.integers(50, 400, returns.shape).astype(np.float64)
    lanes = rule.start(7)
    ones = [LockIn(rule) for _ in range(7)]
    for row, used in zip(returns, timesteps, strict=True):
        lanes = rule.after(lanes, row, used)
        for one, value, steps in zip(ones, row, used, strict=True):
            one.finished(float(value), int(steps))
        assert lanes.candidate.tolist() == [one.choice.candidate for one in ones]
        assert lanes.locked.tolist() == [one.choice.locked for one in ones]
    assert rule.after(lanes, row, used).take(np.array([4, 2])).candidate.shape == (2,)


@pytest.mark.parametrize("name", RULES)
def test_a_rule_changes_no_state_it_is_given(name: str) -> None:
    rule: Any = RULES[name]
    lanes = rule.start(3)
    for _ in range(8):
        before = {key: value.copy() for key, value in vars(lanes).items()}
        after = rule.after(lanes, np.array([500.0, 1500.0, 900.0]), np.full(3, 100.0))
        assert all(np.array_equal(getattr(lanes, key), value) for key, value in before.items())
        lanes = after


def test_settings_name_the_rule() -> None:
    def named(*argv: str) -> Any:
        return rule_of(parse(Settings, argv, environment={}))

    assert named() == FirstAbove(2000.0)
    assert named("--lock-in-rule", "k-of-n", "--lock-in-score", "7") == KOfN(7.0, 2, 3)
    assert named("--lock-in-rule", "best-of", "--lock-in-candidates", "9") == BestOf(9)
    assert named("--lock-in-rule", "watched", "--lock-in-watch", "4") == Watched(2000.0, 4, 0.5)
    assert named("--lock-in-rule", "optimal") == Optimal(1_000_000)
    prior = ["--lock-in-prior-mean=1", "--lock-in-prior-spread=2", "--lock-in-prior-luck=3"]
    budget = ["--lock-in-rule", "optimal", "--budget-steps", "5000", *prior]
    assert named(*budget) == Optimal(5000, Prior(1.0, 2.0, 3.0))
    assert named("--repeats", "4", "--lock-in-rule", "optimal") == Survey(4)
