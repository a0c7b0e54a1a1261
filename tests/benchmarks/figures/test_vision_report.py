"""The report on V: things are found where they are, and an omitted thing changes the numbers."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from benchmarks.figures import vision_report
from benchmarks.figures.things import Finder, Thing
from benchmarks.figures.vision_measures import errors_of_things
from game import art
from tests.helpers.datasets import AS_DRAWN, write_trained
from tests.helpers.small_models import TINY
from training.data.dataset import DataError, create_dataset
from training.data.episode_writer import EpisodeWriter

MEADOW = "MeadowZone.Act1"


@pytest.fixture(scope="module")
def finder() -> Finder:
    return Finder()


def screen(*things: tuple[np.ndarray, np.ndarray, int, int]) -> np.ndarray:
    """A plain screen with pictures at (left, top), in the emulator's fewer and darker colours."""
    frame = np.full((224, 320, 3), (56, 120, 176), np.uint8)
    for picture, palette, left, top in things:
        part = frame[top : top + picture.shape[0], left : left + picture.shape[1]]
        there = picture % 16 > 0
        part[there] = (palette[picture][there] * 0.93).astype(np.uint8)
    return frame & AS_DRAWN


def pictures() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """A ring and a flyer looking right, with their palettes of 64 colours."""
    shared, meadow = art.draw_shared(), art.draw_zones()[0]
    palette = np.concatenate((shared.palette[None], meadow.palettes)).reshape(64, 3)
    return shared.sprites["ring"][1], palette, meadow.sprites["flyer"][0][:, ::-1], palette


def test_rings_and_enemies_are_found_where_they_are(finder: Finder) -> None:
    ring, shared, flyer, zone = pictures()
    frame = screen((ring, shared, 40, 50), (ring, shared, 60, 50), (flyer, zone, 200, 100))
    found = finder.find(frame, MEADOW)
    assert set(found) == {
        Thing("ring", 40, 50, 16, 16),
        Thing("ring", 60, 50, 16, 16),
        Thing("enemy", 200, 100, 32, 24),
    }
    assert finder.find(screen(), MEADOW) == []
    assert finder.find(frame, "Level1") == []  # a level of another game
    assert [thing.kind for thing in finder.find(frame, "CavernZone.Act1")] == ["ring", "ring"]


def test_a_thing_that_is_drawn_flat_is_not_kept() -> None:
    targets = np.zeros((2, 8, 8, 3), np.float32)
    targets[:, 2:4, 2:4] = 1  # the thing, in a box of twice its height
    box = (slice(2, 6), slice(2, 4))
    flat = np.zeros((2, 8, 8))
    flat[:, 2:6, 2:4] = 0.25
    forgotten = errors_of_things(flat, targets, [{"ring": [box]}, {}])
    assert forgotten["ring"] == {"error": 127.5, "flat": 127.5, "kept": 0.0, "boxes": 1}
    # the second frame has no box, so its error counts as elsewhere
    assert forgotten["elsewhere"]["error"] == pytest.approx((0.25 * 8 / (64 + 56)) ** 0.5 * 255)
    kept = errors_of_things(np.zeros((2, 8, 8)), targets, [{"ring": [box]}, {}])
    assert kept["ring"]["kept"] == 1 and kept["ring"]["error"] == 0


def test_the_command_writes_numbers_and_pictures(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_trained(tmp_path)
    data, out = tmp_path / "data", tmp_path / "report"
    create_dataset(data)
    ring, shared, _, _ = pictures()
    for index, state in enumerate([MEADOW, "CanyonZone.Act2"]):
        writer = EpisodeWriter(data, index)
        for step in range(6):
            frame = screen((ring, shared, 20 * step, 50))
            writer.append(frame, np.zeros(4, np.uint8), 0.0, False, player=(100, 90))
        writer.commit(level=f"Game:{state}", policy="held", seed=1)
    arguments = ["--vision", str(tmp_path / "vision"), "--data", str(data), "--out", str(out)]
    assert vision_report.main([*arguments, "--frames", "12"]) == 0
    report = json.loads((out / "vision_report.json").read_text())
    assert report["frames"] == 12 and len(report["error_by_level"]) == 2
    assert report["things"]["player"]["boxes"] == report["things"]["ring"]["boxes"] == 12
    assert len(report["kl_by_dimension"]) == report["dimensions"] == TINY.latent
    assert report["reconstruction"] > report["floor"] and report["levels_trained_on_too"] == []
    for name in ("reconstructions", "traversals", "interpolations"):
        assert cv2.imread(str(out / f"{name}.png")) is not None
    assert "ring: error" in capsys.readouterr().out
    empty = tmp_path / "empty"
    create_dataset(empty)
    with pytest.raises(DataError, match="has no episode"):
        vision_report.main([*arguments, "--data", str(empty)])
