"""Writes several frame sequences side by side to one mp4, each under a label.

`training.dream` uses it to compare an episode with V's reconstruction and M's predictions.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from arena.replay.video import STEPS_PER_SECOND, write_video

CAPTION_ROWS = 16


def write_side_by_side(
    path: Path,
    columns: Sequence[NDArray[np.uint8]],
    labels: Sequence[str],
    *,
    enlarge: int = 4,
    frames_per_second: float = STEPS_PER_SECOND,
) -> None:
    """Write an mp4 (H.264); the file appears only when it is complete.

    Args:
        path: the mp4. Its folder is created.
        columns: uint8 (T, S, S, 3) RGB each, all of the same T and S.
        labels: a few words for each column.
        enlarge: integer factor by which the pixels are repeated.
        frames_per_second: frame rate of the video.

    Raises:
        VideoError: there is no ffmpeg, or it failed.
        OSError: the folder can't be written.
    """
    assert len(columns) == len(labels) and len({c.shape for c in columns}) == 1, labels
    size = columns[0].shape[1] * enlarge
    captions = np.concatenate([_caption(label, size) for label in labels], 1)
    frames = (
        np.concatenate((captions, _enlarged(np.concatenate(row, 1), enlarge)))
        for row in zip(*columns, strict=True)
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    width, height = size * len(columns), size + CAPTION_ROWS
    options = ["-c:v", "libx264", "-pix_fmt", "yuv420p", "-crf", "10"]
    if width % 2 or height % 2:  # in this pixel format, H.264 needs even sizes
        options += ["-vf", f"scale={width + width % 2}:{height + height % 2}"]
    write_video(path, frames, (width, height), frames_per_second, options)


def _enlarged(frame: NDArray[np.uint8], enlarge: int) -> NDArray[np.uint8]:
    return frame.repeat(enlarge, 0).repeat(enlarge, 1)


def _caption(text: str, width: int) -> NDArray[np.uint8]:
    caption = np.full((CAPTION_ROWS, width, 3), 255, np.uint8)
    cv2.putText(caption, text, (4, 12), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (0, 0, 0), 1, cv2.LINE_AA)
    return caption
