"""The animation of the gallery: the game, V's view, M's prediction and the buttons."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from agent.buttons import ACTION_BUTTONS, from_genesis
from agent.errors import UserError
from agent.files import write_atomically
from arena.replay.video import write_video

STEPS_A_SECOND = 15
MAX_BYTES = 2_500_000
BAR = 28  # pixels below the pictures, for the buttons
INK, SOFT, PAPER, ACCENT = (235, 235, 230), (110, 120, 118), (20, 24, 23), (40, 190, 165)


@dataclass(frozen=True)
class Quality:
    """Length and detail of the animation."""

    seconds: float
    steps_a_picture: int
    colours: int


# The first quality whose file is small enough is used.
QUALITIES = (
    Quality(14, 2, 128),
    Quality(12, 2, 96),
    Quality(10, 2, 64),
    Quality(8, 3, 64),
    Quality(6, 3, 48),
)


def write_gif(
    path: Path,
    frames: NDArray[np.uint8],
    seen: NDArray[np.uint8],
    expected: NDArray[np.uint8],
    buttons: NDArray[np.uint8],
) -> dict[str, Any]:
    """Write the part of an episode that changes most, with the model's two pictures.

    Args:
        path: the GIF file.
        frames: (T + 1, height, width, 3) RGB.
        seen: (T + 1, S, S, 3), V's view of each frame.
        expected: (T + 1, S, S, 3), M's prediction of each frame.
        buttons: (T, 12), buttons[t] led to frames[t + 1].

    Returns:
        The quality and the number of bytes.
    """

    def picture(t: int) -> NDArray[np.uint8]:
        return compose(frames[t], seen[t], expected[t], buttons[t - 1])

    return write_liveliest(path, frames, picture, MAX_BYTES)


def write_liveliest(
    path: Path,
    frames: NDArray[np.uint8],
    picture: Callable[[int], NDArray[np.uint8]],
    max_bytes: int,
) -> dict[str, Any]:
    """Write the part of an episode that changes most, at the game's speed.

    Args:
        path: the GIF file.
        frames: (T + 1, height, width, 3) RGB.
        picture: returns the picture of a frame, from 1.
        max_bytes: maximum size of the file.

    Returns:
        The quality and the number of bytes.

    Raises:
        UserError: the file is larger at the lowest quality.
    """
    for quality in QUALITIES:
        first, last = liveliest(frames, round(quality.seconds * STEPS_A_SECOND))
        pictures = [picture(t) for t in range(first, last, quality.steps_a_picture)]
        data = encode(pictures, STEPS_A_SECOND / quality.steps_a_picture, quality.colours)
        if len(data) <= max_bytes:
            write_atomically(path, data)
            return {**asdict(quality), "first_step": first, "bytes": len(data)}
    raise UserError(
        f"{path} needs {len(data):,} bytes at the lowest quality, more than {max_bytes:,}: give"
        " another run"
    )


def liveliest(frames: NDArray[np.uint8], steps: int) -> tuple[int, int]:
    """Return the window of `steps` steps whose pictures change most: first, last + 1."""
    small = frames[:, ::8, ::8].astype(np.int16)
    changes = np.abs(np.diff(small, axis=0)).mean((1, 2, 3))  # changes[t]: from t to t + 1
    sums = np.convolve(changes, np.ones(min(steps, len(changes))), "valid")
    first = 1 + int(np.argmax(sums))
    return first, min(first + steps, len(frames))


def compose(
    frame: NDArray[np.uint8],
    seen: NDArray[np.uint8],
    expected: NDArray[np.uint8],
    buttons: NDArray[np.uint8],
) -> NDArray[np.uint8]:
    """Return one picture: the game on the left, V above M on the right, the buttons below."""
    height, width = frame.shape[:2]
    half = (width // 2, height // 2)
    small = []
    for part, text in ((seen, "V sees"), (expected, "M expected")):
        small.append(np.asarray(cv2.resize(part, half, interpolation=cv2.INTER_NEAREST), np.uint8))
        label(small[-1], text)
    return with_keys(np.concatenate((frame, np.concatenate(small)), 1), buttons)


def with_keys(picture: NDArray[np.uint8], buttons: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return a picture, (height, width, 3), with the agent's buttons below; buttons: (12,)."""
    bar = np.full((BAR, picture.shape[1], 3), PAPER, np.uint8)
    x = 8
    for name, pressed in zip(ACTION_BUTTONS, from_genesis(buttons), strict=True):
        x = draw_key(bar, name, bool(pressed), x)
    return np.concatenate((picture, bar))


def label(picture: NDArray[np.uint8], text: str) -> None:
    """Write a text on a dark background into a picture's upper left corner."""
    font, size = cv2.FONT_HERSHEY_SIMPLEX, 0.4
    width = cv2.getTextSize(text, font, size, 1)[0][0]
    cv2.rectangle(picture, (0, 0), (width + 10, 18), PAPER, -1)
    cv2.putText(picture, text, (5, 13), font, size, INK, 1, cv2.LINE_AA)


def draw_key(bar: NDArray[np.uint8], name: str, pressed: bool, x: int) -> int:
    """Draw a button at position `x`; return the position of the next button."""
    font, size = cv2.FONT_HERSHEY_SIMPLEX, 0.4
    width = cv2.getTextSize(name, font, size, 1)[0][0] + 14
    corners = (x, 5), (x + width, BAR - 6)
    cv2.rectangle(bar, *corners, ACCENT if pressed else SOFT, -1 if pressed else 1)
    colour = PAPER if pressed else SOFT
    cv2.putText(bar, name, (x + 7, BAR - 11), font, size, colour, 1, cv2.LINE_AA)
    return x + width + 6


def encode(pictures: Sequence[NDArray[np.uint8]], rate: float, colours: int) -> bytes:
    """Return a GIF of RGB pictures of one size, with one palette for all."""
    height, width = pictures[0].shape[:2]
    palette = f"split[a][b];[a]palettegen=max_colors={colours}[p]"
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out.gif"
        filters = f"{palette};[b][p]paletteuse=dither=none:diff_mode=rectangle"
        write_video(out, pictures, (width, height), rate, ("-filter_complex", filters))
        return out.read_bytes()
