"""Writes RGB frames to a video file. This is the only module that runs ffmpeg.

It uses the ffmpeg of the package imageio-ffmpeg, or the system's if that package has none for the
platform.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import imageio_ffmpeg
import numpy as np
from numpy.typing import NDArray

from agent.errors import UserError

STEPS_PER_SECOND = 15  # the contest's: 60 frames per second, 4 frames per step


class VideoError(UserError):
    """A video could not be written."""


def write_video(
    path: Path,
    frames: Iterable[NDArray[np.uint8]],
    size: tuple[int, int],
    frames_per_second: float,
    options: Sequence[str],
) -> None:
    """Encode frames; the file appears under its name only when it is complete.

    Args:
        path: the video. Its ending names the format.
        frames: uint8 (height, width, 3) RGB each, at least one.
        size: (width, height) of every frame.
        frames_per_second: frame rate of the video.
        options: output options of ffmpeg: codec, quality, filters.

    Raises:
        VideoError: there is no ffmpeg, it failed, or there was no frame.
        OSError: the folder can't be written.
    """
    command = [
        *(_ffmpeg(), "-y", "-loglevel", "error", "-nostdin"),
        *("-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{size[0]}x{size[1]}"),
        *("-r", f"{frames_per_second:.6f}", "-i", "pipe:0", "-an", *options),
    ]
    descriptor, name = tempfile.mkstemp(
        dir=path.parent, prefix=f".{path.stem}.", suffix=path.suffix
    )
    os.close(descriptor)
    try:
        reason = _run([*command, name], frames)
        if reason:
            raise VideoError(f"ffmpeg could not write {path}: {reason}")
        os.chmod(name, 0o644)
        os.replace(name, path)
    finally:
        Path(name).unlink(missing_ok=True)


def _run(command: Sequence[str], frames: Iterable[NDArray[np.uint8]]) -> str:
    """Run ffmpeg on the frames; return why it failed, or an empty string."""
    sent, broken = 0, False
    with (
        tempfile.TemporaryFile(dir=Path(command[-1]).parent) as messages,
        subprocess.Popen(command, stdin=subprocess.PIPE, stderr=messages) as process,
    ):
        assert process.stdin is not None
        try:
            with process.stdin as pipe:
                for frame in frames:
                    pipe.write(np.ascontiguousarray(frame).tobytes())
                    sent += 1
        except BrokenPipeError:
            broken = True  # ffmpeg has ended; its exit code and its messages say why
        code = process.wait()
        messages.seek(0)
        lines = messages.read().decode(errors="replace").strip().splitlines()
    if code or broken:
        return lines[-1] if lines else f"exit code {code}"
    return "" if sent else "there was no frame"


def _ffmpeg() -> str:
    try:
        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError as error:
        raise VideoError("there is no ffmpeg: install imageio-ffmpeg, or ffmpeg itself") from error
