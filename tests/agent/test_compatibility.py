"""The modules gym_remote and gym for agents of 2018: interface, errors, and an old Python."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

import agent.compatibility
from agent.compatibility import gym
from agent.compatibility.gym import spaces
from agent.compatibility.gym_remote import exceptions
from agent.compatibility.gym_remote.client import RemoteEnv
from tests.helpers.served_game import SHAPE, Running

FOLDER = Path(agent.compatibility.__file__).parent
SOURCES = sorted(FOLDER.rglob("*.py"))


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return tmp_path / "sock"


def test_an_agent_plays_until_the_budget_is_used(base: Path) -> None:
    running = Running(base, timesteps=8)
    env = RemoteEnv(str(base))
    assert (env.action_space.n, env.action_space.shape) == (12, (12,))
    assert env.observation_space.shape == SHAPE
    frame = env.reset()
    assert (frame.dtype, frame.shape, frame[0, 0, 0]) == (np.uint8, SHAPE, 1)
    button_0_and_7 = [1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0]
    kinds = (list, tuple, np.array, lambda values: np.array(values, bool))
    answers = [env.step(kind(button_0_and_7)) for kind in kinds]  # type: ignore[operator]
    assert [answer[1:] for answer in answers] == [(129.0, False, {})] * 3 + [(129.0, True, {})]
    assert [answer[0][0, 0, 0] for answer in answers] == [2, 3, 4, 5]  # copies, not the screen
    env.reset()
    env.step(env.action_space.sample())
    env.step(env.action_space.sample())
    with pytest.raises(exceptions.TimestepTimeoutError):
        env.step(env.action_space.sample())
    with pytest.raises(exceptions.GymRemoteError):  # it stays ended
        env.reset()
    assert running.result().timesteps == 8


def test_a_reset_in_mid_episode_is_refused(base: Path) -> None:
    running = Running(base)
    env = RemoteEnv(str(base))
    env.reset()
    env.step([0] * 12)
    with pytest.raises(exceptions.ResetError, match="mid-episode"):
        env.reset()
    with pytest.raises(exceptions.ResetError, match="refuses every request"):
        env.step([0] * 12)
    env.close()
    env.close()
    running.result()


@pytest.mark.parametrize("action", [None, 3, [1], [0] * 13])
def test_an_action_of_another_shape_is_refused(base: Path, action: object) -> None:
    Running(base)
    env = RemoteEnv(str(base))
    env.reset()
    with pytest.raises(ValueError, match=r"expected \(12,\)"):
        env.step(action)
    env.close()


def test_another_thread_can_end_the_wait_for_an_answer(base: Path) -> None:
    Running(base)
    env = RemoteEnv(str(base))
    errors: list[Exception] = []

    def wait() -> None:
        try:
            env._read()  # no request was sent, so there is no answer
        except exceptions.GymRemoteError as error:
            errors.append(error)

    thread = threading.Thread(target=wait)
    thread.start()
    env.close()
    thread.join(10)
    assert len(errors) == 1


def test_the_errors_have_the_bases_and_ids_of_openais() -> None:
    names = "GymRemoteError TimestepTimeoutError WallClockTimeoutError ClientDisconnectError"
    names += " ServerDisconnectError ResetError"
    for number, name in enumerate(names.split()):
        error = exceptions.make(number, "why")
        assert type(error) is getattr(exceptions, name)
        assert error.ID == number and "why" in str(error)
        assert isinstance(error, RuntimeError)
    assert issubclass(exceptions.TimestepTimeoutError, TimeoutError)
    assert issubclass(exceptions.WallClockTimeoutError, TimeoutError)
    assert issubclass(exceptions.ServerDisconnectError, BrokenPipeError)
    assert type(exceptions.make(99)) is exceptions.GymRemoteError


def test_random_actions_repeat_with_a_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SEED", raising=False)
    first, again = spaces.MultiBinary(12), spaces.MultiBinary(12)
    drawn = [first.sample() for _ in range(50)]
    assert [action.tolist() for action in drawn] == [again.sample().tolist() for _ in range(50)]
    assert all(action in first for action in drawn) and [2] * 12 not in first
    monkeypatch.setenv("SEED", "3")
    assert spaces.MultiBinary(12).sample().tolist() != drawn[0].tolist()
    box = spaces.Box(0, 255, (2, 3), np.uint8)
    assert (box.low.max(), box.high.min(), box.dtype) == (0, 255, np.uint8)
    assert np.zeros((2, 3)) in box and np.full((2, 3), 256) not in box and np.zeros(3) not in box
    few = spaces.Discrete(3)
    assert {few.sample() for _ in range(50)} == {0, 1, 2}
    assert 2 in few and 3 not in few and 0.5 not in few


class FewActions(gym.ActionWrapper):
    """As the contest's agents had one: an action is one of a few combinations of buttons."""

    def __init__(self, env: gym.Env) -> None:
        super().__init__(env)
        self.action_space = spaces.Discrete(2)

    def action(self, action: int) -> list[int]:
        return [0] * 7 + [action] + [0] * 4


class SmallRewards(gym.RewardWrapper):
    def reward(self, reward: float) -> float:
        return reward * 0.01


class FirstPixel(gym.ObservationWrapper):
    def observation(self, observation: np.ndarray) -> int:
        return int(observation[0, 0, 0])


def test_wrappers_change_actions_rewards_and_observations(base: Path) -> None:
    running = Running(base)
    inner = RemoteEnv(str(base))
    env = FirstPixel(SmallRewards(FewActions(inner)))
    assert env.unwrapped is inner and env.action_space.n == 2
    assert env.observation_space.shape == SHAPE
    assert env.reset() == 1
    assert env.step(1) == (2, 1.28, False, {})
    assert running.env.actions == [[7]]
    env.close()
    running.result()


# Runs `import gym` with the folder before a folder that is empty, or contains a gym.
WHICH_GYM = "import gym; from gym import spaces; print(gym.__file__, hasattr(spaces, 'REAL'))"


@pytest.mark.parametrize("installed", ["nothing", "a folder", "gym"])
def test_an_installed_gym_is_used(tmp_path: Path, installed: str) -> None:
    if installed != "nothing":
        (tmp_path / "gym").mkdir()
    if installed == "gym":
        (tmp_path / "gym" / "__init__.py").touch()
        (tmp_path / "gym" / "spaces.py").write_text("REAL = True")
    path = os.pathsep.join([str(FOLDER), str(tmp_path)])
    found = subprocess.run(
        [sys.executable, "-c", WHICH_GYM], capture_output=True, text=True, env={"PYTHONPATH": path}
    )
    is_real = installed == "gym"
    folder = tmp_path if is_real else FOLDER
    assert found.stdout.split() == [f"{folder}/gym/__init__.py", str(is_real)], found.stderr


@pytest.mark.parametrize("source", SOURCES, ids=[str(file.relative_to(FOLDER)) for file in SOURCES])
def test_it_runs_with_an_old_python_and_without_this_project(source: Path) -> None:
    """As in an environment with TensorFlow 1, where an agent may itself be called agent.py."""
    tree = ast.parse(source.read_text(encoding="utf-8"), feature_version=(3, 6))
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    names = {node.module or "" for node in imports if isinstance(node, ast.ImportFrom)}
    names |= {
        alias.name for node in imports if isinstance(node, ast.Import) for alias in node.names
    }
    assert not {name.partition(".")[0] for name in names} & {"agent", "arena", "__future__"}
