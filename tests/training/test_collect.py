"""Collecting on the real emulator: what is stored, going on, and what is refused."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agent.buttons import to_genesis
from agent.errors import UserError
from arena.environment.contest_env import ContestEnv
from arena.environment.levels import select
from arena.evaluation.run_folder import RunFolderError
from tests.helpers.small_models import TINY, write_random_pretrained
from training import collect
from training.collect import read_policies, task_of
from training.data.dataset import Dataset, list_episodes
from training.experts.expert import ExpertError, find_movie, follow, place_of, read_movie
from training.experts.policies import HELD_STEPS, HeldButtons, Runner, Slowed, Turns

LEVELS = select("airstriker")
MEADOW = "PangolinDash-Genesis:MeadowZone.Act1"
MOVIES = Path("game/movies")
NO_FRAME = np.zeros((1, 1, 3), np.uint8)


def run(folder: Path, *arguments: str) -> int:
    settings = ("--max-steps", "30", "--workers", "1", *arguments)
    return collect.main(["--out", str(folder), *settings])


def test_debug_collects_and_the_same_command_appends(tmp_path: Path) -> None:
    assert run(tmp_path, "--frames", "50") == 0
    first = list_episodes(tmp_path)
    assert [episode.steps for episode in first] == [30, 30]
    written = {
        episode.path: (episode.path / "episode.json").stat().st_mtime_ns for episode in first
    }
    assert run(tmp_path, "--frames", "70", "--workers", "2") == 0
    assert len(list_episodes(tmp_path)) >= 3
    for path, time in written.items():
        assert (path / "episode.json").stat().st_mtime_ns == time
    records = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert sorted(record["episode"] for record in records) == list(range(len(records)))
    assert len(records) == len(list_episodes(tmp_path))
    result = json.loads((tmp_path / "result.json").read_text())
    assert result["frames"] == Dataset(str(tmp_path)).summary()["frames"]
    assert result["bytes_per_frame"] < 5000
    with pytest.raises(RunFolderError, match="another command"):
        run(tmp_path, "--frames", "70", "--seed", "2")


def test_the_stored_actions_give_the_stored_frames_and_rewards(tmp_path: Path) -> None:
    run(tmp_path, "--frames", "1", "--policies", "held")
    (episode,) = list_episodes(tmp_path)
    env = ContestEnv(LEVELS[0], seed=episode.seed, max_steps=30)
    try:
        frame, rewards = env.reset(), []
        for stored, action in zip(episode.frames(), episode.actions(), strict=True):
            np.testing.assert_array_equal(stored, frame)
            frame, reward, done, _ = env.step(to_genesis(action))
            rewards.append(reward)
    finally:
        env.close()
    assert episode.rewards().tolist() == rewards
    assert done and episode.dones().tolist() == [0] * 29 + [1]


def test_every_frame_can_be_stored_and_the_player_decides_as_often(tmp_path: Path) -> None:
    run(tmp_path, "--frames", "1", "--policies", "random", "--fps", "60")
    (episode,) = list_episodes(tmp_path)
    actions = episode.actions()
    assert len(actions) == 4 * 30
    choices = actions.reshape(30, 4, 4)
    np.testing.assert_array_equal(choices, np.repeat(choices[:, :1], 4, axis=1))
    assert len(np.unique(choices[:, 0], axis=0)) > 5
    env = ContestEnv(LEVELS[0], seed=episode.seed, frame_skip=1)
    try:
        frame = env.reset()
        for seen, action, reward in zip(episode.frames(), actions, episode.rewards(), strict=True):
            np.testing.assert_array_equal(frame, seen)
            frame, got, _, _ = env.step(to_genesis(action))
            assert got == reward
    finally:
        env.close()


def test_the_packed_agent_plays(tmp_path: Path) -> None:
    pretrained = write_random_pretrained(tmp_path / "pretrained", spec=TINY)
    data = tmp_path / "data"
    run(data, "--frames", "1", "--policies", "agent", "--pretrained", str(pretrained))
    (episode,) = list_episodes(data)
    assert episode.policy == "agent" and episode.steps == 30


def test_an_episode_follows_from_seed_and_index() -> None:
    tasks = [task_of(index, LEVELS, ["random", "held"], 1) for index in range(40)]
    assert tasks == [task_of(index, LEVELS, ["random", "held"], 1) for index in range(40)]
    assert {task.policy for task in tasks} == {"random", "held"}
    assert len({task.seed for task in tasks}) == 40
    assert tasks[0].seed != task_of(0, LEVELS, ["random", "held"], 2).seed


def test_every_round_plays_every_level_once() -> None:
    levels = [*LEVELS, *select("sonic-validation")]
    rounds = [
        [task_of(index, levels, ["random"], 1).level for index in range(first, first + 12)]
        for first in (0, 12)
    ]
    assert all(set(levels) == set(played) for played in rounds)
    assert rounds[0] != rounds[1]


def test_held_buttons_are_held_for_half_a_second() -> None:
    policy = HeldButtons(np.random.default_rng(1))
    actions = np.array([policy(NO_FRAME, 0.0, None) for _ in range(4000)])
    changes = int((actions[1:] != actions[:-1]).any(1).sum())
    assert 0.7 < 4000 / changes / (HELD_STEPS * 16 / 15) < 1.4  # one choice in 16 repeats itself
    np.testing.assert_allclose(actions.mean(0), 0.5, atol=0.1)


def test_a_slowed_policy_gets_all_rewards() -> None:
    told: list[float] = []

    def count(frame: object, reward: float, expert_action: object) -> np.ndarray[Any, Any]:
        told.append(reward)
        return np.full(4, len(told), np.uint8)

    policy = Slowed(count, 4)
    chosen = [int(policy(NO_FRAME, float(number), None)[0]) for number in range(9)]
    assert chosen == [1, 1, 1, 1, 2, 2, 2, 2, 3]
    assert told == [0.0, 1 + 2 + 3 + 4, 5 + 6 + 7 + 8]


def test_a_runner_goes_back_where_it_gains_nothing() -> None:
    policy = Runner(np.random.default_rng(1))
    gaining = np.array([policy(NO_FRAME, 1.0, None) for _ in range(300)])
    assert (gaining[:, 3] == 1).all() and 0.1 < gaining[:, 0].mean() < 0.5
    stuck = np.array([policy(NO_FRAME, 0.0, None) for _ in range(340)])
    assert (stuck[:, 2] + stuck[:, 3] == 1).all()
    assert 70 <= stuck[:, 2].sum() <= 140


def test_departures_cover_a_level_and_carry_advice(tmp_path: Path) -> None:
    data = tmp_path / "data"
    arguments = ("--levels", MEADOW, "--policies", "departure", "--frames", "90")
    run(data, *arguments)
    episodes = list_episodes(data)
    assert len(episodes) >= 3
    for episode in episodes:
        expert_action, player = episode.expert_action(), episode.player()
        assert expert_action.shape == (episode.steps, 4) and (expert_action[0] <= 1).all()
        known = player[player[:, 0] >= 0]
        assert len(known) >= episode.steps - 1 and (known < (320, 224)).all()
        cells = np.unpackbits(episode.sprites(), axis=2)
        there = [cells[step, y // 8, x // 8] for step, (x, y) in enumerate(player) if x >= 0]
        assert np.mean(there) > 0.95 and cells.mean() < 0.2
    starts = [episode.frames(0, 1)[0] for episode in episodes[:3]]
    assert not np.array_equal(starts[0], starts[1]) and not np.array_equal(starts[1], starts[2])
    run(tmp_path / "again", *arguments)
    for episode, again in zip(episodes, list_episodes(tmp_path / "again"), strict=True):
        np.testing.assert_array_equal(episode.frames(), again.frames())
        np.testing.assert_array_equal(episode.actions(), again.actions())


def test_by_turns_the_agent_sees_the_whole_level(tmp_path: Path) -> None:
    pretrained = write_random_pretrained(tmp_path / "pretrained", spec=TINY)
    data = tmp_path / "data"
    settings = ("--levels", MEADOW, "--policies", "turns", "--pretrained", str(pretrained))
    run(data, *settings, "--frames", "900", "--max-steps", "300")
    episodes = list_episodes(data)
    starts = [episode.frames(0, 1)[0] for episode in episodes]
    assert {episode.policy for episode in episodes} == {"turns"} and len(episodes) >= 3
    assert not np.array_equal(starts[0], starts[1]) and not np.array_equal(starts[1], starts[2])
    for episode in episodes:
        actions, expert_action = episode.actions(), episode.expert_action()
        assert (expert_action[0] <= 1).all() and 0 < (actions == expert_action).all(1).mean() < 1


class Stubborn:
    """An agent that presses nothing, and counts."""

    def __init__(self) -> None:
        self.chosen, self.remembered = 0, np.zeros((0, 4), np.uint8)

    def choose(self, frame: np.ndarray) -> np.ndarray:
        self.chosen += 1
        return np.zeros(4, np.uint8)

    def remember(self, action: np.ndarray) -> None:
        self.remembered = np.vstack((self.remembered, action))


def test_turns_change_and_the_agent_remembers_both_sides() -> None:
    player, expert_action = Stubborn(), np.array([1, 0, 0, 1], np.uint8)
    turns = Turns(np.random.default_rng(1), player)
    actions = np.array([turns(NO_FRAME, 0.0, expert_action) for _ in range(3000)])
    np.testing.assert_array_equal(player.remembered, actions)
    assert player.chosen == 3000
    own = (actions == 0).all(1)
    changes = int((own[1:] != own[:-1]).sum())
    assert 0.55 < own.mean() < 0.8 and 40 < changes < 200


def test_a_movie_is_stored_as_it_was_played(tmp_path: Path) -> None:
    run(tmp_path, "--levels", MEADOW, "--policies", "movie", "--frames", "1", "--max-steps", "4500")
    (episode,) = list_episodes(tmp_path)
    assert episode.episode_return > 9000 and episode.dones()[-1] == 1
    np.testing.assert_array_equal(episode.actions(), episode.expert_action())


def test_a_guide_finds_back_to_its_way(tmp_path: Path) -> None:
    """Under sticky actions the recording itself is lost in most levels; its expert is not."""
    (level,) = select(MEADOW)
    env = ContestEnv(level, seed=1)
    try:
        recording = read_movie(find_movie([MOVIES], level))
        expert = follow(env, recording)
        expert.start(0)
        env.reset(recording.state)
        total, done, place = 0.0, False, None
        while not done:
            action = expert.expert_action_logits(place)
            buttons = np.zeros(4, np.uint8) if action is None else action
            _, reward, done, variables = env.step(to_genesis(buttons))
            place, total = place_of(variables), total + reward
    finally:
        env.close()
    assert total > 9000


def test_a_recording_that_is_missing_or_foreign_is_named(tmp_path: Path) -> None:
    (level,) = select(MEADOW)
    with pytest.raises(ExpertError, match=r"no recording of PangolinDash-Genesis:MeadowZone\.Act1"):
        find_movie([tmp_path], level)
    (tmp_path / f"{level.game}-{level.state}-0003.bk2").write_bytes(b"no movie")
    path = find_movie([tmp_path], level)
    with pytest.raises(ExpertError, match="is no movie"):
        read_movie(path)
    env = ContestEnv(level, seed=1)
    try:
        foreign = read_movie(MOVIES / level.game / "LagoonZone.Act8.bk2")
        own = read_movie(find_movie([MOVIES], level))
        with pytest.raises(ExpertError, match="of another level or build"):
            follow(env, replace(own, frames=foreign.frames))
    finally:
        env.close()


def test_the_movies_of_a_fresh_build_lie_side_by_side(tmp_path: Path) -> None:
    (level,) = select(MEADOW)
    fresh, others, plain = tmp_path / "fresh", tmp_path / "others", MOVIES / level.game
    for folder in (fresh, others):
        folder.mkdir()
    (foreign,) = (MOVIES / "PangolinDashFinal-Genesis").glob("SkylineZone.Act3.bk2")
    shutil.copy(foreign, others / f"{level.state}.bk2")  # the same name in another game
    shutil.copy(plain / f"{level.state}.bk2", fresh)
    assert find_movie([others, fresh], level) == fresh / f"{level.state}.bk2"
    assert find_movie([others, MOVIES, fresh], level).parent == plain
    with pytest.raises(ExpertError, match="others has no recording of PangolinDash-Genesis:Meadow"):
        find_movie([others], level)
    data, folders = tmp_path / "data", f"{others}, {fresh}"
    policies = ("--policies", "departure", "--frames", "1")
    run(data, "--levels", MEADOW, *policies, "--movies", folders)
    (episode,) = list_episodes(data)
    assert episode.policy == "departure" and (episode.expert_action()[0] <= 1).all()
    (fresh / f"{level.state}.bk2").write_bytes(b"no movie")
    with pytest.raises(ExpertError, match="fresh.* is no movie"):
        find_movie([others, fresh], level)
    with pytest.raises(ExpertError, match="names no folder"):
        run(data, "--levels", MEADOW, *policies, "--movies", ",")


def test_mistakes_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="random, held, runner, agent, movie, departure, turns"):
        read_policies("random,human")
    with pytest.raises(UserError, match="0 frames"):
        run(tmp_path, "--frames", "0")
    with pytest.raises(UserError, match="--fps is 20: give one of 15, 30, 60"):
        run(tmp_path, "--fps", "20")
    with pytest.raises(UserError, match="--fps 60 with movie or turns: recordings are followed 15"):
        run(tmp_path, "--fps", "60", "--policies", "held,turns,movie")
    with pytest.raises(UserError, match="manifest.json can't be read"):
        run(tmp_path, "--policies", "agent", "--pretrained", str(tmp_path))
    with pytest.raises(UserError, match="no game is called"):
        run(tmp_path, "--levels", "Airstrike:Level1")
