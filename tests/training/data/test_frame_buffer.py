"""The rotating frame buffer: its size limit, a growing dataset, and bit-for-bit resumption."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agent.errors import UserError
from agent.world_model.packed_model import PRESETS
from agent.world_model.preprocess import preprocess
from tests.helpers.datasets import same_arrays, write_dataset
from training import train_vision
from training.data.episode_writer import EpisodeWriter
from training.data.frame_buffer import FrameBuffer
from training.runs.resume import TrainingError
from training.runs.stages import VISION_WEIGHTS

LENGTHS = (40, 30, 25, 20, 35, 30, 15)  # the second one is held out
MOST, SHARE = 90, 0.2
SPEC = PRESETS["compact"]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_dataset(tmp_path / "data", LENGTHS)


def buffer_of(data: Path, frames: int = MOST, epochs: float = 1.0, seed: int = 1) -> FrameBuffer:
    return FrameBuffer(
        lambda: train_vision.read_dataset(str(data)).training,
        SPEC,
        frames=frames,
        epochs=epochs,
        share=SHARE,
        seed=seed,
    )


def held(buffer: FrameBuffer) -> list[int]:
    """Return the indices of the episodes in the buffer."""
    return [int(Path(path).name.removeprefix("episode-")) for path in buffer.state()["episodes"]]


def add_episode(data: Path, index: int, level: str = "Square:Start") -> None:
    writer = EpisodeWriter(data, index)
    for _ in range(20):
        writer.append(np.full((224, 320, 3), 200, np.uint8), np.zeros(4, np.uint8), 0.0, False)
    writer.commit(level=level, policy="random", seed=index + 1)


def test_frames_are_drawn_from_the_episodes_in_the_buffer(data: Path) -> None:
    buffer = buffer_of(data)
    buffer.begin(None)
    episodes = {e.index: e for e in train_vision.read_dataset(str(data)).training}
    inside = [preprocess(f, SPEC) for i in held(buffer) for f in episodes[i].frames()]
    assert len(buffer) == len(inside) <= MOST
    chosen = np.random.default_rng(5).integers(len(inside), size=50)
    drawn = buffer.draw(np.random.default_rng(5), 50)
    np.testing.assert_array_equal(drawn.pixels, np.array(inside)[chosen])
    assert (drawn.expert_action == 255).all() and (drawn.player == -1).all()


def test_the_oldest_episodes_are_replaced_until_all_have_been_used(data: Path) -> None:
    buffer, random = buffer_of(data), np.random.default_rng(1)
    buffer.begin(None)
    seen = set(held(buffer))
    carried = 0  # frames of this pass already drawn by the draw that replaced episodes
    for _ in range(12):
        before = held(buffer)
        for size in (len(buffer) - carried - 1, 1):
            assert len(buffer.draw(random, size).pixels) == size
            assert held(buffer) == before  # the pass is not over yet
        buffer.draw(random, 1)
        carried = 1
        after = held(buffer)
        stayed = [index for index in before if index in after]
        assert after[: len(stayed)] == stayed == before[len(before) - len(stayed) :]
        came = [LENGTHS[index] for index in after if index not in before]
        assert sum(came[:-1]) < SHARE * MOST <= sum(came)
        assert len(buffer) <= MOST
        seen |= set(after)
    assert seen == {0, 2, 3, 4, 5, 6}


def test_episodes_collected_later_are_added(data: Path) -> None:
    buffer = buffer_of(data, frames=1000)  # more than the dataset has
    buffer.begin(None)
    random = np.random.default_rng(1)
    assert sorted(held(buffer)) == [0, 2, 3, 4, 5, 6]
    first = held(buffer)
    buffer.draw(random, 1000)
    buffer.draw(random, 10)
    assert held(buffer) == first  # there is no other episode, so none is replaced
    add_episode(data, 7)
    buffer.draw(random, 1000)
    buffer.draw(random, 10)
    assert held(buffer) == [*first, 7]


def test_a_held_out_level_that_is_added_later_is_refused(data: Path) -> None:
    buffer = buffer_of(data)
    buffer.begin(None)
    add_episode(data, 7, level="PangolinDash-Genesis:MeadowZone.Act3")
    buffer.draw(np.random.default_rng(1), 1000)
    with pytest.raises(TrainingError, match=r"MeadowZone\.Act3 belongs to pangolin-validation"):
        buffer.draw(np.random.default_rng(1), 10)


def test_a_restored_state_has_the_same_frames_and_choices(data: Path) -> None:
    buffer, other = buffer_of(data), buffer_of(data)
    buffer.begin(None)
    for _ in range(3):
        buffer.draw(np.random.default_rng(1), 100)
    other.begin(json.loads(json.dumps(buffer.state())))
    for number in range(5):
        ours = buffer.draw(np.random.default_rng(number), 60)
        theirs = other.draw(np.random.default_rng(number), 60)
        np.testing.assert_array_equal(ours.pixels, theirs.pixels)
        assert buffer.state() == other.state()


def test_other_seeds_choose_other_episodes(data: Path) -> None:
    orders = set()
    for seed in range(1, 6):
        buffer = buffer_of(data, seed=seed)
        buffer.begin(None)
        orders.add(tuple(held(buffer)))
    assert len(orders) > 1


def test_a_missing_or_too_long_episode_is_named_in_the_error(data: Path) -> None:
    buffer = buffer_of(data)
    buffer.begin(None)
    state = buffer.state()
    shutil.rmtree(state["episodes"][0])
    with pytest.raises(TrainingError, match=re.escape(state["episodes"][0])):
        buffer_of(data).begin(state)
    with pytest.raises(TrainingError, match="14 frames.*--buffer-frames"):
        buffer_of(data, frames=14).begin(None)


def run(data: Path, folder: Path, *arguments: str) -> int:
    fixed = ["--preset", "debug", "--threads", "1", "--data", str(data), "--out", str(folder)]
    turns = ["--buffer-frames", str(MOST), "--refresh-epochs", "0.2", "--refresh-share", "0.3"]
    return train_vision.main([*fixed, *turns, *arguments])


def test_training_with_a_rotating_buffer_resumes_bit_for_bit(data: Path, tmp_path: Path) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    assert run(data, whole, "--steps", "8") == 0
    for steps in ("3", "4", "8"):
        assert run(data, parts, "--steps", steps) == 0
    assert same_arrays(whole / VISION_WEIGHTS, parts / VISION_WEIGHTS)
    states = [read_state(folder) for folder in (whole, parts)]
    assert states[0] == states[1]
    assert states[0]["replacements"] >= 2


def read_state(folder: Path) -> dict[str, Any]:
    values: dict[str, Any] = json.loads((folder / "checkpoints/00000008/values.json").read_text())
    return dict(values["source"])


def test_invalid_settings_are_refused(data: Path, tmp_path: Path) -> None:
    for arguments in (
        ("--buffer-frames", "0"),
        ("--refresh-epochs", "0"),
        ("--refresh-share", "0"),
        ("--refresh-share", "1.1"),
    ):
        with pytest.raises(UserError, match="--buffer-frames is 0|--refresh"):
            run(data, tmp_path / "run", *arguments)
