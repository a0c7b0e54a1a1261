"""One policy on the emulator gets one score, however it is connected.

As an agent of 2018, by name, and as a Python function or object.
"""

from __future__ import annotations

import csv
import json
import re
import subprocess
import sys
import types
from pathlib import Path

import numpy as np
import pytest

import local_eval
from agent.errors import UserError
from arena import evaluate
from arena.evaluation.python_evaluation import COLUMNS, Evaluation
from arena.evaluation.score import read_monitor
from baselines.simple_agents import Buttons
from tests.helpers.agent_programs import script

ROOT = Path(__file__).parents[2]
LEVEL = "Airstriker-Genesis-v0:Level1"
BUDGET_STEPS = 1500
SEED = 4

AGENT_OF_2018 = """
import random
import gym_remote.client as grc
import gym_remote.exceptions as gre

def main():
    print('connecting to remote environment')
    env = grc.RemoteEnv('tmp/sock')
    env.reset()
    random.seed(7)
    while True:
        action = env.action_space.sample() * 0
        action[0] = random.random() < 0.5
        ob, reward, done, _ = env.step(action)
        if done:
            print('episode complete')
            env.reset()

if __name__ == '__main__':
    try:
        main()
    except gre.GymRemoteError as e:
        print('exception', e)
"""
# As OpenAI's JERK does: it imports gym, which is not installed here, and wraps the environment.
SAMPLING_AGENT_OF_2018 = """
import gym
import gym_remote.client as grc
import gym_remote.exceptions as gre

class Tracked(gym.Wrapper):
    def step(self, action):
        return self.env.step(action.copy())

try:
    env = Tracked(grc.RemoteEnv('tmp/sock'))
    while True:
        env.reset()
        while not env.step(env.action_space.sample())[2]:
            pass
except gre.GymRemoteError as e:
    print('exception', e)
"""


def press_sometimes() -> object:
    import random

    generator = random.Random(7)
    return lambda frame: [generator.random() < 0.5] + [False] * 11


class Shooter:
    """The same policy, as an object; a level starts with a new one."""

    def __init__(self) -> None:
        self.policy = press_sometimes()
        self.episodes = 0

    def reset(self) -> None:
        self.episodes += 1

    def act(self, frame: np.ndarray) -> Buttons:
        assert frame.shape == (224, 320, 3) and self.episodes >= 1
        return self.policy(frame)  # type: ignore[operator, no-any-return]


class Player:
    """The same policy, which steps the environment itself."""

    def play(self, env: object) -> None:
        policy = press_sometimes()
        while True:
            frame, done = env.reset(), False  # type: ignore[attr-defined]
            while not done:
                frame, _, done, _ = env.step(policy(frame))  # type: ignore


class Sampler:
    """The policy of SAMPLING_AGENT_OF_2018."""

    def play(self, env: object) -> None:
        while True:
            env.reset()  # type: ignore[attr-defined]
            while not env.step(env.action_space.sample())[2]:  # type: ignore[attr-defined]
                pass


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PYTHONPATH", raising=False)
    return tmp_path


