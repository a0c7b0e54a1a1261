"""The lock-in rules: one episode at a time, and a batch of budgets compared with single ones."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from agent.command_line import parse
from agent.lock_in.best_of import BestOf
from agent.lock_in.choose import Choice, LockIn, make_rule
from agent.lock_in.first_above import FirstAbove
from agent.lock_in.record_candidates import RecordCandidates
from agent.settings import Settings

NAN = float("nan")
RULES = {
    "first-above": FirstAbove(1000.0),
    "best-of": BestOf(5),
    "record": RecordCandidates(3),
}


def follow(rule: Any, returns: list[float]) -> list[Choice]:
    """The choices before each of these episodes, and the one after the last."""
    lock_in = LockIn(rule)
    choices = [lock_in.choice]
    for episode_return in returns:
        lock_in.finished(episode_return)
        choices.append(lock_in.choice)
    return choices


def candidates(rule: Any, returns: list[float]) -> list[int]:
    return [choice.candidate for choice in follow(rule, returns)]


def test_first_above_locks_in_the_first_return_above_and_keeps_it() -> None:
    choices = follow(FirstAbove(2000), [1999.9, 2000.0, 2000.1, -50.0, 9000.0])
    assert [choice.candidate for choice in choices] == [0, 1, 2, 2, 2, 2]
    assert [choice.locked for choice in choices] == [False, False, False, True, True, True]


def test_best_of_returns_to_the_best_and_keeps_it() -> None:
    choices = follow(BestOf(3), [5, 9, 7, 0, 100])
    assert [choice.candidate for choice in choices] == [0, 1, 2, 1, 1, 1]
    assert [choice.locked for choice in choices] == [False] * 3 + [True] * 3
    assert candidates(BestOf(1), [5, 0]) == [0, 0, 0]


def test_recording_plays_each_candidate_repeatedly_and_never_locks_in() -> None:
    choices = follow(RecordCandidates(2), [1, 99999, 3, 4, 5])
    assert [choice.candidate for choice in choices] == [0, 0, 1, 1, 2, 2]
    assert not any(choice.locked for choice in choices)


def test_a_return_that_is_nan_is_never_good() -> None:
    assert not any(choice.locked for choice in follow(FirstAbove(1000.0), [NAN] * 6))
    assert candidates(BestOf(3), [NAN, 4, NAN, 0])[-1] == 1


@pytest.mark.parametrize("name", RULES)
def test_a_batch_of_budgets_gives_the_choices_of_single_budgets(name: str) -> None:
    rule: Any = RULES[name]
    random = np.random.default_rng(3)
    returns = random.gamma(2.0, 400.0, (60, 7))
    returns[random.random(returns.shape) < 0.05] = np.nan
    batch = rule.initial_state(7)
    singles = [LockIn(rule) for _ in range(7)]
    for row in returns:
        batch = rule.update(batch, row)
        for single, value in zip(singles, row, strict=True):
            single.finished(float(value))
        assert batch.candidate.tolist() == [single.choice.candidate for single in singles]
        assert batch.locked.tolist() == [single.choice.locked for single in singles]
    selected = batch.select(np.array([4, 2]))
    assert selected.candidate.tolist() == batch.candidate[[4, 2]].tolist()


@pytest.mark.parametrize("name", RULES)
def test_a_rule_leaves_the_state_it_is_given_unchanged(name: str) -> None:
    rule: Any = RULES[name]
    state = rule.initial_state(3)
    for _ in range(8):
        before = {key: value.copy() for key, value in vars(state).items()}
        after = rule.update(state, np.array([500.0, 1500.0, 900.0]))
        assert all(np.array_equal(getattr(state, key), value) for key, value in before.items())
        state = after


def test_the_settings_choose_the_rule() -> None:
    def rule(*argv: str) -> Any:
        return make_rule(parse(Settings, argv, environment={}))

    assert rule() == FirstAbove(2000.0)
    assert rule("--lock-in-score", "7") == FirstAbove(7.0)
    assert rule("--lock-in-rule", "best-of", "--lock-in-candidates", "9") == BestOf(9)
    assert rule("--repeats", "4", "--lock-in-rule", "best-of") == RecordCandidates(4)
