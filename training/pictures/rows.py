"""Writes rows of frames as one PNG."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from agent.files import write_atomically

GAP = 2  # pixels between frames, before enlarging
BACKGROUND = 255


def write_rows(
    path: Path, rows: Sequence[NDArray[np.uint8]], *, enlarge: int = 2, labels: Sequence[str] = ()
) -> None:
    """Write rows of frames as a PNG.

    Args:
        path: path of the PNG; its folder is created.
        rows: uint8 (N, S, S, 3) RGB each, from top to bottom; rows may differ in N.
        enlarge: integer scale factor, nearest neighbour.
        labels: label at the left of each row; empty: no labels.
    """
    pictures = [_row(row, enlarge) for row in rows]
    if labels:
        assert len(labels) == len(rows), (labels, len(rows))
        pictures = [
            np.concatenate((_label(text, picture.shape[0]), picture), 1)
            for text, picture in zip(labels, pictures, strict=True)
        ]
    width = max(picture.shape[1] for picture in pictures)
    padded = [
        np.pad(
            picture,
            ((0, 0), (0, width - picture.shape[1]), (0, 0)),
            constant_values=BACKGROUND,
        )
        for picture in pictures
    ]
    whole = np.ascontiguousarray(np.concatenate(padded)[:, :, ::-1])  # OpenCV's order is BGR
    _, data = cv2.imencode(".png", whole)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, data.tobytes())


def to_pixels(frames: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Convert decoded frames, float32 in [0, 1], to uint8."""
    return np.round(frames * 255).clip(0, 255).astype(np.uint8)


def _row(frames: NDArray[np.uint8], enlarge: int) -> NDArray[np.uint8]:
    assert frames.ndim == 4 and frames.shape[3] == 3 and frames.dtype == np.uint8, frames.shape
    edged = np.pad(frames, ((0, 0), (0, GAP), (0, GAP), (0, 0)), constant_values=BACKGROUND)
    row = np.concatenate(list(edged), 1)
    return row.repeat(enlarge, 0).repeat(enlarge, 1)


def _label(text: str, height: int) -> NDArray[np.uint8]:
    picture = np.full((height, 110, 3), BACKGROUND, np.uint8)
    position = (4, height // 2)
    cv2.putText(picture, text, position, cv2.FONT_HERSHEY_SIMPLEX, 0.4, (0, 0, 0), 1, cv2.LINE_AA)
    return picture
