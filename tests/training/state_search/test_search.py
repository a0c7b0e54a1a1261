"""The search on the real emulator: states, found plays, checkpoints, and levels without an end."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from arena.environment.levels import Level, select
from tests.helpers.search_levels import write_search_levels
from training.experts.demonstrations import read_demonstration
from training.state_search.cells import PICTURE, POSITION
from training.state_search.play_back import frame_buttons, play_back
from training.state_search.search import Search, SearchError
from training.state_search.state_env import REPEATED, StateEnv, action_buttons

(AIRSTRIKER,) = select("airstriker")
MEADOW = select("PangolinDash-Genesis:MeadowZone.Act1")[0]
RIGHT, RIGHT_B = 8, 9


@pytest.fixture
def walls(tmp_path: Path) -> Level:
    return write_search_levels(tmp_path / "game")[0]


def test_a_restored_state_goes_on_as_before() -> None:
    env = StateEnv(MEADOW)
    try:
        rewards = [env.step(RIGHT, 0).reward for _ in range(20)]
        state = env.save()
        assert len(state) < 20_000  # the emulator's own state has a megabyte
        first = [env.step(RIGHT_B, RIGHT) for _ in range(20)]
        x, frame = env.variables()["x"], env.frame().copy()
        loaded = env.load(state)
        assert loaded.reward == pytest.approx(sum(rewards), abs=0.01) and not loaded.done
        assert [env.step(RIGHT_B, RIGHT) for _ in range(20)] == first
        assert env.variables()["x"] == x
        np.testing.assert_array_equal(env.frame(), frame)
        assert env.unpack(env.pack(env.unpack(state))) == env.unpack(state)
    finally:
        env.close()


def test_the_first_frame_of_a_marked_step_has_the_buttons_before() -> None:
    frames = frame_buttons(bytes([RIGHT, 1 + REPEATED, 1]))
    right, b = action_buttons(RIGHT), action_buttons(1)
    assert frames.shape == (3, 4, 12)
    expected = [[right] * 4, [right, b, b, b], [b] * 4]
    np.testing.assert_array_equal(frames, expected)
    assert right.tolist() == [0] * 7 + [1] + [0] * 4 and b.tolist() == [1] + [0] * 11


@pytest.mark.parametrize("sticky", [False, True])
@pytest.mark.parametrize("cells", [POSITION, PICTURE])
def test_the_found_play_reaches_the_end_with_the_same_return(
    walls: Level, tmp_path: Path, cells: str, sticky: bool
) -> None:
    env = StateEnv(walls)
    try:
        search = Search(env, 1, cells, sticky)
        found = search.run(20_000)
    finally:
        env.close()
    assert found is not None and found.finished and search.cell_kind == cells
    assert any(action >= REPEATED for action in found.actions) == sticky
    played = play_back(walls, found.actions, tmp_path / "found.bk2")
    assert played.finished and played.steps == len(found.actions)
    # The bonus for an early end is counted in frames that the search does not count.
    assert 9000 <= found.progress <= 10_000 and 9900 < played.episode_return <= 10_000
    demonstration = read_demonstration(tmp_path / "found.bk2")
    expected = frame_buttons(found.actions).reshape(-1, 12)[: len(demonstration.frame_buttons)]
    np.testing.assert_array_equal(demonstration.frame_buttons, expected)
    assert demonstration.steps == played.steps


def test_a_checkpoint_continues_the_search_exactly() -> None:
    env = StateEnv(MEADOW)
    try:
        whole = Search(env, 5, POSITION, sticky=True)
        whole.run(1000)
        half = Search(env, 5, POSITION, sticky=True)
        half.run(500)
        arrays, values = half.checkpoint()
        resumed = Search(env, 5, POSITION, sticky=True)
        resumed.restore(arrays, json.loads(json.dumps(values)))
        assert resumed.steps == half.steps >= 500
        resumed.run(1000)
    finally:
        env.close()
    assert resumed.steps == whole.steps and resumed.explorations == whole.explorations
    # States contain some bytes of memory that the emulator never sets.
    cells = [
        [replace(cell, state=b"") for cell in search.archive.cells] for search in (resumed, whole)
    ]
    assert cells[0] == cells[1]
    assert resumed.farthest() == whole.farthest()
    assert whole.farthest().progress > 300 and not whole.farthest().finished


def test_a_score_leads_the_search_where_there_is_no_position() -> None:
    env = StateEnv(AIRSTRIKER)
    try:
        search = Search(env, 1, POSITION, sticky=False)
        assert search.run(1000) is None
    finally:
        env.close()
    assert search.cell_kind == PICTURE
    assert len(search.archive) > 30 and search.farthest().progress >= 20


def test_a_level_that_ends_at_once_is_refused(walls: Level) -> None:
    assert walls.integration is not None
    scenario = walls.integration / walls.game / "ending.json"
    reward = {"variables": {"x": {"reward": 1.0}}}
    ended = {"variables": {"lives": {"op": "positive"}}}
    scenario.write_text(json.dumps({"reward": reward, "done": ended}))
    env = StateEnv(Level(walls.game, walls.state, "ending", walls.integration))
    try:
        with pytest.raises(SearchError, match="has ended|ends in its first step"):
            Search(env, 1, POSITION, sticky=False).run(20_000)
    finally:
        env.close()


def test_a_scenario_that_ends_restored_states_is_refused(walls: Level) -> None:
    """Stands for one whose script counts frames across resets."""
    assert walls.integration is not None
    folder = walls.integration / walls.game
    done = {"variables": {"x": {"op": "greater-than", "reference": 100_000}}}
    reward = {"variables": {"x": {"reward": 1.0}}}
    (folder / "endless.json").write_text(json.dumps({"reward": reward, "done": done}))
    env = StateEnv(Level(walls.game, walls.state, "endless", walls.integration))
    try:
        search = Search(env, 1, POSITION, sticky=False)
        search.run(100)
        load = env.load
        env.load = lambda state: load(state)._replace(done=True)  # type: ignore[method-assign]
        with pytest.raises(SearchError, match="restored state"):
            search.run(200)
    finally:
        env.close()
    assert search.archive.farthest().progress > 50  # pixels, by this scenario's reward
