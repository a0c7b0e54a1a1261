"""Datasets: written data is read back unchanged, and damaged or foreign files are refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.helpers.datasets import AS_DRAWN
from training.data.dataset import (
    CHUNK_FRAMES,
    DataError,
    Dataset,
    StoredEpisode,
    create_dataset,
    list_episodes,
)
from training.data.episode_writer import EpisodeWriter, commit_episode

SHAPE = (24, 32, 3)


def write_episode(dataset: Path, index: int, steps: int) -> StoredEpisode:
    random = np.random.default_rng(index)
    writer = EpisodeWriter(dataset, index)
    for step in range(steps):
        frame = random.integers(0, 256, SHAPE, np.uint8) & AS_DRAWN
        action = random.integers(0, 2, 4, np.uint8)
        writer.append(frame, action, float(step), step == steps - 1)
    return writer.commit(level="Game:State", policy="random", seed=index + 7)


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    create_dataset(folder)
    for index, steps in enumerate((CHUNK_FRAMES + 5, 3)):
        write_episode(folder, index, steps)
    return folder


def test_a_written_episode_is_read_back_unchanged(dataset: Path) -> None:
    first, second = list_episodes(dataset)
    random = np.random.default_rng(0)
    frames, actions = [], []
    for _ in range(first.steps):
        frames.append(random.integers(0, 256, SHAPE, np.uint8) & AS_DRAWN)
        actions.append(random.integers(0, 2, 4, np.uint8))
    assert (first.index, first.level, first.policy, first.seed) == (0, "Game:State", "random", 7)
    np.testing.assert_array_equal(first.frames(), frames)
    np.testing.assert_array_equal(np.concatenate(list(first.chunks())), frames)
    np.testing.assert_array_equal(first.frames(60, 67), frames[60:67])
    np.testing.assert_array_equal(first.actions(), actions)
    np.testing.assert_array_equal(first.rewards(), np.arange(first.steps, dtype=np.float32))
    assert first.terminated().tolist() == [0] * (first.steps - 1) + [1]
    assert second.steps == 3 and second.episode_return == 0 + 1 + 2


def test_an_episode_is_listed_only_after_its_commit(dataset: Path) -> None:
    writer = EpisodeWriter(dataset, 2)
    for _ in range(CHUNK_FRAMES + 1):  # some of it is on disk by now
        writer.append(np.zeros(SHAPE, np.uint8), np.zeros(4, np.uint8), 0.0, False)
    assert len(list(dataset.glob(".episode-*"))) == 1
    assert [episode.index for episode in list_episodes(dataset)] == [0, 1]
    create_dataset(dataset)  # as the next collection does after this one was killed
    assert not list(dataset.glob(".episode-*"))
    assert [episode.index for episode in list_episodes(dataset)] == [0, 1]


def test_frames_of_more_colours_are_refused(tmp_path: Path) -> None:
    create_dataset(tmp_path)
    writer = EpisodeWriter(tmp_path, 0)
    with pytest.raises(DataError, match="more than 16 bits of colour"):
        writer.append(np.ones(SHAPE, np.uint8), np.zeros(4, np.uint8), 0.0, False)


def test_unknown_values_are_marked(tmp_path: Path) -> None:
    create_dataset(tmp_path)
    writer = EpisodeWriter(tmp_path, 0)
    writer.append(np.zeros(SHAPE, np.uint8), np.zeros(4, np.uint8), 0.0, False)
    episode = writer.commit(level="G:S", policy="random", seed=1)
    assert episode.expert_action().tolist() == [[255] * 4]
    assert episode.player().tolist() == [[-1, -1]]


def test_expert_action_and_player_are_read_back(tmp_path: Path) -> None:
    create_dataset(tmp_path)
    writer = EpisodeWriter(tmp_path, 0)
    writer.append(
        np.zeros(SHAPE, np.uint8),
        np.zeros(4, np.uint8),
        0.0,
        False,
        expert_action=np.array([1, 0, 0, 1], np.uint8),
        player=(319, 223),
    )
    episode = writer.commit(level="G:S", policy="random", seed=1)
    assert episode.expert_action().tolist() == [[1, 0, 0, 1]]
    assert episode.player().tolist() == [[319, 223]]


def test_an_episode_cut_by_a_limit_has_no_done(tmp_path: Path) -> None:
    create_dataset(tmp_path)
    writer = EpisodeWriter(tmp_path, 0)
    writer.append(np.zeros(SHAPE, np.uint8), np.zeros(4, np.uint8), 1.0, False)
    assert writer.commit(level="G:S", policy="random", seed=1).terminated().tolist() == [0]


def test_held_out_episodes_stay_held_out_as_the_dataset_grows(dataset: Path) -> None:
    before = Dataset(str(dataset))
    for index in range(2, 12):
        write_episode(dataset, index, 2)
    after = Dataset(str(dataset))
    assert [episode.index for episode in before.held_out] == [1]
    assert [episode.index for episode in after.held_out] == [1, 9]
    assert not {e.index for e in after.training} & {e.index for e in after.held_out}
    assert after.summary()["frames"] == CHUNK_FRAMES + 5 + 3 + 20
    assert after.summary()["policies"] == {"random": CHUNK_FRAMES + 28}
    assert after.summary()["experts"] == {}


def test_an_episode_names_the_expert_of_its_actions(dataset: Path) -> None:
    writer = EpisodeWriter(dataset, 2)
    for _ in range(3):
        writer.append(np.zeros(SHAPE, np.uint8), np.zeros(4, np.uint8), 1.0, False)
    stored = writer.complete(level="G:S", policy="dagger", seed=1, expert="search")
    commit_episode(stored)
    found = Dataset(str(dataset))
    assert [episode.expert for episode in found.episodes] == [None, None, "search"]
    assert found.summary()["experts"] == {"search": 3}


def test_several_folders_are_one_dataset(dataset: Path, tmp_path: Path) -> None:
    create_dataset(tmp_path / "more")
    write_episode(tmp_path / "more", 4, 2)
    both = Dataset(f"{dataset}, {tmp_path / 'more'}")
    assert [episode.index for episode in both.episodes] == [0, 1, 4]


@pytest.mark.parametrize("name", ["frames/c/1/0/0", "steps/c/0/0"])
@pytest.mark.parametrize("damage", ["removed", "cut", "altered"])
def test_a_damaged_file_is_named_in_the_error(dataset: Path, name: str, damage: str) -> None:
    (episode, _) = list_episodes(dataset)
    path = episode.path / name
    data = path.read_bytes()
    if damage == "removed":
        path.unlink()
    else:
        middle = len(data) // 2
        altered = data[:middle] + bytes([data[middle] ^ 0xFF]) + data[middle + 1 :]
        path.write_bytes(data[:middle] if damage == "cut" else altered)
    read = {"frames": episode.frames, "steps": episode.rewards}
    with pytest.raises(DataError, match="is damaged") as error:
        read[name.partition("/")[0]]()
    assert str(episode.path) in str(error.value) and "\n" not in str(error.value)


def test_a_foreign_or_older_dataset_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="give a folder made by training.collect"):
        Dataset(str(tmp_path))
    (tmp_path / "dataset.json").write_text('{"format": "other", "version": 1}')
    with pytest.raises(DataError, match="'other', version 1.*collect the data again"):
        Dataset(str(tmp_path))
    create_dataset(older := tmp_path / "older")
    header = json.loads((older / "dataset.json").read_text())
    (older / "dataset.json").write_text(json.dumps(header | {"version": 5}))
    with pytest.raises(DataError, match="version 5.*version 6: collect the data again") as error:
        Dataset(str(older))
    assert "\n" not in str(error.value)
    (older / "dataset.json").write_text(json.dumps(header | {"action_buttons": ["A"]}))
    with pytest.raises(DataError, match="'A'.*collect the data again"):
        Dataset(str(older))
    (tmp_path / "dataset.json").write_text("[" * 9)
    with pytest.raises(DataError, match="is not JSON"):
        Dataset(str(tmp_path))


def test_a_damaged_episode_file_is_refused(dataset: Path) -> None:
    path = dataset / "episode-00000000" / "episode.json"
    values = json.loads(path.read_text())
    path.write_text(json.dumps(values | {"steps": "many"}))
    with pytest.raises(DataError, match="episode.json is damaged"):
        list_episodes(dataset)
    path.write_text(path.read_text()[:30])
    with pytest.raises(DataError, match="is not JSON"):
        list_episodes(dataset)


def test_too_few_episodes_are_refused(tmp_path: Path) -> None:
    create_dataset(tmp_path)
    with pytest.raises(DataError, match="holds no episode"):
        Dataset(str(tmp_path))
    write_episode(tmp_path, 0, 2)
    with pytest.raises(DataError, match="1 episodes for training and 0 held-out"):
        Dataset(str(tmp_path))
