"""The process that films one episode: `python -m arena.replay.camera ORDER` (see footage).

    +--------------------------------+
    | the buttons pressed, the time  |
    +--------------------+-----------+
    | the game           | V sees    |
    |                    +-----------+
    |                    | M expects |
    +--------------------+-----------+

The buttons are on top since a browser lays its own controls over the bottom. Without the model's
pictures the game stands alone. The answer is a line of JSON.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from agent import command_line
from agent.buttons import GENESIS_BUTTONS, from_genesis
from agent.files import write_atomically
from agent.world_model.packed_model import PackedModelError
from arena.environment.contest_env import FRAME_SKIP
from arena.replay import movies
from arena.replay.footage import Filmed, Order
from arena.replay.imagination import Imagination
from arena.replay.movies import MovieError, Replay

Picture = NDArray[np.uint8]

STEPS_A_SECOND = 15  # the contest's: 60 frames, four a step
MAX_SHOWN = 600  # 40 s; a longer episode is shown faster
HELD_AT_END = STEPS_A_SECOND
BITS_A_SECOND = 700_000  # at most: two videos of 40 s take 7 MB, and a third more as text
GAME_SIZE = (640, 448)
PANEL_SIZE = (302, 212)  # the same shape
SIDE_WIDTH = 320
TITLE_HEIGHT = 24
STRIP_HEIGHT = 64
BACKGROUND = (24, 27, 34)
INK = (226, 230, 238)
FAINT = (110, 118, 132)
LIT = (255, 176, 0)
KEYS = ("LEFT", "RIGHT", "UP", "DOWN", "A", "B", "C", "START")


@dataclass(frozen=True)
class Moment:
    """What there is to see at one step.

    Attributes:
        number: of the step, from 0.
        game: uint8 (H, W, 3) RGB.
        pressed: names of the buttons held on this picture.
        seen: V's reconstruction, uint8 (S, S, 3); None without a model.
        expected: M's next frame, likewise.
    """

    number: int
    game: Picture
    pressed: Sequence[str]
    seen: Picture | None
    expected: Picture | None


def main() -> None:
    """Film the episode that the order names."""
    order = Order(**json.loads(sys.argv[1]))
    imagination, problem = open_imagination(order.pretrained)
    integration = Path(order.integration) if order.integration else None
    with movies.replaying(Path(order.movie), integration) as replay:
        steps = max(1, -(-replay.length // FRAME_SKIP))
        every = -(-steps // MAX_SHOWN)
        moments = film(replay, imagination, every)
        shown = encode(moments, steps, every, Path(order.video), Path(order.poster))
    print(json.dumps(asdict(Filmed(steps, every, shown, imagination is not None, problem))))


def open_imagination(pretrained: str | None) -> tuple[Imagination | None, str]:
    """The model's eyes, or None and the reason that there are none."""
    if pretrained is None:
        return None, ""
    try:
        return Imagination(Path(pretrained)), ""
    except PackedModelError as error:
        return None, str(error)


def film(replay: Replay, imagination: Imagination | None, every: int) -> Iterator[Moment]:
    """Play the episode; yield each `every`-th step, and the last picture."""
    if imagination is not None:
        imagination.reset()
    number = 0
    game = replay.first_picture()
    for number, (buttons, after) in enumerate(replay.steps(FRAME_SKIP)):
        pressed = [name for name, held in zip(replay.buttons, buttons, strict=True) if held]
        seen = expected = None
        if imagination is not None:
            seen = imagination.see(game)
            expected = imagination.expect(_action(replay.buttons, buttons))
        if number % every == 0:
            yield Moment(number, game, pressed, seen, expected)
        game = after
    seen = imagination.see(game) if imagination is not None else None
    yield Moment(number + 1, game, [], seen, seen)


