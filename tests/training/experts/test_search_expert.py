"""The expert that searches from any state."""

from __future__ import annotations

import numpy as np
import pytest

from arena.environment.contest_env import ContestEnv, EmulatorError
from arena.environment.levels import Level, select
from training.experts.expert import Expert
from training.experts.search_expert import SearchExpert
from training.state_search.state_env import StateEnv

(MEADOW,) = select("PangolinDash-Genesis:MeadowZone.Act1")


def state_after(level: Level, steps: int) -> tuple[bytes, float]:
    """Return the state and the return after running right until a step or the episode's end."""
    env = ContestEnv(level, seed=1, stickiness=0.0)
    right = np.zeros(12, np.uint8)
    right[7] = 1
    total = 0.0
    try:
        env.reset()
        for _ in range(steps):
            _, reward, done, _ = env.step(right)
            total += reward
            if done:
                break
        return bytes(env._env.em.get_state()), total
    finally:
        env.close()


def test_the_buttons_lead_on_from_the_state() -> None:
    state, before = state_after(MEADOW, 40)
    env = StateEnv(MEADOW)
    expert: Expert = SearchExpert(env)
    try:
        buttons = expert.plan(state, seed=3)
        assert buttons.dtype == np.bool_ and buttons.shape[1] == 12
        np.testing.assert_array_equal(expert.plan(state, seed=3), buttons)
        with pytest.raises(EmulatorError, match="100 bytes"):
            expert.plan(bytes(100), seed=3)
    finally:
        env.close()
    contest = ContestEnv(MEADOW, seed=1, stickiness=0.0)
    try:
        contest.reset()
        contest._env.em.set_state(state)
        total, done = 0.0, False
        for pressed in buttons:
            _, reward, done, _ = contest.step(pressed.astype(np.uint8))
            total += reward
    finally:
        contest.close()
    # The first reward contains the way from the start to the state.
    assert total - before > 250 and not done


def test_a_state_in_which_the_episode_has_ended_gives_nothing() -> None:
    state, _ = state_after(MEADOW, 4500)
    env = StateEnv(MEADOW)
    try:
        buttons = SearchExpert(env).plan(state, seed=1)
    finally:
        env.close()
    assert buttons.shape == (0, 12) and buttons.dtype == np.bool_
