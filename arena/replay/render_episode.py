"""The process that renders one episode: `python -m arena.replay.render_episode REQUEST`.

    +-----------------------------------+
    | the buttons held, the time        |
    +--------------------+--------------+
    | game               | V            |
    |                    | reconstructs |
    |                    +--------------+
    |                    | M predicts   |
    +--------------------+--------------+

The buttons are at the top because a browser draws its controls over the bottom. Without a world
model the game is shown alone. The process prints its result as one line of JSON.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from agent import command_line
from agent.buttons import GENESIS_BUTTONS, from_genesis
from agent.command_line.parser import json_argument
from agent.files import write_atomically
from agent.world_model.packed_model import PackedModelError
from arena.environment.contest_rules import FRAME_SKIP
from arena.replay import movies
from arena.replay.decoded_views import DecodedViews
from arena.replay.episode_video import RenderRequest, RenderResult
from arena.replay.movies import MovieReplay
from arena.replay.video import STEPS_PER_SECOND, write_video

Frame = NDArray[np.uint8]

MAX_SHOWN = 600  # 40 s; the video of a longer episode skips steps
HELD_AT_END = STEPS_PER_SECOND  # number of times that the last frame is repeated
MAX_BITS_PER_SECOND = 700_000  # two videos of 40 s take 7 MB, and a third more in base64
GAME_SIZE = (640, 448)
PANEL_SIZE = (302, 212)  # the same aspect ratio
SIDE_WIDTH = 320
TITLE_HEIGHT = 24
STRIP_HEIGHT = 64
BACKGROUND = (24, 27, 34)
INK = (226, 230, 238)
FAINT = (110, 118, 132)
LIT = (255, 176, 0)
KEYS = ("LEFT", "RIGHT", "UP", "DOWN", "A", "B", "C", "START")


@dataclass(frozen=True)
class StepView:
    """What the video shows of one step.

    Attributes:
        number: number of the step, from 0.
        game: the game's frame, uint8 (H, W, 3) RGB.
        pressed: names of the buttons held on this frame.
        reconstruction: V's reconstruction of the frame, uint8 (S, S, 3); None without a model.
        prediction: M's prediction of the next frame, in the same form.
    """

    number: int
    game: Frame
    pressed: Sequence[str]
    reconstruction: Frame | None
    prediction: Frame | None


def main() -> None:
    """Render the episode that the request names."""
    request = RenderRequest(**json_argument(__doc__))
    views, problem = open_views(request.pretrained)
    integration = Path(request.integration) if request.integration else None
    with movies.replaying(Path(request.movie), integration) as replay:
        steps = max(1, -(-replay.length // FRAME_SKIP))
        every = -(-steps // MAX_SHOWN)
        shown = encode(
            step_views(replay, views, every),
            steps,
            every,
            Path(request.video),
            Path(request.poster),
        )
    print(json.dumps(asdict(RenderResult(steps, every, shown, views is not None, problem))))


def open_views(pretrained: str | None) -> tuple[DecodedViews | None, str]:
    """Open the model's decoder; return None and the reason if that fails."""
    if pretrained is None:
        return None, ""
    try:
        return DecodedViews(Path(pretrained)), ""
    except PackedModelError as error:
        return None, str(error)


def step_views(replay: MovieReplay, views: DecodedViews | None, every: int) -> Iterator[StepView]:
    """Play the episode; yield each `every`-th step, and the last frame.

    The model computes every step: M's state depends on all of them.
    """
    if views is not None:
        views.reset()
    number = 0
    game = replay.first_frame()
    for number, (buttons, after) in enumerate(replay.steps(FRAME_SKIP)):
        pressed = [name for name, held in zip(replay.buttons, buttons, strict=True) if held]
        reconstruction = prediction = None
        if views is not None:
            reconstruction = views.reconstruct(game)
            prediction = views.predict(_action(replay.buttons, buttons))
        if number % every == 0:
            yield StepView(number, game, pressed, reconstruction, prediction)
        game = after
    reconstruction = views.reconstruct(game) if views is not None else None
    yield StepView(number + 1, game, [], reconstruction, reconstruction)


