"""Replays recorded episodes: renders a .bk2 to an mp4, and yields the frames of an episode.

The emulator records every episode as a .bk2, which holds a start state and the buttons. A replay
presses the same buttons on the emulator again.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import stable_retro
from rich.console import Console
from rich.progress import track

from agent.errors import UserError
from arena.environment.availability import check_rom
from arena.environment.level_files import LevelError
from arena.environment.levels import register_integration
from arena.environment.recorded_games import recorded_level
from arena.replay.video import write_video

SCALE = 3  # 960 x 672 pixels


class MovieError(UserError):
    """A recorded episode can't be played again."""


def render(
    movie: Path, out: Path | None = None, *, integration: Path | None = None, scale: int = SCALE
) -> Path:
    """Render a .bk2 to an mp4 (H.264, 60 frames per second, no sound).

    The mp4 appears under its name only when it is complete.

    Args:
        movie: a .bk2 of a game whose ROM is imported.
        out: the mp4. Default: the movie's path with the ending .mp4.
        integration: folder of a game that is not part of stable-retro; None for its games.
        scale: integer factor by which the pixels are enlarged.

    Returns:
        The path of the mp4.

    Raises:
        MovieError: the movie is missing or broken, its game is unknown, or `out` can't be written
            or is a file of another kind.
        VideoError: there is no ffmpeg, or it failed.
    """
    out = out or movie.with_suffix(".mp4")
    if not movie.is_file():
        raise MovieError(f"there is no movie {movie}: give a .bk2 file of a run folder's movies")
    if not out.parent.is_dir():
        raise MovieError(f"the folder {out.parent} does not exist: make it, or give another --out")
    if out.exists() and out.suffix.lower() != ".mp4":
        raise MovieError(f"{out} exists and is not a video (.mp4): give another --out")
    with replaying(movie, integration) as replay:
        height, width = replay.shape[:2]
        frames = (frame for _, frame in replay.steps(1))
        options = (
            *("-vf", f"scale={width * scale}:{height * scale}:flags=neighbor"),
            *("-c:v", "libx264", "-preset", "veryfast", "-crf", "18", "-pix_fmt", "yuv420p"),
            *("-movflags", "+faststart"),
        )
        console = Console(stderr=True)  # stdout is for the path of the mp4
        shown = track(frames, "rendering", replay.length, transient=True, console=console)
        if not console.is_terminal:
            console.print(f"rendering {replay.length:,} frames ...")
        try:
            write_video(out, shown, (width, height), replay.frames_per_second, options)
        except OSError as error:
            raise MovieError(f"can't write {out}: {error.strerror}; give another --out") from error
    return out


class MovieReplay:
    """A recorded episode that the emulator plays again.

    Attributes:
        length: number of emulator frames after the first one.
        buttons: names of the first player's buttons, in the emulator's order.
        shape: shape of a frame, (height, width, 3).
        frames_per_second: frame rate of the console.
    """

    def __init__(self, emulator: Any, recording: Any, length: int) -> None:
        self._emulator = emulator
        self._recording = recording
        self.length = length
        self.buttons: list[str] = list(emulator.buttons)
        self.shape: tuple[int, ...] = tuple(emulator.observation_space.shape)
        self.frames_per_second = float(emulator.em.get_screen_rate())

    @property
    def console(self) -> Any:
        """stable-retro's emulator, with the sound."""
        return self._emulator.em

    def first_frame(self) -> np.ndarray:
        """Return the frame before the first button press, uint8 (height, width, 3) RGB.

        Call it before `steps`.
        """
        return self._frame()

    def steps(self, frame_skip: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Play the episode, `frame_skip` emulator frames per step; the last step may have fewer.

        Yields:
            The first player's buttons in the step's last frame, uint8 (n_buttons,), and the
            frame after it, uint8 (height, width, 3) RGB.
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
                yield buttons, self._frame()
        if played % frame_skip:
            yield buttons, self._frame()

    def _frame(self) -> np.ndarray:
        # The console can change its resolution in mid-game; a video has one size.
        frame = self._emulator.get_screen(apply_rotation=True)
        if frame.shape != self.shape:
            return np.zeros(self.shape, np.uint8)
        return np.ascontiguousarray(frame)


@contextmanager
def replaying(movie: Path, integration: Path | None = None) -> Iterator[MovieReplay]:
    """Open a movie with an emulator in its first state; a process can have only one emulator.

    Raises:
        MovieError: the movie is missing or broken, or its game is unknown.
    """
    if not movie.is_file():
        raise MovieError(f"there is no movie {movie}: give a .bk2 file of a run folder's movies")
    emulator, recording, length = _open(movie, integration)
    try:
        yield MovieReplay(emulator, recording, length)
    finally:
        emulator.close()


def _open(movie: Path, integration: Path | None) -> tuple[Any, Any, int]:
    """Return an emulator in the movie's first state, the movie, and its length in frames."""
    try:
        counted = stable_retro.Movie(str(movie))
        length = -1  # the first frame is the one of the reset
        while counted.step():
            length += 1
        recording = stable_retro.Movie(str(movie))
        recording.step()
        level = recorded_level(movie, recording.get_game(), integration)
        check_rom(level)
        emulator = stable_retro.make(
            game=level.game,
            state=stable_retro.State.NONE,
            use_restricted_actions=stable_retro.Actions.ALL,
            players=recording.players,
            inttype=register_integration(level),
            render_mode="rgb_array",
        )
    except LevelError as error:
        raise MovieError(f"{movie} can't be played: {error}") from error
    except (RuntimeError, ValueError, OSError) as error:
        raise MovieError(f"{movie} is not a .bk2 movie of a known game: {error}") from error
    emulator.initial_state = recording.get_state()
    if length < 1 or not emulator.em.set_state(emulator.initial_state):
        emulator.close()
        problem = "no frames" if length < 1 else "a start state of another emulator"
        raise MovieError(f"{movie} can't be played: it contains {problem}; record it again")
    emulator.reset()
    return emulator, recording, length
