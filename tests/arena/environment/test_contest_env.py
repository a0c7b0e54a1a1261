"""The sticky frame skip on synthetic frames, and a level on the real emulator."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import stable_retro

from agent.errors import UserError
from arena.environment import levels
from arena.environment.contest_env import (
    ContestEnv,
    EmulatorError,
    EpisodeError,
    StickyActions,
    skip_frames,
)
from arena.environment.levels import Level

LEVEL = Level("Airstriker-Genesis-v0", "Level1", "scenario")


def held(actions: list[int], stickiness: float, seed: int, frame_skip: int = 4) -> list[list[int]]:
    """The action in each frame of each step."""
    sticky = StickyActions(stickiness, seed)
    steps = []
    for action in actions:
        frames: list[int] = []
        skip_frames(
            lambda a, frames=frames: (frames.append(int(a[0])) or 0.0, False),
            sticky,
            np.array([action]),
            frame_skip,
        )
        steps.append(frames)
    return steps


def contest_rule(actions: list[int], seed: int) -> list[list[int]]:
    """The contest's rule in another form: above 0.25 the action takes effect at once."""
    draws = np.random.RandomState(seed).rand(len(actions))
    steps = [[actions[0]] * 4]
    for before, now, draw in zip(actions, actions[1:], draws, strict=False):
        steps.append([now if draw > 0.25 else before, now, now, now])
    return steps


def test_the_rule_equals_the_contests() -> None:
    actions = list(range(2000))
    for seed in (0, 1, 77):
        assert held(actions, 0.25, seed) == contest_rule(actions, seed)


def test_a_quarter_of_the_actions_are_repeated_for_one_frame() -> None:
    steps = held(list(range(20_001)), 0.25, seed=3)
    assert steps[0] == [0, 0, 0, 0]  # after a reset there is no previous action
    assert all(step[1:] == [n] * 3 for n, step in enumerate(steps))
    stuck = sum(step[0] == n - 1 for n, step in enumerate(steps))
    assert abs(stuck / 20_000 - 0.25) < 0.012  # four standard deviations


def test_the_extremes_of_stickiness() -> None:
    assert held([1, 2, 3], 0.0, seed=1)[1:] == [[2] * 4, [3] * 4]
    assert held([1, 2, 3], 1.0, seed=1)[1:] == [[1, 2, 2, 2], [2, 3, 3, 3]]
    assert held([1, 2, 3], 1.0, seed=1, frame_skip=1) == [[1], [1], [2]]


def test_a_reset_clears_the_action_but_not_the_random_state() -> None:
    sticky = StickyActions(1.0, 1)
    assert sticky.first_frame(np.array([1]))[0] == 1
    assert sticky.first_frame(np.array([2]))[0] == 1
    sticky.reset()
    assert sticky.first_frame(np.array([3]))[0] == 3


def test_rewards_are_summed_and_done_stops_early() -> None:
    frames = iter([(1.0, False), (2.0, False), (4.0, True), (8.0, False)])
    sticky = StickyActions(0.25, 1)
    total = skip_frames(lambda action: next(frames), sticky, np.zeros(12, np.uint8), 4)
    assert total == (7.0, True)
    assert next(frames) == (8.0, False)  # not played


@pytest.fixture
def make() -> Iterator[type]:
    """Creates environments, and releases the process's only emulator between them."""
    made = []

    def make(level: Level = LEVEL, **options: object) -> ContestEnv:
        made.append(ContestEnv(level, **options))  # type: ignore[arg-type]
        return made[-1]

    yield make  # type: ignore[misc]
    for env in made:
        env.close()


def actions_of(seed: int, steps: int) -> np.ndarray:
    return np.random.RandomState(seed).randint(0, 2, (steps, 12)).astype(np.uint8)


def play(env: ContestEnv, actions: np.ndarray) -> list[tuple[float, bool, bytes]]:
    trace = [(0.0, False, env.reset().tobytes())]
    for action in actions:
        frame, reward, done, _ = env.step(action)
        trace.append((reward, done, frame.tobytes()))
        if done:
            trace.append((0.0, False, env.reset().tobytes()))
    return trace


def reference(actions: np.ndarray, seed: int) -> list[tuple[float, bool, bytes]]:
    """The same steps with stable-retro's own step, frame by frame."""
    env = stable_retro.make(LEVEL.game, LEVEL.state, scenario="scenario", render_mode="rgb_array")
    random = np.random.RandomState(seed)
    trace = [(0.0, False, env.reset()[0].tobytes())]
    before = None
    for action in actions:
        first = action if before is None or random.rand() > 0.25 else before
        total, done = 0.0, False
        for frame_action in (first, action, action, action):
            frame, reward, done, _, _ = env.step(frame_action)
            total += reward
            if done:
                break
        before = None if done else action
        trace.append((total, done, frame.tobytes()))
        if done:
            trace.append((0.0, False, env.reset()[0].tobytes()))
    env.close()
    return trace


