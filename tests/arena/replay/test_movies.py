"""Rendering a movie shows the frames that were played."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest

from arena.replay.movies import MovieError, render, replaying
from game.shipped import GAME, MOVIES

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


def altered(movie: Path, out: Path, **entries: bytes) -> Path:
    """Copy a movie with other contents for some of its entries."""
    with zipfile.ZipFile(movie) as source, zipfile.ZipFile(out, "w") as target:
        for name in source.namelist():
            target.writestr(
                name, entries.get(name.split(".")[0].replace(" ", ""), source.read(name))
            )
    return out


def named(movie: Path, out: Path, game: str) -> Path:
    """Copy a movie under the name of another game."""
    with zipfile.ZipFile(movie) as source:
        header = re.sub(
            rb"(?m)^GameName .*$", f"GameName {game}".encode(), source.read("Header.txt")
        )
    return altered(movie, out, Header=header)


def test_a_recording_of_2018_is_rendered(movie: Path, tmp_path: Path) -> None:
    with replaying(named(movie, tmp_path / "old.bk2", "Airstriker-Genesis")) as replay:
        assert (replay.length, len(list(replay.steps(1)))) == (45, 45)


def test_a_recording_without_its_rom_says_how_to_get_it(movie: Path, tmp_path: Path) -> None:
    sonic = named(movie, tmp_path / "sonic.bk2", "SonicTheHedgehog-Genesis")
    with pytest.raises(MovieError, match=r"no ROM of SonicTheHedgehog-Genesis-v0.*roms import"):
        render(sonic)


def test_a_shipped_movie_and_a_copy_of_it_are_played(tmp_path: Path) -> None:
    (shipped,) = (MOVIES / GAME).glob("MeadowZone.Act1.bk2")
    copy = tmp_path / "plays" / "mine.bk2"
    copy.parent.mkdir()
    shutil.copy(shipped, copy)
    for path in (shipped, copy):
        with replaying(path) as replay:
            frame = next(frame for _, frame in replay.steps(1))
        assert frame.shape == (224, 320, 3) and len(np.unique(frame)) > 10


def test_movies_that_the_emulator_does_not_play_are_refused(movie: Path, tmp_path: Path) -> None:
    empty = altered(movie, tmp_path / "empty.bk2", InputLog=b"")
    with pytest.raises(MovieError, match="contains no frames"):
        render(empty)
    foreign = altered(movie, tmp_path / "foreign.bk2", Core=b"state of another core")
    with pytest.raises(MovieError, match="start state of another emulator"):
        render(foreign)
    assert not list(tmp_path.glob("*.mp4"))


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
    with pytest.raises(MovieError, match="is not a video"):
        render(broken, broken)
    assert broken.read_bytes() == b"PK\3\4 not really"