def encode(views: Iterator[StepView], steps: int, every: int, video: Path, poster: Path) -> int:
    """Write the video (H.264, 15 frames per second) and a JPEG of the frame in its middle.

    Returns:
        The number of steps that the video shows.
    """
    first = next(views)
    height, width = draw(first, steps, every).shape[:2]
    shown = 0

    def frames() -> Iterator[Frame]:
        nonlocal shown
        for view in itertools.chain([first], views):
            frame = draw(view, steps, every)
            if shown == steps // every // 2:
                _, jpeg = cv2.imencode(".jpg", frame[:, :, ::-1])
                write_atomically(poster, jpeg.tobytes())
            shown += 1
            yield frame
        for _ in range(HELD_AT_END):
            yield frame

    options = (
        *("-c:v", "libx264", "-preset", "veryfast", "-tune", "animation", "-threads", "1"),
        *("-crf", "26", "-maxrate", str(MAX_BITS_PER_SECOND)),
        *("-bufsize", str(2 * MAX_BITS_PER_SECOND), "-g", str(4 * STEPS_PER_SECOND)),
        *("-pix_fmt", "yuv420p", "-movflags", "+faststart"),
    )
    write_video(video, frames(), (width, height), STEPS_PER_SECOND, options)
    return shown


def draw(view: StepView, steps: int, every: int) -> Frame:
    """Draw one frame of the video, uint8 (536, 640 or 960, 3) RGB."""
    decoded = view.reconstruction is not None
    width = GAME_SIZE[0] + (SIDE_WIDTH if decoded else 0)
    canvas = np.full((TITLE_HEIGHT + GAME_SIZE[1] + STRIP_HEIGHT, width, 3), BACKGROUND, np.uint8)
    top = STRIP_HEIGHT + TITLE_HEIGHT
    _place(canvas, view.game, GAME_SIZE, (0, top))
    _write(canvas, "game", (10, top - 8))
    if view.reconstruction is not None and view.prediction is not None:
        left = GAME_SIZE[0] + (SIDE_WIDTH - PANEL_SIZE[0]) // 2
        below = top + PANEL_SIZE[1] + TITLE_HEIGHT
        _place(canvas, view.reconstruction, PANEL_SIZE, (left, top))
        _write(canvas, "V reconstructs", (left, top - 8))
        _place(canvas, view.prediction, PANEL_SIZE, (left, below))
        _write(canvas, "M predicts the next frame", (left, below - 8))
    _buttons(canvas, view.pressed)
    seconds = view.number / STEPS_PER_SECOND
    speed = f", {every} times as fast" if every > 1 else ""
    _write(canvas, f"step {view.number:,} of {steps:,}, {seconds:.1f} s{speed}", (10, 52))
    return canvas


def _action(names: Sequence[str], buttons: Frame) -> Frame:
    """Convert a gamepad's buttons to the agent's four; buttons that the console lacks are 0."""
    held = {name for name, pressed in zip(names, buttons, strict=True) if pressed}
    return from_genesis(np.array([name in held for name in GENESIS_BUTTONS], np.uint8))


def _place(canvas: Frame, frame: Frame, size: tuple[int, int], at: tuple[int, int]) -> None:
    """Draw a frame at (x, y), enlarged to (width, height) without smoothing."""
    resized = cv2.resize(frame, size, interpolation=cv2.INTER_NEAREST)
    canvas[at[1] : at[1] + size[1], at[0] : at[0] + size[0]] = resized


def _buttons(canvas: Frame, pressed: Sequence[str]) -> None:
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
    canvas: Frame, text: str, at: tuple[int, int], colour: tuple[int, int, int] = INK
) -> None:
    cv2.putText(canvas, text, at, cv2.FONT_HERSHEY_SIMPLEX, 0.45, colour, 1, cv2.LINE_AA)


if __name__ == "__main__":
    command_line.run(main)
