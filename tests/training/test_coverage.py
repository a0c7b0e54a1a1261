"""Coverage: every frame falls into the tenth of the level that it shows."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from training import collect, coverage
from training.coverage import SEEN_FRAMES, count, progress_of, tenths_of
from training.data.dataset import DataError, create_dataset, list_episodes
from training.data.episode_writer import EpisodeWriter


def write(data: Path, index: int, level: str, policy: str, begin: int, stop: int) -> None:
    """Write steps `begin` to `stop` of an episode of 100 steps, each a hundredth of the level."""
    writer = EpisodeWriter(data, index)
    for step in range(begin, stop):
        writer.append(picture(step), np.zeros(4, np.uint8), 90.0, False)
    writer.commit(level=level, policy=policy, seed=1)


def picture(step: int) -> NDArray[np.uint8]:
    colour = (step % 32 << 3, step // 32 << 5, 0)  # every step looks different
    return np.full((224, 320, 3), colour, np.uint8)


def recorded(level: str) -> Iterator[tuple[NDArray[np.uint8], float]]:
    """Replay a demonstration of 100 steps; that of Game:Three has other pictures."""
    for step in range(100):
        yield picture(step + 100 * (level == "Game:Three")), 90.0


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    create_dataset(folder)
    write(folder, 0, "Game:One", "held", 0, 25)
    write(folder, 1, "Game:Two", "demonstration", 0, 100)
    write(folder, 2, "Game:Two", "perturbed", 70, 95)
    write(folder, 3, "Game:Three", "perturbed", 70, 95)
    return folder


def test_frames_fall_into_the_tenths_that_they_show(data: Path) -> None:
    counts, unplaced = count(list_episodes(data), ["Game:Four"], recorded)
    assert counts["Game:One"].tolist() == [10, 10, 5, 0, 0, 0, 0, 0, 0, 0]
    assert counts["Game:Two"].tolist() == [10, 10, 10, 10, 10, 10, 10, 20, 20, 15]
    assert counts["Game:Three"].tolist() == counts["Game:Four"].tolist() == [0] * 10
    assert unplaced == 25


def test_progress_is_measured_before_the_step_and_clipped_to_ten_tenths(data: Path) -> None:
    progress = progress_of(list_episodes(data)[0])
    assert progress[0] == 0 and progress[10] == pytest.approx(0.1)
    assert tenths_of(np.array([-0.2, 0.0, 0.0999, 0.55, 0.9, 1.3])).tolist() == [0, 0, 0, 5, 9, 9]


def test_the_command_writes_numbers_and_a_picture(
    data: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(coverage, "replay", lambda folders, level: recorded(level))
    write(data, 4, "Game:One", "held", 0, SEEN_FRAMES)
    write(data, 5, "Game:One", "held", 0, SEEN_FRAMES)
    out = tmp_path / "report"
    for number in range(6, 10):
        write(data, number, "Game:One", "held", 0, 10)
    assert coverage.main(["--data", str(data), "--out", str(out)]) == 0
    report = json.loads((out / "coverage.json").read_text())
    assert report["share_seen"] == pytest.approx(1 / 30) and report["unplaced"] == 25
    assert report["frames"] == sum(map(sum, report["levels"].values()))
    assert sum(report["by_tenth"]) == pytest.approx(1, abs=0.001)
    drawn = cv2.imread(str(out / "coverage.png"))
    assert drawn is not None and drawn.std() > 10
    assert "3.3% of the tenths of 3 levels" in capsys.readouterr().out
    with pytest.raises(DataError, match="holds no episode"):
        empty = tmp_path / "empty"
        create_dataset(empty)
        coverage.main(["--data", str(empty)])


def test_perturbed_episodes_are_placed_on_the_real_demonstration(tmp_path: Path) -> None:
    level, out = "PangolinDash-Genesis:MeadowZone.Act1", tmp_path / "data"
    arguments = ["--levels", level, "--policies", "perturbed", "--max-steps", "20"]
    collect.main(["--out", str(out), *arguments, "--frames", "1", "--workers", "1"])
    (episode,) = list_episodes(out)
    counts, unplaced = count(
        [episode], [], functools.partial(coverage.replay, [Path("game/movies")])
    )
    assert unplaced == 0 and counts[level].sum() == episode.steps
