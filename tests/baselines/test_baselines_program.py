"""Baselines through the socket press the same buttons as without it."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import Any

import pytest

from agent.errors import UserError
from arena.evaluation.agents import BASELINES
from arena.server.monitor import Monitor
from baselines import __main__ as program
from baselines.__main__ import BaselineOptions
from benchmarks.scores.baseline_plays import BudgetSpentError, CountedEnv
from tests.helpers.served_game import CountingEnv, Running

BUDGET_STEPS = 300


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    monkeypatch.setattr(sys, "argv", ["baselines", *arguments])
    program.main()


@pytest.mark.parametrize("name", BASELINES)
def test_the_socket_changes_nothing(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    served = Running(tmp_path / "sock", timesteps=BUDGET_STEPS)
    (_, baseline) = BASELINES[name][0].split()
    budget = ["--budget-steps", str(BUDGET_STEPS)]
    run(monkeypatch, baseline, "--socket-dir", str(tmp_path / "sock"), "--seed", "5", *budget)
    assert served.result().timesteps == BUDGET_STEPS

    alone: Any = CountingEnv()
    counted = CountedEnv(alone, Monitor(None), BUDGET_STEPS)
    with contextlib.suppress(BudgetSpentError):
        program.play(BaselineOptions(baseline, budget_steps=BUDGET_STEPS, seed=5), counted)
    assert served.env.actions == alone.actions
    assert len(alone.actions) == BUDGET_STEPS * 4 // 5


def test_mistakes_give_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match="invalid choice: 'jerkk'"):
        run(monkeypatch, "jerkk")
    with pytest.raises(UserError, match="--seed.* is 0"):
        run(monkeypatch, "jerk", "--seed", "0")
