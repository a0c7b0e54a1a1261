"""Pretraining as real processes: an interruption, two trainings in one folder, wrong levels."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from safetensors.torch import load_file

from agent.errors import UserError
from arena.environment.levels import select
from baselines import pretrain
from baselines.learning.ppo import joint_training
from baselines.learning.pretraining import CHECKPOINT
from baselines.learning.rainbow import training as rainbow_training
from tests.baselines.learning.test_contest_wrappers import Scripted

ROOT = Path(__file__).parents[2]
LEVEL = "PangolinDash-Genesis:MeadowZone.Act3"
# Runs a command with small updates, so that the first checkpoint comes early.
SMALL = """
import sys
from dataclasses import replace
from agent import command_line
from baselines import pretrain
from baselines.learning.rainbow import training as rainbow_training
rainbow_training.CHECKPOINT_STEPS = 100
for name, changes in (
    ("ppo2", {"rollout_steps": 64, "minibatches": 2}),
    ("aborghi", {"rollout_steps": 64, "minibatches": 2}),
    ("rainbow", {"learning_starts": 50, "batch": 4}),
):
    recipe = pretrain.AGENTS[name]
    pretrain.AGENTS[name] = replace(recipe, options=replace(recipe.options, **changes))
command_line.run(pretrain.main)
"""


def start(agent: str, out: Path, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", SMALL, agent, "--levels", LEVEL, "--out", str(out)]
    return subprocess.Popen(
        [*command, *arguments],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # a group of its own, as a shell gives it
    )


def wait_for_checkpoint(process: subprocess.Popen[str], out: Path) -> int:
    """Wait until some timesteps are stored; return their number."""
    deadline = time.monotonic() + 200
    while time.monotonic() < deadline and process.poll() is None:
        if (out / CHECKPOINT).exists():
            if steps := int(load_file(out / CHECKPOINT)["steps"]):
                return steps
        time.sleep(0.1)
    process.kill()
    raise AssertionError(process.communicate())


@pytest.mark.slow
@pytest.mark.parametrize("agent", ["ppo2", "aborghi", "rainbow"])
def test_ctrl_c_keeps_the_checkpoint_and_the_same_command_resumes(
    agent: str, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    process = start(agent, out, "--steps", "1000000")
    wait_for_checkpoint(process, out)
    second = start(agent, out, "--steps", "1000000")
    _, said = second.communicate(timeout=120)
    problem = f"{out} is in use by another process: wait, or give another --out"
    assert (second.returncode, said) == (2, f"error: {problem}\n")

    os.killpg(process.pid, signal.SIGINT)  # the terminal sends Ctrl-C to the whole group
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert said.splitlines()[-1] == f"interrupted: the same command resumes from {out}"
    assert "Traceback" not in said
    steps = int(load_file(out / CHECKPOINT)["steps"])
    assert steps > 0 and not (out / f"{agent}.safetensors").exists()

    process = start(agent, out, "--steps", str(steps + 1))
    printed, said = process.communicate(timeout=200)
    assert process.returncode == 0, said
    assert printed.split() == [str(out / f"{agent}.{ending}") for ending in ("safetensors", "md")]
    assert int(load_file(out / CHECKPOINT)["steps"]) > steps
    assert f"| levels | `{LEVEL}` (1, listed below) |" in (out / f"{agent}.md").read_text()


def arguments(monkeypatch: pytest.MonkeyPatch, agent: str, levels: str, out: Path) -> None:
    monkeypatch.setattr(sys, "argv", ["pretrain", agent, "--levels", levels, "--out", str(out)])


@pytest.mark.parametrize("agent", ["ppo2", "aborghi", "rainbow"])
@pytest.mark.parametrize(
    ("levels", "problem"),
    [(f"{LEVEL},sonic-train", "ROM"), ("nonsense", "nonsense")],
)
def test_levels_that_cannot_be_trained_on_leave_no_folder(
    agent: str, levels: str, problem: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments(monkeypatch, agent, levels, tmp_path / "run")
    with pytest.raises(UserError, match=problem):
        pretrain.main()
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("agent", ["ppo2", "aborghi", "rainbow"])
def test_a_game_with_other_buttons_is_refused(
    agent: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nine_buttons(levels: Sequence[object]) -> Scripted:
        return Scripted([0.0], n_buttons=9)

    for module in (joint_training, rainbow_training):
        monkeypatch.setattr(module, "LevelsEnv", nine_buttons)
    recipe = pretrain.AGENTS[agent]
    with pytest.raises(UserError, match="the game has 9 buttons"):
        recipe.load()(recipe.options, select(LEVEL), tmp_path, 100, 1, 1)
    assert not (tmp_path / f"{agent}.safetensors").exists()


def test_a_checkpoint_of_another_network_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / CHECKPOINT).write_bytes(b"no checkpoint")
    recipe = pretrain.AGENTS["rainbow"]
    with pytest.raises(UserError, match=f"{CHECKPOINT} can't be read"):
        recipe.load()(recipe.options, select(LEVEL), tmp_path, 100, 1, 1)