def test_a_level_is_played_as_stable_retro_steps_it(make: type) -> None:
    actions = actions_of(5, 600)
    expected = reference(actions, seed=9)
    env = make(seed=9)
    trace = play(env, actions)
    assert trace == expected
    assert any(done for _, done, _ in trace) and sum(reward for reward, _, _ in trace) > 0
    env.close()
    assert play(make(seed=9), actions) == trace  # the same seed gives the same game


def test_another_seed_repeats_other_actions(make: type) -> None:
    actions = actions_of(5, 100)
    traces = []
    for seed in (1, 2):
        env = make(seed=seed)
        traces.append(play(env, actions))
        env.close()
    assert traces[0] != traces[1]


def test_frames_rewards_and_info(make: type) -> None:
    env = make(seed=1)
    assert (env.n_buttons, env.observation_shape) == (12, (224, 320, 3))
    first = env.reset()
    assert first.shape == (224, 320, 3) and first.dtype == np.uint8 and first.flags.c_contiguous
    kept = first.copy()
    second, reward, done, info = env.step(np.zeros(12, np.uint8))
    assert type(reward) is float and type(done) is bool
    assert info["lives"] == 3 and info["score"] == 0
    second[:] = 0  # it is a copy
    assert (first == kept).all()


def test_the_time_limit_is_outside_the_frame_skip(make: type) -> None:
    env = make(seed=1, max_steps=3)
    for _ in range(2):
        env.reset()
        assert [env.step(np.zeros(12, np.uint8))[2] for _ in range(3)] == [False, False, True]
        with pytest.raises(EpisodeError, match="reset the environment first"):
            env.step(np.zeros(12, np.uint8))


def test_a_step_before_the_first_reset_is_refused(make: type) -> None:
    env = make()
    with pytest.raises(EpisodeError):
        env.step(np.zeros(12, np.uint8))
    env.reset()
    with pytest.raises(ValueError, match="11 buttons, expected 12"):
        env.step(np.zeros(11, np.uint8))


def test_a_movie_of_every_episode(make: type, tmp_path: Path) -> None:
    env = make(seed=2, movies=tmp_path / "movies", max_steps=5)
    right_and_fire = np.zeros(12, np.uint8)
    right_and_fire[[0, 7]] = 1
    for _ in range(2):
        env.reset()
        while not env.step(right_and_fire)[2]:
            pass
    env.close()
    files = sorted((tmp_path / "movies").iterdir())
    assert [file.name for file in files] == [
        "Airstriker-Genesis-v0-Level1-000000.bk2",
        "Airstriker-Genesis-v0-Level1-000001.bk2",
    ]
    movie = stable_retro.Movie(str(files[0]))
    pressed = []
    while movie.step():
        pressed.append([movie.get_key(button, 0) for button in range(12)])
    assert len(pressed) == 21  # the frame of the reset, and five steps of four
    assert not any(pressed[0])
    assert np.array_equal(pressed[1:], [right_and_fire] * 20)


def test_a_second_emulator_is_refused_in_one_line(make: type) -> None:
    make()
    with pytest.raises(EmulatorError, match=r"Level1 can't be loaded: .*one|multiple"):
        make()


@pytest.mark.parametrize(
    "level",
    [
        Level("Airstriker-Genesis-v0", "Level1", "contest"),  # not the default reward instead
        Level("Airstriker-Genesis-v0", "Level9", "scenario"),
        Level("NoSuchGame-Genesis", "Level1", "scenario"),
        Level("SonicTheHedgehog-Genesis-v0", "GreenHillZone.Act1", "contest"),  # no ROM
    ],
)
def test_missing_files_are_errors(level: Level) -> None:
    with pytest.raises(levels.LevelError) as caught:
        ContestEnv(level)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "options",
    [{"seed": -1}, {"seed": 1 << 32}, {"frame_skip": 0}, {"max_steps": 0}, {"stickiness": 1.5}],
)
def test_options_out_of_range_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(UserError):
        ContestEnv(LEVEL, **options)  # type: ignore[arg-type]


def test_a_movie_folder_that_can_not_be_created_is_refused(make: type, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(EmulatorError, match="can't create the movie folder .*give another"):
        make(movies=tmp_path / "file" / "movies")
    make()  # the emulator was released


def test_a_movie_folder_whose_name_is_not_utf8_is_refused(make: type, tmp_path: Path) -> None:
    with pytest.raises(EmulatorError, match=r"\\xff', is not UTF-8: give another"):
        make(movies=tmp_path / os.fsdecode(b"\xff"))
    assert list(tmp_path.iterdir()) == []


def test_a_custom_game(make: type, tmp_path: Path) -> None:
    shipped = Path(stable_retro.data.get_file_path(LEVEL.game, "data.json")).parent
    game = tmp_path / "games" / "Mine-Genesis"
    game.mkdir(parents=True)
    for file in shipped.iterdir():
        (game / file.name).write_bytes(file.read_bytes())
    env = make(Level("Mine-Genesis", "Level1", "scenario", tmp_path / "games"), seed=1)
    assert env.reset().shape == (224, 320, 3)
