"""Small mp4s of what the networks see, beside each other."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import cv2
import imageio_ffmpeg
import numpy as np
from numpy.typing import NDArray

from agent.errors import UserError

STEPS_A_SECOND = 15  # of the contest: real time
CAPTION_ROWS = 16


def write_film(
    path: Path,
    columns: Sequence[NDArray[np.uint8]],
    labels: Sequence[str],
    *,
    enlarge: int = 4,
    frames_per_second: float = STEPS_A_SECOND,
) -> None:
    """Write an mp4 (H.264) of films side by side, each under its label, whole or not at all.

    Args:
        path: of the mp4; its folder is made.
        columns: uint8 (T, S, S, 3) RGB each, of one T and S.
        labels: a few words for each.
        enlarge: whole factor, nearest.
        frames_per_second: of the film.

    Raises:
        UserError: there is no ffmpeg, or it fails.
        OSError: the folder can't be written.
    """
    assert len(columns) == len(labels) and len({c.shape for c in columns}) == 1, labels
    size = columns[0].shape[1] * enlarge
    captions = np.concatenate([_caption(label, size) for label in labels], 1)
    pictures = (
        np.concatenate((captions, _enlarged(np.concatenate(row, 1), enlarge)))
        for row in zip(*columns, strict=True)
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}.", suffix=".mp4")
    os.close(descriptor)
    try:
        _encode(name, pictures, (size * len(columns), size + CAPTION_ROWS), frames_per_second)
        os.chmod(name, 0o644)
        os.replace(name, path)
    finally:
        Path(name).unlink(missing_ok=True)


def _encode(
    name: str,
    pictures: Iterable[NDArray[np.uint8]],
    size: tuple[int, int],
    frames_per_second: float,
) -> None:
    try:
        writer = imageio_ffmpeg.write_frames(
            name,
            size,
            fps=frames_per_second,
            codec="libx264",
            quality=8,
            macro_block_size=2,
            ffmpeg_log_level="error",
        )
        writer.send(None)
        for picture in pictures:
            writer.send(np.ascontiguousarray(picture))
        writer.close()
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:120]
        raise UserError(f"no film ({reason}): is there an ffmpeg and room?") from None


def _enlarged(picture: NDArray[np.uint8], enlarge: int) -> NDArray[np.uint8]:
    return picture.repeat(enlarge, 0).repeat(enlarge, 1)


def _caption(text: str, width: int) -> NDArray[np.uint8]:
    picture = np.full((CAPTION_ROWS, width, 3), 255, np.uint8)
    cv2.putText(picture, text, (4, 12), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (0, 0, 0), 1, cv2.LINE_AA)
    return picture
