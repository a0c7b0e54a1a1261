"""Renders a movie (.bk2) to an mp4.

A .bk2 contains a start state and the buttons of an episode; rendering plays the buttons again on
the emulator.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import imageio_ffmpeg
import numpy as np
import stable_retro
from rich.progress import track

from agent.errors import UserError
from arena.environment.levels import Level, register_integration

SCALE = 3  # 960 x 672, and each pixel of the console stays a crisp square


class MovieError(UserError):
    """A movie that can't be rendered."""


def render(
    movie: Path, out: Path | None = None, *, integration: Path | None = None, scale: int = SCALE
) -> Path:
    """Render a .bk2 as an mp4 (H.264, 60 frames a second, no sound), whole or not at all.

    Args:
        movie: a .bk2 of a game whose ROM is imported.
        out: the mp4; left out, the movie's name with the ending .mp4.
        integration: the folder of one's own game; None: stable-retro's games.
        scale: how many pixels a pixel becomes on each side.

    Returns:
        The path written.

    Raises:
        MovieError: no such movie, not a movie, an unknown game, no ffmpeg, an unwritable path.
    """
    out = out or movie.with_suffix(".mp4")
    if not movie.is_file():
        raise MovieError(f"there is no movie {movie}: give a .bk2 file of a run folder's movies")
    if not out.parent.is_dir():
        raise MovieError(f"the folder {out.parent} does not exist: make it, or give another --out")
    try:
        descriptor, name = tempfile.mkstemp(dir=out.parent, prefix=f".{out.stem}.", suffix=".mp4")
    except OSError as error:
        raise MovieError(f"can't write {out}: {error.strerror}; give another --out") from error
    os.close(descriptor)
    try:
        with replaying(movie, integration) as replay:
            _encode(replay, Path(name), scale)
        os.chmod(name, 0o644)
        os.replace(name, out)
    finally:
        Path(name).unlink(missing_ok=True)
    return out


class Replay:
    """A movie that is played again on the emulator.

    Attributes:
        length: emulator frames after the first picture.
        buttons: the names of the first player's buttons, in the emulator's order.
        shape: of a picture, (height, width, 3).
        frames_a_second: of the console.
    """

    def __init__(self, emulator: Any, recording: Any, length: int) -> None:
        self._emulator = emulator
        self._recording = recording
        self.length = length
        self.buttons: list[str] = list(emulator.buttons)
        self.shape: tuple[int, ...] = tuple(emulator.observation_space.shape)
        self.frames_a_second = float(emulator.em.get_screen_rate())

    def first_picture(self) -> np.ndarray:
        """The picture before anything was pressed, uint8 (height, width, 3) RGB; ask first."""
        return self._picture()

    def steps(self, frame_skip: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Play on, `frame_skip` frames a step, the last step perhaps fewer.

        Yields:
            The first player's buttons in the step's last frame, uint8 (n_buttons,), and the
            picture after it, uint8 (height, width, 3) RGB.
        """
        emulator, recording = self._emulator, self._recording
        played, buttons = 0, np.zeros(len(self.buttons), np.uint8)
        while recording.step():
            for player in reversed(range(recording.players)):
                keys = range(len(self.buttons))
                pressed = [recording.get_key(button, player) for button in keys]
                buttons = np.array(pressed, np.uint8)
                emulator.em.set_button_mask(buttons, player)
            emulator.em.step()
            played += 1
            if played % frame_skip == 0:
                yield buttons, self._picture()
        if played % frame_skip:
            yield buttons, self._picture()

    def _picture(self) -> np.ndarray:
        # The console's picture may change its size: what follows counts on one.
        picture = self._emulator.get_screen(apply_rotation=True)
        if picture.shape != self.shape:
            return np.zeros(self.shape, np.uint8)
        return np.ascontiguousarray(picture)


@contextmanager
def replaying(movie: Path, integration: Path | None = None) -> Iterator[Replay]:
    """Open a movie with an emulator in its first state; one a process.

    Raises:
        MovieError: no such movie, not a movie, or an unknown game.
    """
    if not movie.is_file():
        raise MovieError(f"there is no movie {movie}: give a .bk2 file of a run folder's movies")
    emulator, recording, length = _open(movie, integration)
    try:
        yield Replay(emulator, recording, length)
    finally:
        emulator.close()


def _open(movie: Path, integration: Path | None) -> tuple[Any, Any, int]:
    """An emulator in the movie's first state, the movie, and its length in frames."""
    try:
        counted = stable_retro.Movie(str(movie))
        length = 0
        while counted.step():
            length += 1
        recording = stable_retro.Movie(str(movie))
        recording.step()
        level = Level(recording.get_game(), "", integration=integration)
        emulator = stable_retro.make(
            game=level.game,
            state=stable_retro.State.NONE,
            use_restricted_actions=stable_retro.Actions.ALL,
            players=recording.players,
            inttype=register_integration(level),
            render_mode="rgb_array",
        )
        emulator.initial_state = recording.get_state()
        emulator.reset()
    except FileNotFoundError as error:
        raise MovieError(
            f"{movie} needs a game that is not here ({error}): see `python -m arena roms`"
        ) from error
    except (RuntimeError, ValueError) as error:
        raise MovieError(f"{movie} is not a .bk2 movie of a known game: {error}") from error
    return emulator, recording, length


def _encode(replay: Replay, out: Path, scale: int) -> None:
    height, width = replay.shape[:2]
    frames = (picture for _, picture in replay.steps(1))
    command = [
        *(ffmpeg(), "-y", "-loglevel", "error", "-nostdin"),
        *("-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}"),
        *("-r", f"{replay.frames_a_second:.6f}", "-i", "pipe:0", "-an"),
        *("-vf", f"scale={width * scale}:{height * scale}:flags=neighbor"),
        *("-c:v", "libx264", "-preset", "veryfast", "-crf", "18", "-pix_fmt", "yuv420p"),
        *("-movflags", "+faststart", str(out)),
    ]
    with (
        tempfile.TemporaryFile() as messages,
        subprocess.Popen(command, stdin=subprocess.PIPE, stderr=messages) as process,
    ):
        assert process.stdin is not None
        shown = track(frames, "rendering", total=replay.length, transient=True)
        sent = _send(process.stdin, shown)
        code = process.wait()
        messages.seek(0)
        said = messages.read().decode(errors="replace").strip().splitlines()
    if code != 0 or not sent:
        raise MovieError(f"ffmpeg could not write {out}: {said[-1] if said else f'exit {code}'}")


def _send(pipe: IO[bytes], frames: Any) -> bool:
    """Write every frame; False where ffmpeg went away in the middle."""
    try:
        with pipe:
            for frame in frames:
                pipe.write(np.ascontiguousarray(frame).tobytes())
    except BrokenPipeError:
        return False
    return True


def ffmpeg() -> str:
    """Path of imageio-ffmpeg's bundled binary, or the system's."""
    try:
        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError as error:
        raise MovieError("there is no ffmpeg: install imageio-ffmpeg, or ffmpeg itself") from error
