"""Baselines press the same buttons through the socket as without it; those that learn do learn."""

from __future__ import annotations

import contextlib
import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agent.command_line import extras
from agent.errors import UserError
from arena.evaluation import shipped_weights
from arena.evaluation.agents import AgentError, AgentOptions
from arena.evaluation.baseline_agents import ARGUMENTS, BASELINES, LEARNING, BaselineAgent
from arena.server.monitor import Monitor
from baselines.jerk import Jerk
from baselines.jerk_mutating import JerkMutating
from baselines.simple_agents import hold_right, play_policy, random_buttons
from tests.helpers import small_joint_world_model
from tests.helpers.counted_env import BudgetSpentError, CountedEnv
from tests.helpers.ppo2_weights import write_random_weights
from tests.helpers.served_game import CountingEnv, Running
from tests.helpers.small_joint_world_model import save_small_weights

BUDGET_STEPS = 300
PLAYS: dict[str, Callable[[Any], None]] = {
    "random": lambda env: play_policy(random_buttons, env, 5),
    "right": lambda env: play_policy(hold_right, env, 5),
    "jerk": lambda env: Jerk(env, BUDGET_STEPS, 5).run(),
    "jerk_mutating": lambda env: JerkMutating(env, BUDGET_STEPS, 5).run(),
}


def run(monkeypatch: pytest.MonkeyPatch, name: str, *arguments: str) -> None:
    monkeypatch.setattr(sys, "argv", [name, *arguments])
    importlib.import_module(f"baselines.{name}").main()


def test_every_baseline_is_a_program() -> None:
    assert set(PLAYS) | set(LEARNING) | set(ARGUMENTS) == set(BASELINES)
    assert {argv[0] for argv in ARGUMENTS.values()} <= set(LEARNING)


@pytest.mark.parametrize("name", PLAYS)
def test_the_socket_changes_nothing(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = Running(tmp_path / "sock", timesteps=BUDGET_STEPS)
    budget = ["--budget-steps", str(BUDGET_STEPS)]
    run(monkeypatch, name, "--socket-dir", str(tmp_path / "sock"), "--seed", "5", *budget)
    assert served.result().timesteps == BUDGET_STEPS

    alone: Any = CountingEnv()
    with contextlib.suppress(BudgetSpentError):
        PLAYS[name](CountedEnv(alone, Monitor(None), BUDGET_STEPS))
    assert served.env.actions == alone.actions
    assert len(alone.actions) == BUDGET_STEPS * 4 // 5


@pytest.mark.parametrize("name", LEARNING)
def test_a_learning_agent_updates_and_plays_the_whole_budget(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    served = Running(tmp_path / "sock", timesteps=120)
    sizes = ["--rollout-steps", "32", "--minibatches", "2", "--epochs", "1"]
    if name == "rainbow":
        sizes = ["--learning-starts", "50", "--batch", "4", "--target-steps", "60"]
    if name == "joint_world_model":
        weights = save_small_weights(tmp_path / "small.safetensors")
        sizes = [*small_joint_world_model.ARGUMENTS, "--weights", str(weights)]
    if name in ("hybrid", "es"):
        sizes = ["--weights", str(write_random_weights(tmp_path / "w.safetensors"))]
        sizes += [] if name == "hybrid" else ["--pairs", "2", "--sigma", "1"]
    run(monkeypatch, name, "--socket-dir", str(tmp_path / "sock"), *sizes, "--budget-steps", "120")
    assert served.result().timesteps == 120
    assert len({bytes(action) for action in served.env.actions}) > 2
    said = capsys.readouterr().err
    assert "does not learn" not in said
    assert name != "es" or said.count("event=generation") == 6  # 24 episodes of 4 steps


@pytest.mark.parametrize("name", ["hybrid", "es"])
def test_an_agent_that_needs_pretrained_weights_says_so(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shipped_weights, "FOLDER", tmp_path)
    Running(tmp_path / "sock", timesteps=40)
    said = "no weights at .*ppo2.safetensors.*pretrain ppo2"
    with pytest.raises(UserError, match=said):
        run(monkeypatch, name, "--socket-dir", str(tmp_path / "sock"))
    agent = BaselineAgent(name, AgentOptions(100, None, None))
    with pytest.raises(UserError, match=said):
        agent.check()
    write_random_weights(tmp_path / "ppo2.safetensors")
    agent.check()
    assert len(agent.describe()["weights"]) == 64


def test_a_budget_shorter_than_a_generation_is_said_and_played(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    served = Running(tmp_path / "sock", timesteps=15)
    weights = write_random_weights(tmp_path / "w.safetensors")
    to_play = ["--weights", str(weights), "--budget-steps", "15"]
    run(monkeypatch, "es", "--socket-dir", str(tmp_path / "sock"), *to_play)
    assert served.result().timesteps == 15
    said = capsys.readouterr().err
    assert "8 episodes takes up to 36,008 timesteps" in said and "event=generation" not in said


@pytest.mark.parametrize(("name", "first"), [("ppo2", "4,096"), ("rainbow", "20,000")])
def test_a_budget_shorter_than_an_update_is_said_and_played(
    name: str,
    first: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    served = Running(tmp_path / "sock", timesteps=40)
    run(monkeypatch, name, "--socket-dir", str(tmp_path / "sock"), "--budget-steps", "40")
    assert served.result().timesteps == 40
    said = capsys.readouterr().err
    assert first in said and "does not learn" in said


def test_mistakes_give_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="--seed.* is 0"):
        run(monkeypatch, "jerk", "--seed", "0")
    with pytest.raises(AgentError, match="'jerkk'.*jerk_mutating"):
        BaselineAgent("jerkk", AgentOptions(100, None, None)).check()
    Running(tmp_path / "sock", timesteps=40)
    with pytest.raises(UserError, match="rollout_steps is 33.*8 minibatches"):
        run(
            monkeypatch,
            "ppo2",
            *("--socket-dir", str(tmp_path / "sock"), "--rollout-steps", "33"),
        )


def test_a_learning_agent_without_its_packages_names_the_extra(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(extras, "_is_installed", lambda package: package != "stable-baselines3")
    with pytest.raises(UserError, match=r"stable-baselines3.*\[baselines\]"):
        BaselineAgent("ppo2", AgentOptions(100, None, None)).check()
