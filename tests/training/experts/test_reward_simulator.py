"""The expert of any game: rewards, a demonstration and a search, under sticky actions."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from agent.buttons import to_genesis
from arena.environment.contest_env import ContestEnv
from arena.environment.levels import Level
from tests.helpers.search_levels import WALL_COLUMNS, write_search_levels
from training.experts.demonstrations import Demonstration, read_demonstration
from training.experts.rehearsal import RehearsalEnv
from training.experts.reward_simulator import KNOWN_STEPS, RewardSimulator
from training.experts.sticky_planner import StickyPlanner
from training.experts.sticky_play import SEARCH, expert_of, play, play_rehearsed, rehearse
from training.state_search.cells import POSITION
from training.state_search.play_back import play_back
from training.state_search.search import Search
from training.state_search.state_env import StateEnv

SEED = 5
LEFT, RIGHT = 4, 8


class Recorded(NamedTuple):
    """A level, and a play of it that the search found."""

    level: Level
    demonstration: Demonstration
    actions: tuple[int, ...]


@pytest.fixture(scope="module")
def walls(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    folder: Path = tmp_path_factory.mktemp("walls")
    level = write_search_levels(folder / "game")[0]
    env = StateEnv(level)
    try:
        found = Search(env, 1, POSITION, False).run(20_000)
    finally:
        env.close()
    assert found is not None
    play_back(level, found.actions, folder / "found.bk2")
    return Recorded(level, read_demonstration(folder / "found.bk2"), tuple(found.actions))


@pytest.fixture
def env(walls: Recorded) -> Iterator[StateEnv]:
    env = StateEnv(walls.level)
    yield env
    env.close()


def test_a_rehearsal_is_the_contests_episode(walls: Recorded) -> None:
    random = np.random.default_rng(1)
    actions = [random.integers(0, 2, 4, np.uint8) for _ in range(60)]
    state_env = StateEnv(walls.level)
    try:
        rehearsal = RehearsalEnv(state_env, SEED)
        rehearsal.reset()
        rehearsed = [rehearsal.step(to_genesis(action)) for action in actions]
    finally:
        state_env.close()
    contest = ContestEnv(walls.level, seed=SEED)
    try:
        contest.reset()
        played = [contest.step(to_genesis(action)) for action in actions]
    finally:
        contest.close()
    for (frame, reward, done, variables), expected in zip(rehearsed, played, strict=True):
        np.testing.assert_array_equal(frame, expected[0])
        assert reward == pytest.approx(expected[1], abs=1e-3) and done is expected[2]
        assert variables["x"] == expected[3]["x"]


def test_the_expert_finishes_under_sticky_actions(walls: Recorded) -> None:
    assert expert_of(walls.level) == SEARCH
    actions = rehearse(walls.level, walls.demonstration, SEED)
    env = ContestEnv(walls.level, seed=SEED)
    try:
        steps = list(play_rehearsed(env, actions))
        assert len(steps) == len(actions) and steps[-1].terminated
        assert 9_900 < sum(step.reward for step in steps) <= 10_000
    finally:
        env.close()
    again = rehearse(walls.level, walls.demonstration, SEED, 40)
    np.testing.assert_array_equal(actions[:40], again)


def test_the_expert_plays_on_from_a_state_beside_the_recording(
    walls: Recorded, env: StateEnv
) -> None:
    expert = StickyPlanner(RewardSimulator(env, walls.demonstration))
    for _ in range(20):
        env.step(LEFT, LEFT)  # the recording never goes there
    rehearsal, state = RehearsalEnv(env, SEED), env.state()
    steps = list(play(rehearsal, expert, SEED, state))
    assert expert.won and rehearsal.terminated and len(steps) < 400


def test_known_plans_continue_the_recording_at_the_nearest_step(
    walls: Recorded, env: StateEnv
) -> None:
    simulator = RewardSimulator(env, walls.demonstration)
    moment = simulator.moment(None)
    assert (moment.stage, moment.progress, moment.dead, moment.won) == (0, 0.0, False, False)
    for action in walls.actions[:20]:
        env.step(action, action)
        moment = simulator.after(moment)
    assert moment.stage == 20 and moment.progress == pytest.approx(env.progress)
    known = list(simulator.known_plans(moment))
    assert known[0].plan == walls.actions[20 : 20 + KNOWN_STEPS]
    assert known[1].plan == walls.actions[21 : 21 + KNOWN_STEPS]
    assert known[2].plan == walls.actions[19 : 19 + KNOWN_STEPS]
    assert known[0].reaches > moment.progress + 500  # within ten seconds of the recording
    far = moment._replace(position=(moment.position[0], moment.position[1] + 200))
    assert list(simulator.known_plans(far)) == []


def test_a_search_leads_over_a_wall(walls: Recorded, env: StateEnv) -> None:
    simulator = RewardSimulator(env, walls.demonstration)
    moment = simulator.moment(None)
    while moment.position[0] < WALL_COLUMNS[0] * 16 - 24:
        moment = simulator.step(RIGHT, None, moment)
    state = simulator.save()
    found = simulator.search(moment, RIGHT, 1, None, np.random.default_rng(1))
    assert found is not None and found.reaches > moment.progress + 250
    simulator.load(state)
    for action in found.plan:
        moment = simulator.step(action, None, moment)
    assert moment.progress == pytest.approx(found.reaches, abs=0.1)


def test_the_expert_has_no_plan_at_the_end(walls: Recorded, env: StateEnv) -> None:
    expert = StickyPlanner(RewardSimulator(env, walls.demonstration))
    before = 0
    for action in walls.actions:
        env.step(action, before)
        before = action
    finished = env.state()
    assert expert.plan(finished, SEED).shape == (0, 12) and expert.won