def encode(moments: Iterator[Moment], steps: int, every: int, video: Path, poster: Path) -> int:
    """Write the video (H.264, 15 pictures a second) and a picture of its middle.

    Returns:
        How many moments it shows.
    """
    first = next(moments)
    height, width = draw(first, steps, every).shape[:2]
    command = [
        *(movies.ffmpeg(), "-y", "-loglevel", "error", "-nostdin"),
        *("-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}"),
        *("-r", str(STEPS_A_SECOND), "-i", "pipe:0", "-an"),
        *("-c:v", "libx264", "-preset", "veryfast", "-tune", "animation", "-threads", "1"),
        *("-crf", "26", "-maxrate", str(BITS_A_SECOND), "-bufsize", str(2 * BITS_A_SECOND)),
        *("-g", str(4 * STEPS_A_SECOND), "-pix_fmt", "yuv420p", "-movflags", "+faststart"),
        str(video),
    ]
    middle = steps // every // 2
    shown = 0
    with (
        tempfile.TemporaryFile() as messages,
        subprocess.Popen(command, stdin=subprocess.PIPE, stderr=messages) as process,
    ):
        assert process.stdin is not None
        try:
            with process.stdin as pipe:
                for moment in _and_then(first, moments):
                    picture = draw(moment, steps, every)
                    if shown == middle:
                        _, jpeg = cv2.imencode(".jpg", picture[:, :, ::-1])
                        write_atomically(poster, jpeg.tobytes())
                    pipe.write(picture.tobytes())
                    shown += 1
                for _ in range(HELD_AT_END):
                    pipe.write(picture.tobytes())
        except BrokenPipeError:
            pass  # its exit code tells
        code = process.wait()
        messages.seek(0)
        said = messages.read().decode(errors="replace").strip().splitlines()
    if code:
        raise MovieError(f"ffmpeg could not write the video: {said[-1] if said else code}")
    return shown


def draw(moment: Moment, steps: int, every: int) -> Picture:
    """The picture of one moment, uint8 (536, 640 or 960, 3) RGB."""
    imagined = moment.seen is not None
    width = GAME_SIZE[0] + (SIDE_WIDTH if imagined else 0)
    canvas = np.full((TITLE_HEIGHT + GAME_SIZE[1] + STRIP_HEIGHT, width, 3), BACKGROUND, np.uint8)
    top = STRIP_HEIGHT + TITLE_HEIGHT
    _place(canvas, moment.game, GAME_SIZE, (0, top))
    _write(canvas, "the game", (10, top - 8))
    if moment.seen is not None and moment.expected is not None:
        left = GAME_SIZE[0] + (SIDE_WIDTH - PANEL_SIZE[0]) // 2
        below = top + PANEL_SIZE[1] + TITLE_HEIGHT
        _place(canvas, moment.seen, PANEL_SIZE, (left, top))
        _write(canvas, "what V sees", (left, top - 8))
        _place(canvas, moment.expected, PANEL_SIZE, (left, below))
        _write(canvas, "what M expects next", (left, below - 8))
    _buttons(canvas, moment.pressed)
    seconds = moment.number / STEPS_A_SECOND
    speed = f", {every} times as fast" if every > 1 else ""
    _write(canvas, f"step {moment.number:,} of {steps:,}, {seconds:.1f} s{speed}", (10, 52))
    return canvas


def _and_then(first: Moment, rest: Iterator[Moment]) -> Iterator[Moment]:
    yield first
    yield from rest


def _action(names: Sequence[str], buttons: Picture) -> Picture:
    """The agent's four buttons of a gamepad's; those that a console lacks are not pressed."""
    held = {name for name, pressed in zip(names, buttons, strict=True) if pressed}
    return from_genesis(np.array([name in held for name in GENESIS_BUTTONS], np.uint8))


def _place(canvas: Picture, picture: Picture, size: tuple[int, int], at: tuple[int, int]) -> None:
    """Draw a picture, enlarged to (width, height) with crisp pixels, at (x, y)."""
    resized = cv2.resize(picture, size, interpolation=cv2.INTER_NEAREST)
    canvas[at[1] : at[1] + size[1], at[0] : at[0] + size[0]] = resized


def _buttons(canvas: Picture, pressed: Sequence[str]) -> None:
    top, left = 8, 10
    for key in KEYS:
        lit = key in pressed
        (text_width, _), _ = cv2.getTextSize(key, cv2.FONT_HERSHEY_SIMPLEX, 0.45, 1)
        right = left + text_width + 20
        cv2.rectangle(
            canvas, (left, top), (right, top + 26), LIT if lit else FAINT, -1 if lit else 1
        )
        _write(canvas, key, (left + 10, top + 18), (20, 20, 20) if lit else FAINT)
        left = right + 8


def _write(
    canvas: Picture, text: str, at: tuple[int, int], colour: tuple[int, int, int] = INK
) -> None:
    cv2.putText(canvas, text, at, cv2.FONT_HERSHEY_SIMPLEX, 0.45, colour, 1, cv2.LINE_AA)


if __name__ == "__main__":
    command_line.run(main)
