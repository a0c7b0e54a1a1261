"""The Gymnasium environments: checkers, seeding, truncation, vector environments, mistakes."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from stable_baselines3.common import env_checker as sb3_checker

import arena  # noqa: F401  (registers the environments)
from agent.errors import UserError
from arena.environment.contest_env import ContestEnv, EmulatorError, EpisodeError
from arena.environment.gymnasium_env import LevelsEnv
from arena.environment.levels import select

RIGHT = np.eye(12, dtype=np.int8)[7]
PAGE = Path(__file__).parents[3] / "docs" / "gymnasium.md"
AIRSTRIKER = {"game": "Airstriker-Genesis-v0", "state": "Level1"}


@pytest.fixture
def make() -> Iterator[Any]:
    """Make environments, and close them at the end: a process has one emulator."""
    made: list[gym.Env[Any, Any]] = []

    def make_one(name: str = "PangolinDash-v0", **options: Any) -> gym.Env[Any, Any]:
        made.append(gym.make(name, **options))
        return made[-1]

    yield make_one
    for env in made:
        env.close()


def play(env: gym.Env[Any, Any], seed: int, steps: int = 30) -> list[Any]:
    """Hold RIGHT after a seeded reset; return the level, the rewards and the last frame."""
    _, info = env.reset(seed=seed)
    steps_played = [env.step(RIGHT) for _ in range(steps)]
    return [info["level"], [step[1] for step in steps_played], steps_played[-1][0].tobytes()]


# The checker can't make a second environment beside the first, because a process has one emulator.
@pytest.mark.filterwarnings("ignore:.*alternative render modes:UserWarning")
def test_gymnasiums_checker_accepts_the_environment() -> None:
    env = LevelsEnv(select("pangolin-validation"), render_mode="rgb_array")
    check_env(env)
    env.close()


def test_stable_baselines3s_checker_accepts_a_stack_of_frames(make: Any) -> None:
    env = make(frame_stack=4)
    sb3_checker.check_env(env)
    assert env.observation_space == gym.spaces.Box(0, 255, (4, 84, 84), np.uint8)


def test_steps_are_those_of_the_contest(make: Any) -> None:
    level = select("pangolin-validation")[0]
    env = make(levels=[level])
    env.reset(seed=5)
    rewards = [env.step(RIGHT)[1] for _ in range(60)]
    env.close()
    draws = gym.utils.seeding.np_random(5)[0]
    draws.integers(1)  # the level
    contest = ContestEnv(level, int(draws.integers(1 << 32)))
    contest.reset()
    assert [contest.step(RIGHT.astype(np.uint8))[1] for _ in range(60)] == rewards
    contest.close()


def test_a_seed_repeats_levels_and_sticky_actions(make: Any) -> None:
    env = make(levels="pangolin-train")
    first = play(env, seed=3)
    assert play(env, seed=3) == first
    assert len({play(env, seed, steps=1)[0] for seed in range(8)}) > 3


def test_a_reset_draws_another_level_and_options_name_one(make: Any) -> None:
    env = make(levels="pangolin-validation")
    drawn = {env.reset()[1]["level"] for _ in range(12)}
    assert len(drawn) > 3
    named = select("pangolin-validation")[4].name
    assert env.reset(options={"level": named})[1]["level"] == named
    with pytest.raises(UserError, match="NoZone"):
        env.reset(options={"level": "NoZone.Act1"})


def test_the_time_limit_truncates_and_the_game_terminates(make: Any) -> None:
    env = make(levels="PangolinDash-Genesis:MeadowZone.Act3", max_steps=5)
    env.reset(seed=1)
    ends = [env.step(RIGHT)[2:4] for _ in range(5)]
    assert ends == [(False, False)] * 4 + [(False, True)]
    env.close()
    env = make(levels="PangolinDash-Genesis:MeadowZone.Act3")
    env.reset(seed=1)
    while not any(end := env.step(RIGHT)[2:4]):
        pass
    assert end == (True, False)  # it runs into the first pit
    with pytest.raises(EpisodeError):
        env.unwrapped.step(RIGHT)


def test_render_returns_the_last_frame(make: Any) -> None:
    env = make(render_mode="rgb_array", frame_stack=2)
    env.reset(seed=1)
    env.step(RIGHT)
    frame = env.render()
    assert frame.shape == (224, 320, 3) and frame.dtype == np.uint8
    assert frame.std() > 10


@pytest.mark.parametrize(
    ("name", "options"),
    [("PangolinDash-v0", {"frame_stack": 4}), ("RetroContest-v0", AIRSTRIKER)],
)
def test_a_vector_environment_has_a_process_for_each_emulator(
    name: str, options: dict[str, Any]
) -> None:
    envs = gym.make_vec(name, num_envs=2, **options)
    frames, info = envs.reset(seed=3)
    assert frames.shape[0] == 2 and len(info["level"]) == 2
    frames, rewards, terminated, truncated, _ = envs.step(envs.action_space.sample())
    assert rewards.shape == terminated.shape == truncated.shape == (2,)
    envs.close()


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"levels": "no-such-set"}, "no-such-set"),
        ({"levels": []}, "levels"),
        ({"frame_stack": 0}, "frame_stack"),
        ({"stickiness": 1.5}, "stickiness"),
        ({"max_steps": 0}, "max_steps"),
        ({"render_mode": "ansi"}, "rgb_array"),
    ],
)
def test_a_mistake_is_named(make: Any, options: dict[str, Any], named: str) -> None:
    with pytest.raises(UserError, match=named):
        make(**options)


def test_a_second_environment_in_a_process_is_refused(make: Any) -> None:
    make()
    with pytest.raises(EmulatorError, match="multiple emulator instances"):
        make()


def test_the_levels_of_two_games_are_drawn(make: Any) -> None:
    airstriker = "Airstriker-Genesis-v0:Level1"
    env = make(levels=f"PangolinDash-Genesis:MeadowZone.Act3,{airstriker}")
    games = {env.reset(seed=seed)[1]["level"].split(":")[0] for seed in range(6)}
    assert games == {"PangolinDash-Genesis", "Airstriker-Genesis-v0"}


@pytest.mark.slow
def test_the_documented_example_trains_a_policy(tmp_path: Path) -> None:
    (example,) = re.findall(r"```python\n(import arena.*?)```", PAGE.read_text(), re.DOTALL)
    assert len(example.strip().splitlines()) <= 18
    short = example.replace("100_000", "128").replace("1024", "64")
    assert short != example
    script = tmp_path / "train.py"
    script.write_text(short)
    subprocess.run([sys.executable, script], cwd=tmp_path, check=True, timeout=250)
    assert (tmp_path / "ppo.zip").stat().st_size > 1000