def command_line(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> list[float]:
    options = ["--levels", LEVEL, "--budget-steps", str(BUDGET_STEPS), "--seed", str(SEED)]
    argv = ["local_eval.py", "run", *arguments, *options, "--no-report", "--out", "run"]
    monkeypatch.setattr(sys, "argv", argv)
    assert local_eval.main() == 0
    (monitor,) = Path("run").rglob("monitor.csv")
    return [row.episode_return for row in read_monitor(monitor)]


def from_python(player: object, **more: object) -> Evaluation:
    return evaluate(player, LEVEL, budget_steps=BUDGET_STEPS, seed=SEED, **more)  # type: ignore


def test_an_agent_of_2018_runs_unchanged_and_scores_what_the_same_policy_does(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # agent.py is what OpenAI's guide called it, and the name of this project's package.
    script(folder, "agent.py", AGENT_OF_2018)
    old = command_line(monkeypatch, "--agent-command", f"{sys.executable} agent.py")
    assert len(old) >= 2
    evaluation = from_python(press_sometimes())
    assert evaluation.returns == {LEVEL: old}
    assert evaluation.score == pytest.approx(np.mean(old))
    stdout = next(Path("run").rglob("agent-stdout.txt")).read_text()
    assert stdout.startswith("connecting to remote environment\nepisode complete\n")
    assert "\nexception" in stdout


def test_functions_classes_and_objects_score_the_same() -> None:
    returns = from_python(press_sometimes()).returns
    assert from_python(Shooter).returns == returns
    assert from_python(Player()).returns == returns


def test_the_seed_reaches_an_agent_that_samples_actions(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script(folder, "sampler.py", SAMPLING_AGENT_OF_2018)
    returns = command_line(monkeypatch, "--agent-command", f"{sys.executable} sampler.py")
    assert from_python(Sampler).returns == {LEVEL: returns}
    stdout = next(Path("run").rglob("agent-stdout.txt")).read_text()
    assert stdout == "exception the budget of timesteps is used up\n"


def test_a_named_agent_scores_the_same_from_python(monkeypatch: pytest.MonkeyPatch) -> None:
    returns = command_line(monkeypatch, "--agent", "random")
    assert len(returns) >= 2
    evaluation = from_python("random")
    assert evaluation.returns == {LEVEL: returns}
    run = json.loads((evaluation.folder / "run.json").read_text())
    assert run["settings"]["agent"] == {
        **{"kind": "baseline", "baseline": "random", "seed": SEED},
        "lock_in_score": None,
    }


def test_results_are_a_table_csv_json_and_a_data_frame(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    evaluation = from_python(press_sometimes(), out="mine")
    assert evaluation.folder == Path("mine")
    assert "mean score" in str(evaluation) and "Level1" in repr(evaluation)
    shown = str(evaluation)
    monkeypatch.setattr("rich.console._is_jupyter", lambda: True)  # as in a notebook
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert str(evaluation) == shown and capsys.readouterr().out == ""
    text = evaluation.to_csv(folder / "scores.csv")
    assert (folder / "scores.csv").read_text() == text
    (row,) = csv.DictReader(text.splitlines())
    assert row["level"] == LEVEL and float(row["score"]) == evaluation.score
    assert evaluation.interval is not None and float(row["low"]) == evaluation.interval[0]
    assert json.loads(evaluation.to_json()) == json.loads(Path("mine/results.json").read_text())

    frames = types.SimpleNamespace(DataFrame=lambda rows, columns: (rows, columns))
    monkeypatch.setitem(sys.modules, "pandas", frames)
    assert evaluation.to_pandas() == (evaluation.rows(), list(COLUMNS))
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(UserError, match="pip install pandas"):
        evaluation.to_pandas()

    with pytest.raises(UserError, match="mine contains a run already"):
        from_python(press_sometimes(), out="mine")


def test_an_error_of_the_agent_is_raised() -> None:
    def broken(frame: np.ndarray) -> list[int]:
        raise KeyError("a fault of the agent")

    with pytest.raises(KeyError, match="a fault of the agent"):
        from_python(broken)
    with pytest.raises(ValueError, match=r"expected \(12,\)"):
        from_python(lambda frame: [1])


def test_mistakes_leave_nothing_behind(folder: Path) -> None:
    agents = {3: "can't play", dict: "can't play", "jerkk": "there is no agent 'jerkk'"}
    for player, problem in agents.items():
        with pytest.raises(UserError, match=problem):
            from_python(player)
    with pytest.raises(UserError, match="--budget-steps is 0"):
        evaluate("jerk", LEVEL, budget_steps=0)
    with pytest.raises(UserError, match="airstriker"):
        evaluate("jerk", "airstrikr")
    assert list(folder.iterdir()) == []


def test_a_file_that_hides_the_package_agent_is_named(folder: Path) -> None:
    script(folder, "agent.py", AGENT_OF_2018)
    command = [sys.executable, "-c", "from arena import evaluate"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.stderr.splitlines()[-1].startswith(f"ImportError: {folder}/agent.py hides this")


def test_the_page_shows_the_example_and_python_that_runs(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = (ROOT / "docs" / "write-your-own-agent.md").read_text(encoding="utf-8")
    example, from_python = re.findall("```python\n(.*?)```", page, re.DOTALL)
    assert example == (ROOT / "examples" / "agent.py").read_text(encoding="utf-8")
    frames = types.SimpleNamespace(DataFrame=lambda rows, columns: rows)
    monkeypatch.setitem(sys.modules, "pandas", frames)
    values: dict[str, object] = {}
    exec(from_python.replace("5000", "2000"), values)
    assert isinstance(values["results"], Evaluation)
    assert {"runs", "scores.csv", "scores.json"} == {path.name for path in folder.iterdir()}
