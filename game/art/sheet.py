"""Contact sheets: pictures in palette colours, arranged and converted to RGB."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import cv2
import numpy as np

from game.format import Picture


def colours(pictures: Picture, palettes: Picture, behind: tuple[int, int, int]) -> Picture:
    """Convert (H, W) colours 0-63 to (H, W, 3) RGB; transparent pixels get the colour `behind`."""
    table = palettes.reshape(64, 3).copy()
    table[::16] = behind
    return np.asarray(table[pictures])


def row(pictures: Iterable[Picture], gap: int = 2) -> Picture:
    """Arrange pictures side by side with their bottoms aligned."""
    padded = [np.pad(p, ((0, gap), (0, gap))) for p in pictures]
    height = max(p.shape[0] for p in padded)
    return np.concatenate([np.pad(p, ((height - p.shape[0], 0), (0, 0))) for p in padded], axis=1)


def column(rows: Sequence[Picture]) -> Picture:
    """Arrange rows one below the other."""
    width = max(r.shape[1] for r in rows)
    return np.concatenate([np.pad(r, ((0, 0), (0, width - r.shape[1]))) for r in rows], axis=0)


def png(picture: Picture, scale: int = 1) -> bytes:
    """Encode an RGB picture as PNG, enlarged by an integer factor."""
    big = picture.repeat(scale, 0).repeat(scale, 1)
    done, data = cv2.imencode(".png", np.ascontiguousarray(big[..., ::-1]))
    assert done
    return bytes(data)
