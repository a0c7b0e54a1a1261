"""The command that renders dreams as a picture and a video."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from agent.errors import UserError
from arena.replay.side_by_side import write_side_by_side
from tests.helpers.datasets import write_dataset, write_trained
from tests.helpers.small_models import TINY
from training import dream
from training.data.dataset import DataError, list_episodes
from training.models.untrained import random_networks
from training.pictures.dreams import render_dreams
from training.runs.resume import TrainingError


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dream")
    write_trained(folder)
    write_dataset(folder / "data")
    return folder


def run(finished: Path, out: Path, *arguments: str) -> int:
    runs = ["--vision", str(finished / "vision"), "--memory", str(finished / "memory")]
    return dream.main([*runs, "--data", str(finished / "data"), "--out", str(out), *arguments])


def test_the_command_writes_a_picture_and_a_video(finished: Path, tmp_path: Path) -> None:
    assert run(finished, tmp_path, "--temperatures", "0.5,1", "--seconds", "1") == 0
    assert cv2.imread(str(tmp_path / "dream.png")) is not None
    video = cv2.VideoCapture(str(tmp_path / "dream.mp4"))
    frames = []
    while (read := video.read())[0]:
        frames.append(read[1])
    assert len(frames) == 15
    assert frames[0].shape[1] == 4 * 4 * TINY.frame_size  # four videos, enlarged four times
    assert abs(video.get(cv2.CAP_PROP_FPS) - 15) < 0.01


def test_all_videos_show_the_same_steps(finished: Path) -> None:
    episode = list_episodes(finished / "data")[1]
    vae, memory = random_networks(TINY)
    views = render_dreams(vae, memory, episode, [0.1, 1.0], 12)
    assert views.labels == ["episode", "V", "dream T 0.1", "dream T 1"]
    assert {video.shape for video in views.videos} == {(12, 64, 64, 3)}
    again = render_dreams(vae, memory, episode, [0.1, 1.0], 12)
    for video, other in zip(views.videos, again.videos, strict=True):
        np.testing.assert_array_equal(video, other)


def test_an_unwritable_video_leaves_no_file(tmp_path: Path) -> None:
    (tmp_path / "video.mp4").mkdir()
    with pytest.raises(OSError):
        write_side_by_side(tmp_path / "video.mp4", [np.zeros((2, 8, 8, 3), np.uint8)], ["one"])
    assert list(tmp_path.iterdir()) == [tmp_path / "video.mp4"]


def test_invalid_options_are_refused(finished: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="'hot'.*positive numbers"):
        run(finished, tmp_path, "--temperatures", "hot")
    with pytest.raises(UserError, match="--seconds is 0.0"):
        run(finished, tmp_path, "--seconds", "0")
    with pytest.raises(DataError, match="no episode 77"):
        run(finished, tmp_path, "--episode", "77")
    write_trained(tmp_path, seed=2)
    other = ["--vision", str(tmp_path / "vision")]
    with pytest.raises(TrainingError, match="with another V"):
        run(finished, tmp_path, *other)
