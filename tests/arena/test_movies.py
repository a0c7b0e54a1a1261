"""Rendering a movie shows the frames that were played."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest

from arena.replay.movies import MovieError, render

RECORDER = """
import sys, numpy as np, stable_retro
env = stable_retro.make("Airstriker-Genesis-v0", render_mode="rgb_array")
env.record_movie(sys.argv[1])
env.reset()
buttons = np.random.default_rng(5).integers(0, 2, size=(45, 12))
buttons[:, 3] = 0  # START would pause the game
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


def test_an_invalid_movie_gives_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(MovieError, match="there is no movie"):
        render(tmp_path / "none.bk2")
    broken = tmp_path / "broken.bk2"
    broken.write_bytes(b"PK\3\4 not really")
    with pytest.raises(MovieError, match=r"broken\.bk2 is not a \.bk2 movie"):
        render(broken)
    assert [path.name for path in tmp_path.iterdir()] == ["broken.bk2"]
    with pytest.raises(MovieError, match="does not exist"):
        render(broken, tmp_path / "nowhere" / "x.mp4")
