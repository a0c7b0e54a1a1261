"""What goes wrong while a learning agent plays gives one line, and nothing is claimed."""

from __future__ import annotations

import importlib
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from agent.command_line import extras
from agent.errors import UserError
from arena.evaluation.agents import AgentOptions
from arena.evaluation.baseline_agents import LEARNING, BaselineAgent
from tests.helpers.ppo2_weights import write_random_weights
from tests.helpers.served_game import CountingEnv, Running
from tests.helpers.small_joint_world_model import small_model

ROOT = Path(__file__).parents[2]
USE_PPO2 = ("hybrid", "es")
UPDATE_EARLY = {
    "rainbow": ["--learning-starts", "20", "--batch", "4"],
    "ppo": ["--rollout-steps", "16", "--minibatches", "2", "--epochs", "1"],
    "hybrid": [],
    "es": ["--pairs", "1"],
}


class NineButtons(CountingEnv):
    n_buttons = 9


class HugeReward(CountingEnv):
    def step(self, buttons: np.ndarray) -> tuple[np.ndarray, float, bool, dict[str, int]]:
        frame, _, done, info = super().step(buttons)
        return frame, 1e38, done, info


def early(name: str) -> list[str]:
    return UPDATE_EARLY.get(name, UPDATE_EARLY["ppo"])


def needed(name: str, folder: Path) -> list[str]:
    """Return arguments without which an agent doesn't play."""
    if name in USE_PPO2:
        return ["--weights", str(write_random_weights(folder / "ppo2.safetensors"))]
    return small_model(folder) if name == "joint_world_model" else []


def play(
    monkeypatch: pytest.MonkeyPatch, name: str, socket_dir: Path, steps: int, *arguments: str
) -> None:
    common = ["--socket-dir", str(socket_dir), "--budget-steps", str(steps)]
    common += needed(name, socket_dir.parent)
    monkeypatch.setattr(sys, "argv", [name, *common, *arguments])
    importlib.import_module(f"baselines.{name}").main()


@pytest.mark.parametrize("name", LEARNING)
def test_a_missing_extra_is_named_before_the_play(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extras, "_is_installed", lambda package: package != "stable-baselines3")
    with pytest.raises(UserError, match=r"stable-baselines3.*\[baselines\]"):
        BaselineAgent(name, AgentOptions(100, None, None)).check()


@pytest.mark.parametrize("name", LEARNING)
def test_missing_and_foreign_weights_are_refused(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    foreign = tmp_path / "foreign.safetensors"
    save_file({"weight": torch.zeros(3)}, foreign)
    for file, problem in (
        (tmp_path / "missing.safetensors", "no weights at .*missing.safetensors.*pretrain"),
        (foreign, "foreign.safetensors belong to another network"),
    ):
        served = Running(tmp_path / "sock", timesteps=40)
        with pytest.raises(UserError, match=problem):
            play(monkeypatch, name, tmp_path / "sock", 40, "--weights", str(file))
        assert served.result().timesteps == 0


@pytest.mark.parametrize("name", LEARNING)
def test_a_game_with_other_buttons_is_refused(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = Running(tmp_path / "sock", NineButtons(), timesteps=40)
    with pytest.raises(UserError, match="the game has 9 buttons, and this agent needs the 12"):
        play(monkeypatch, name, tmp_path / "sock", 40)
    assert served.result().timesteps == 0


@pytest.mark.parametrize("name", [n for n in LEARNING if n not in USE_PPO2])
def test_a_budget_shorter_than_an_update_is_said_and_played(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    served = Running(tmp_path / "sock", timesteps=40)
    play(monkeypatch, name, tmp_path / "sock", 40)
    assert served.result().timesteps == 40
    said = capsys.readouterr().err
    (first,) = re.findall(r"(\d+,\d\d\d)", said)
    known = {"rainbow": "20,000", "ppo_course": "2,048", "a2c_course": "2,048"}
    assert first == known.get(name, "4,096") and "does not learn" in said


def test_a_budget_shorter_than_a_generation_is_said_and_played(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    served = Running(tmp_path / "sock", timesteps=40)
    play(monkeypatch, "es", tmp_path / "sock", 40)
    assert served.result().timesteps == 40
    # Four pairs of candidates, each an episode of 4,500 steps and its reset.
    assert re.search(
        r"36,008 timesteps.* the first generation may not end", capsys.readouterr().err
    )


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("name", [n for n in LEARNING if n not in ("rainbow", *USE_PPO2)])
def test_training_that_diverges_stops_with_one_line(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rainbow clips the return; tests of its learner and of its pretraining let it diverge."""
    served = Running(tmp_path / "sock", HugeReward(), timesteps=400)
    with pytest.raises(UserError, match="training diverged: .* lower --learning-rate"):
        play(monkeypatch, name, tmp_path / "sock", 400, *early(name))
    assert served.result().timesteps < 100


@pytest.mark.slow
@pytest.mark.parametrize("name", LEARNING)
def test_ctrl_c_ends_a_play_with_one_line(name: str, tmp_path: Path) -> None:
    served = Running(tmp_path / "sock", timesteps=10**6)
    command = [sys.executable, "-m", f"baselines.{name}", "--socket-dir", str(tmp_path / "sock")]
    process: Any = subprocess.Popen(
        [*command, *needed(name, tmp_path), *early(name)],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 120
    while len(served.env.actions) < 60:  # it has updated its network
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    *events, last = said.splitlines()
    assert (process.returncode, last) == (130, "interrupted")
    assert all(line.startswith("event=generation ") for line in events)
    served.result()
