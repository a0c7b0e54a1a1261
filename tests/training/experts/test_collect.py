"""Collection on the real emulator: stored data, resumed runs, and refused arguments."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from agent.buttons import to_genesis
from agent.errors import UserError
from arena.environment.contest_env import ContestEnv
from arena.environment.levels import select
from arena.evaluation.run_folder import RunFolderError
from tests.helpers.search_levels import write_search_levels
from tests.helpers.small_models import TINY, write_random_pretrained
from training import collect
from training.collect import read_policies
from training.data.dataset import DataError, Dataset, create_dataset, list_episodes
from training.data.episode_writer import EpisodeWriter
from training.experts.collector import (
    CollectedEpisode,
    Collector,
    EpisodeToCollect,
    episode_to_collect,
)
from training.experts.episode_order import EpisodeOrder
from training.experts.simulator import action_number
from training.state_search.cells import POSITION
from training.state_search.play_back import play_back
from training.state_search.search import Search
from training.state_search.state_env import StateEnv

LEVELS = select("airstriker")
MEADOW = "PangolinDash-Genesis:MeadowZone.Act1"


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
    assert done and episode.terminated().tolist() == [0] * 30  # --max-steps cut the episode


def test_the_packed_agent_plays(tmp_path: Path) -> None:
    pretrained = write_random_pretrained(tmp_path / "pretrained", spec=TINY)
    data = tmp_path / "data"
    run(data, "--frames", "1", "--policies", "agent", "--pretrained", str(pretrained))
    (episode,) = list_episodes(data)
    assert episode.policy == "agent" and episode.steps == 30


def test_an_episode_depends_on_seed_and_index() -> None:
    policies = ["random", "held"]
    episodes = [episode_to_collect(index, LEVELS, policies, 1) for index in range(40)]
    assert episodes == [episode_to_collect(index, LEVELS, policies, 1) for index in range(40)]
    assert {episode.policy for episode in episodes} == {"random", "held"}
    assert len({episode.seed for episode in episodes}) == 40
    assert episodes[0].seed != episode_to_collect(0, LEVELS, policies, 2).seed


def test_every_round_plays_every_level_once() -> None:
    levels = [*LEVELS, *select("sonic-validation")]
    rounds = [
        [
            episode_to_collect(index, levels, ["random"], 1).level
            for index in range(first, first + 12)
        ]
        for first in (0, 12)
    ]
    assert all(set(levels) == set(played) for played in rounds)
    assert rounds[0] != rounds[1]


def test_perturbed_episodes_start_anywhere_and_have_expert_actions(tmp_path: Path) -> None:
    data = tmp_path / "data"
    arguments = ("--levels", MEADOW, "--policies", "perturbed", "--frames", "90")
    run(data, *arguments)
    episodes = list_episodes(data)
    assert len(episodes) >= 3
    for episode in episodes:
        expert_action, player = episode.expert_action(), episode.player()
        assert expert_action.shape == (episode.steps, 4)
        assert expert_action[0, 0] <= 3 and (expert_action[0, 1:] <= 1).all()
        known = player[player[:, 0] >= 0]
        assert len(known) >= episode.steps - 1 and (known < (320, 224)).all()
    starts = [episode.frames(0, 1)[0] for episode in episodes[:3]]
    assert not np.array_equal(starts[0], starts[1]) and not np.array_equal(starts[1], starts[2])
    run(tmp_path / "again", *arguments)
    for episode, again in zip(episodes, list_episodes(tmp_path / "again"), strict=True):
        np.testing.assert_array_equal(episode.frames(), again.frames())
        np.testing.assert_array_equal(episode.actions(), again.actions())


def test_alternating_episodes_start_anywhere_and_have_both_players(tmp_path: Path) -> None:
    pretrained = write_random_pretrained(tmp_path / "pretrained", spec=TINY)
    data = tmp_path / "data"
    settings = ("--levels", MEADOW, "--policies", "alternating", "--pretrained", str(pretrained))
    run(data, *settings, "--frames", "900", "--max-steps", "300")
    episodes = list_episodes(data)
    starts = [episode.frames(0, 1)[0] for episode in episodes]
    assert {episode.policy for episode in episodes} == {"alternating"} and len(episodes) >= 3
    assert not np.array_equal(starts[0], starts[1]) and not np.array_equal(starts[1], starts[2])
    for episode in episodes:
        actions, expert_action = episode.actions(), episode.expert_action()
        known = expert_action[:, 0] != 255
        played = (actions[known] == expert_action[known] % 2).all(1)  # by the expert, or alike
        assert known[0] and 0 < played.mean() < 1
        assert episode.expert == "planner"
        unlabelled = ~known  # between two fourth frames
        assert unlabelled.any() and unlabelled[::4].mean() < unlabelled.mean()


def test_a_demonstration_is_stored_as_it_was_played(tmp_path: Path) -> None:
    arguments = ("--levels", MEADOW, "--policies", "demonstration", "--frames", "1")
    run(tmp_path, *arguments, "--max-steps", "4500")
    (episode,) = list_episodes(tmp_path)
    assert episode.episode_return > 9000 and episode.terminated()[-1] == 1
    np.testing.assert_array_equal(episode.actions(), episode.expert_action())


def test_only_the_game_ends_an_episode(tmp_path: Path) -> None:
    """The same episode is cut one step before its end, and at its end."""
    arguments = ("--policies", "held", "--frames", "1")
    run(tmp_path / "whole", *arguments, "--max-steps", "4500")
    (whole,) = list_episodes(tmp_path / "whole")
    assert whole.steps < 4500 and whole.terminated().tolist() == [0] * (whole.steps - 1) + [1]
    for steps, ended in ((whole.steps - 1, 0), (whole.steps, 1)):
        run(tmp_path / str(steps), *arguments, "--max-steps", str(steps))
        (cut,) = list_episodes(tmp_path / str(steps))
        assert cut.steps == steps and cut.terminated().tolist() == [0] * (steps - 1) + [ended]


def test_invalid_arguments_are_refused(tmp_path: Path) -> None:
    out = tmp_path / "data"
    with pytest.raises(UserError, match="'human'.* demonstration, perturbed, alternating"):
        read_policies("random,human")
    with pytest.raises(UserError, match="--frames is 0"):
        run(out, "--frames", "0")
    with pytest.raises(UserError, match="manifest.json"):
        run(out, "--policies", "agent", "--pretrained", str(tmp_path))
    with pytest.raises(UserError, match="Airstrike"):
        run(out, "--levels", "Airstrike:Level1")
    with pytest.raises(UserError, match="--ray-address"):
        run(out, "--ray-address", "auto")
    assert list(tmp_path.iterdir()) == []


def test_the_number_of_workers_does_not_change_the_dataset(tmp_path: Path) -> None:
    arguments = ("--levels", MEADOW, "--policies", "perturbed,runner", "--max-steps", "120")
    run(tmp_path / "one", *arguments, "--frames", "500")
    run(tmp_path / "four", *arguments, "--frames", "500", "--workers", "4")
    run(tmp_path / "resumed", *arguments, "--frames", "200", "--workers", "3")
    run(tmp_path / "resumed", *arguments, "--frames", "500", "--workers", "2")
    expected = episode_files(tmp_path / "one")
    assert len(expected) > 20
    for name in ("four", "resumed"):
        assert episode_files(tmp_path / name) == expected
        assert not list((tmp_path / name).glob(".episode-*"))


def episode_files(folder: Path) -> dict[str, bytes]:
    """Return the content of each file of the episodes, by its path in the dataset."""
    paths = (path for path in folder.glob("episode-*/**/*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def test_an_episode_waits_for_the_earlier_ones(tmp_path: Path) -> None:
    create_dataset(tmp_path)
    order = EpisodeOrder(tmp_path, 5)
    second, first, third = (complete(tmp_path, index) for index in (1, 0, 2))
    assert list(order.add(1, second)) == [] and not order.enough(1) and not order.enough(2)
    assert list(order.add(0, first)) == [first, second]
    assert order.frames == 6 and order.enough(2)
    assert list(order.add(2, third)) == []
    assert [episode.index for episode in list_episodes(tmp_path)] == [0, 1]


def complete(dataset: Path, index: int) -> CollectedEpisode:
    """Complete an episode of three steps in its temporary folder."""
    writer = EpisodeWriter(dataset, index)
    for _ in range(3):
        writer.append(np.zeros((224, 320, 3), np.uint8), np.zeros(4, np.uint8), 0.0, False)
    return CollectedEpisode(writer.complete(level="G:S", policy="held", seed=1), 0.1)


def test_an_older_dataset_is_not_continued(tmp_path: Path) -> None:
    run(tmp_path, "--frames", "1")
    header = json.loads((tmp_path / "dataset.json").read_text())
    (tmp_path / "dataset.json").write_text(json.dumps(header | {"version": 5}))
    with pytest.raises(DataError, match="version 5.*version 6"):
        run(tmp_path, "--frames", "100")


def test_the_experts_own_actions_are_its_labels(tmp_path: Path) -> None:
    run(tmp_path, "--levels", MEADOW, "--frames", "1", "--policies", "expert")
    (episode,) = list_episodes(tmp_path)
    assert episode.steps == 30 and (episode.policy, episode.expert) == ("expert", "planner")
    np.testing.assert_array_equal(episode.expert_action(), episode.actions())
    assert episode.actions()[:, 3].mean() > 0.8  # RIGHT


def test_dagger_labels_some_of_the_agents_states(tmp_path: Path) -> None:
    model = write_random_pretrained(tmp_path / "model", spec=TINY)
    arguments = ("--levels", MEADOW, "--policies", "dagger", "--pretrained", str(model))
    run(tmp_path / "data", "--frames", "1", *arguments)
    (episode,) = list_episodes(tmp_path / "data")
    known = episode.expert_action()[:, 0] != 255
    assert 10 <= known.sum() <= 30
    assert set(np.unique(episode.expert_action()[known])) <= {0, 1}


def test_the_planner_labels_every_fourth_frame_and_those_before_a_death(tmp_path: Path) -> None:
    create_dataset(tmp_path)
    collector = Collector(tmp_path, None, (Path("game/movies").absolute(),), 200)
    (level,) = select("PangolinDash-Genesis:CanyonZone.Act1")
    episode = collector(EpisodeToCollect(0, level, "runner", 1)).stored
    assert episode.terminated()[-1] == 1 and episode.episode_return < 2000  # it fell into a pit
    known = episode.expert_action()[:, 0] != 255
    before, last = known[:-30], known[-30:]
    assert before[::4].mean() > 0.9
    assert before.sum() == before[::4].sum()
    assert last.sum() > 15  # without those that no plan survives, where it is already falling


def test_the_search_is_the_expert_of_a_level_without_a_route(tmp_path: Path) -> None:
    level = write_search_levels(tmp_path / "game")[1]
    env = StateEnv(level)
    try:
        found = Search(env, 1, POSITION, False).run(20_000)
    finally:
        env.close()
    assert found is not None
    (tmp_path / "plays" / level.game).mkdir(parents=True)
    play_back(level, found.actions, tmp_path / "plays" / level.game / f"{level.state}.bk2")
    model = write_random_pretrained(tmp_path / "model", spec=TINY)
    create_dataset(tmp_path / "data")
    plays = (tmp_path / "plays",)
    collector = Collector(tmp_path / "data", model, plays, 300)
    played = collector(EpisodeToCollect(0, level, "expert", 1)).stored
    assert played.episode_return > 9900 and played.terminated()[-1] == 1
    assert played.expert == "search"
    np.testing.assert_array_equal(played.expert_action(), played.actions())
    labelling = Collector(tmp_path / "data", model, plays, 12)
    labelled = labelling(EpisodeToCollect(1, level, "dagger", 1)).stored
    assert (labelled.expert, labelled.policy, labelled.steps) == ("search", "dagger", 12)
    known = labelled.expert_action()[labelled.expert_action()[:, 0] != 255]
    assert len(known) == 12  # all steps of a short episode are decisive
    # The recording begins with a charged dash, and the agent is near its start.
    assert set(map(action_number, known)) <= set(found.actions[:12])


def test_the_search_needs_a_recording_to_begin_with(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no recording of Airstriker"):
        run(tmp_path, "--policies", "expert", "--frames", "1")
