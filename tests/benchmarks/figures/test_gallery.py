"""The gallery's pictures from synthetic recordings: what is shown, and how large it may be."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from agent.errors import UserError
from arena.evaluation.results import LevelResult, RunResults, write_results
from arena.replay.decoded_views import DecodedViews
from benchmarks.figures import found_play, gallery, gallery_film
from benchmarks.figures.gallery import ReplayedEpisode, chosen_levels
from benchmarks.figures.gallery_film import compose, liveliest, write_gif
from benchmarks.figures.gallery_plots import draw_curve
from tests.helpers.small_models import TINY, write_random_pretrained


@pytest.fixture(scope="module")
def views(tmp_path_factory: pytest.TempPathFactory) -> DecodedViews:
    return DecodedViews(write_random_pretrained(tmp_path_factory.mktemp("m") / "tiny", spec=TINY))


def level(name: str, best: float | None, movie: bool = True) -> LevelResult:
    movies = {"best": "best.bk2"} if movie else {}
    return LevelResult(name, name, "finished", best_return=best, movies=movies)


def recording(zone: str, steps: int = 60) -> ReplayedEpisode:
    random = np.random.default_rng(1)
    frames = random.integers(0, 256, (steps + 1, 224, 320, 3), np.uint8)
    buttons = random.integers(0, 2, (steps, 12), np.uint8)
    return ReplayedEpisode(zone, level(f"Game:{zone}.Act1", 100.0), frames, buttons)


def size_of(path: Path) -> tuple[int, int]:
    picture = cv2.imread(str(path))
    assert picture is not None
    return picture.shape[1], picture.shape[0]


def test_the_best_level_of_each_zone_is_chosen(tmp_path: Path) -> None:
    levels = [
        level("G:Meadow.Act1", 10.0),
        level("G:Meadow.Act2", 30.0),
        level("G:Canyon.Act1", 99.0, movie=False),
        level("G:Canyon.Act2", 5.0),
        level("G:Cavern.Act1", None),
    ]
    write_results(tmp_path, RunResults("someone", 1000, levels))
    assert [entry.level for entry in chosen_levels(tmp_path)] == ["G:Meadow.Act2", "G:Canyon.Act2"]
    write_results(tmp_path, RunResults("someone", 1000, levels[-1:]))
    with pytest.raises(UserError, match="has no movie"):
        chosen_levels(tmp_path)


def test_pictures_have_a_row_for_each_label(tmp_path: Path, views: DecodedViews) -> None:
    recordings = [recording("MeadowZone"), recording("CanyonZone", 20), recording("CavernZone")]
    gallery.reconstruct(tmp_path, recordings, views)
    assert size_of(tmp_path / "reconstructions.png") == (110 + 6 * 66, 2 * 66)
    about = gallery.interpolate(tmp_path, recordings, views)
    assert about == {"between": ["Meadow - Canyon", "Canyon - Cavern"]}
    assert size_of(tmp_path / "interpolations.png") == (110 + 9 * 66, 2 * 66)
    about = gallery.traverse(tmp_path, recordings, views)
    assert len(about["dimensions"]) == TINY.latent
    assert size_of(tmp_path / "traversals.png") == (110 + 9 * 66, TINY.latent * 66)
    gallery.dream(tmp_path, recordings[0], views)
    assert size_of(tmp_path / "dream.png") == (110 + 10 * 66, 4 * 66)


def test_a_short_episode_makes_a_short_dream(tmp_path: Path, views: DecodedViews) -> None:
    gallery.dream(tmp_path, recording("MeadowZone", 12), views)
    assert size_of(tmp_path / "dream.png")[0] < 110 + 10 * 66


def test_the_film_shows_the_liveliest_seconds_and_stays_small(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames = np.zeros((101, 224, 320, 3), np.uint8)
    frames[60:80:2] = 255  # the frames flicker here
    assert liveliest(frames, 20) == (59, 79) or liveliest(frames, 20) == (60, 80)
    assert liveliest(frames[:10], 50) == (1, 10)
    small = np.zeros((101, 64, 64, 3), np.uint8)
    buttons = np.zeros((100, 12), np.uint8)
    path = tmp_path / "play.gif"
    about = write_gif(path, frames, small, small, buttons)
    assert about["bytes"] == path.stat().st_size < gallery_film.MAX_BYTES
    capture = cv2.VideoCapture(str(path))
    assert (capture.get(3), capture.get(4)) == (480, 224 + gallery_film.BAR)
    monkeypatch.setattr(gallery_film, "MAX_BYTES", 100)
    with pytest.raises(UserError, match="lowest quality"):
        write_gif(path, frames, small, small, buttons)


def test_a_found_play_is_shown_with_its_buttons(tmp_path: Path) -> None:
    movie = Path("game/movies/PangolinDash-Genesis/MeadowZone.Act1.bk2")
    about = found_play.animate(movie, tmp_path / "made" / "found.gif")
    shipped = Path("results/pictures/found_play.gif")
    for path in (tmp_path / "made" / "found.gif", shipped):
        assert path.stat().st_size <= found_play.MAX_BYTES
        capture = cv2.VideoCapture(str(path))
        assert (capture.get(3), capture.get(4)) == (320, 224 + gallery_film.BAR)
    assert about["bytes"] == (tmp_path / "made" / "found.gif").stat().st_size


def test_pressed_buttons_are_marked() -> None:
    frame, small = np.zeros((224, 320, 3), np.uint8), np.zeros((64, 64, 3), np.uint8)
    none, right = np.zeros(12, np.uint8), np.zeros(12, np.uint8)
    right[7] = 1
    before, after = compose(frame, small, small, none), compose(frame, small, small, right)
    changed = np.argwhere((before != after).any(2))
    assert changed[:, 0].min() >= 224 and changed[:, 1].min() > 100  # the last of four


CURVE = {
    "budget_steps": 100_000,
    "levels": ["a", "b"],
    "curve_thresholds": [500.0, 1000.0, 2000.0],
    "curve_scores": [900.0, 1200.0, 1100.0],
    "curve_low": [800.0, 1000.0, 950.0],
    "curve_high": [1000.0, 1400.0, 1300.0],
}


def test_the_curve_is_drawn_from_the_tuners_file(tmp_path: Path) -> None:
    path = tmp_path / "tuning.json"
    path.write_text(json.dumps(CURVE))
    about = draw_curve(tmp_path / "curve.png", path)
    assert about == {"best_threshold": 1000.0, "score": 1200.0}
    assert size_of(tmp_path / "curve.png")[0] > 800


@pytest.mark.parametrize("text", ["", "{}", "[]", json.dumps({**CURVE, "curve_low": [1.0]})])
def test_a_file_without_a_curve_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "tuning.json").write_text(text)
    with pytest.raises(UserError, match=r"tuning\.json has no curve"):
        draw_curve(tmp_path / "curve.png", tmp_path / "tuning.json")
