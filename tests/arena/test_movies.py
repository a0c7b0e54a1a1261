"""Movies: which are kept, and that a rendered one shows what was played."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest

from arena.replay.movies import Kept, MovieError, keep_chosen, prune, render


def record(folder: Path, episodes: int) -> None:
    folder.mkdir(exist_ok=True)
    for episode in range(episodes):
        (folder / f"Some-Genesis-v0-Level-1-{episode:06d}.bk2").write_text(str(episode))


def names(folder: Path) -> list[str]:
    return sorted(path.name[-10:-4] for path in folder.iterdir())


def test_pruning_keeps_first_best_and_those_under_way(tmp_path: Path) -> None:
    record(tmp_path, 6)
    prune(tmp_path, [5.0, 5.0, 7.0, 5.0])
    assert names(tmp_path) == ["000000", "000002", "000004", "000005"]
    prune(tmp_path, [5.0, 5.0, 7.0, 5.0, 9.0])
    assert names(tmp_path) == ["000000", "000002", "000004", "000005"]


def test_however_long_a_run_a_dozen_movies_are_kept_and_one_of_them_is_typical(
    tmp_path: Path,
) -> None:
    generator = np.random.default_rng(1)
    # Luck at first, then a candidate that is locked in: the median moves from one to the other.
    returns = [*generator.normal(1000, 300, 300), *generator.normal(3000, 500, 700)]
    folder = tmp_path / "movies"
    folder.mkdir()
    for played in range(0, 1000, 20):
        for episode in range(played, played + 20):
            (folder / f"Some-Genesis-v0-Level-1-{episode:06d}.bk2").write_text(str(episode))
        prune(folder, returns[: played + 20])
        assert len(names(folder)) <= 11
    kept = keep_chosen(folder, returns)
    assert abs(returns[kept["typical"].episode] - np.median(returns)) < 100
    assert kept["typical"].path.read_text() == str(kept["typical"].episode)


def test_pruning_before_the_first_episode_ends_deletes_nothing(tmp_path: Path) -> None:
    record(tmp_path, 1)
    prune(tmp_path, [])
    assert names(tmp_path) == ["000000"]
    prune(tmp_path / "not there", [1.0])


def test_first_and_best_are_left_at_the_end(tmp_path: Path) -> None:
    record(tmp_path, 4)
    kept = keep_chosen(tmp_path, [1.0, 5.0, 2.0])  # the fourth was cut off
    assert kept == {
        "first": Kept(tmp_path / "first.bk2", 0),
        "best": Kept(tmp_path / "best.bk2", 1),
        "typical": Kept(tmp_path / "typical.bk2", 2),
    }
    assert all(movie.path.read_text() == str(movie.episode) for movie in kept.values())
    left = sorted(path.name for path in tmp_path.iterdir())
    assert left == ["best.bk2", "first.bk2", "typical.bk2"]


def test_the_first_may_be_the_best(tmp_path: Path) -> None:
    record(tmp_path, 2)
    kept = keep_chosen(tmp_path, [5.0])
    assert {name: movie.episode for name, movie in kept.items()} == {
        "first": 0,
        "best": 0,
        "typical": 0,
    }


def test_an_episode_cut_off_is_the_first_when_there_is_no_other(tmp_path: Path) -> None:
    record(tmp_path, 1)
    assert list(keep_chosen(tmp_path, [])) == ["first"]


RECORDER = """
import sys, numpy as np, stable_retro
env = stable_retro.make("Airstriker-Genesis-v0", render_mode="rgb_array")
env.record_movie(sys.argv[1])
env.reset()
buttons = np.random.default_rng(5).integers(0, 2, size=(45, 12))
buttons[:, 3] = 0  # START would pause
for pressed in buttons:
    frame, *_ = env.step(pressed)
env.stop_record()
np.save(sys.argv[2], frame)
"""


@pytest.fixture(scope="module")
def movie(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("movie")
    path, last = folder / "played.bk2", folder / "last.npy"
    subprocess.run([sys.executable, "-c", RECORDER, path, last], check=True, timeout=60)
    return path


def test_a_rendered_movie_ends_with_the_frame_that_was_played(movie: Path) -> None:
    out = render(movie)
    assert out == movie.with_suffix(".mp4")
    reader = imageio_ffmpeg.read_frames(str(out))
    size = next(reader)["size"]
    assert size == (960, 672)
    frames = [np.frombuffer(frame, np.uint8).reshape(672, 960, 3) for frame in reader]
    assert len(frames) == 45
    shown = frames[-1][1::3, 1::3].astype(int)  # the middle of each pixel's 3 x 3 square
    played = np.load(movie.with_name("last.npy")).astype(int)
    earlier = frames[-4][1::3, 1::3].astype(int)
    error = np.abs(shown - played).mean()  # H.264 loses a little
    assert error < 1
    assert error < np.abs(earlier - played).mean() / 2
    assert sorted(path.suffix for path in movie.parent.iterdir()) == [".bk2", ".mp4", ".npy"]


def test_what_is_no_movie_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(MovieError, match="there is no movie"):
        render(tmp_path / "none.bk2")
    broken = tmp_path / "broken.bk2"
    broken.write_bytes(b"PK\3\4 not really")
    with pytest.raises(MovieError, match=r"broken\.bk2 is not a \.bk2 movie"):
        render(broken)
    assert [path.name for path in tmp_path.iterdir()] == ["broken.bk2"]
    with pytest.raises(MovieError, match="does not exist"):
        render(broken, tmp_path / "nowhere" / "x.mp4")
