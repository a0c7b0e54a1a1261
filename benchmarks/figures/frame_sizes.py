"""Measures which small things stay visible in 64 x 64 pixels, to choose `compact`'s interpolation.

    python -m benchmarks.figures.frame_sizes   writes frame_sizes.json and frame_sizes.png

A shot is 3 pixels wide in a frame of 320 x 224, and a pixel of the small frame covers 5 x 3.5
pixels. A method that uses only one of these pixels can miss the shot.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from agent import command_line
from agent.command_line import option
from agent.command_line.ranges import COUNT, SEED
from agent.files import write_atomically
from agent.world_model.packed_model import PRESETS
from agent.world_model.preprocess import preprocess
from arena.environment.contest_env import ContestEnv
from arena.environment.levels import select
from benchmarks.measured import write_measured

SIZE = PRESETS["compact"].frame_size
HEIGHT, WIDTH = 224, 320
VISIBLE = (
    0.1  # lowest visible contrast: a tenth of the thing's brightness, in one colour of one pixel
)
HUD_ROWS = 32  # rows with Airstriker's score
BACKGROUND = 40  # highest brightness of Airstriker's background; things are brighter
PHASES = [
    (y, x) for y in range(96, 103) for x in range(160, 165)
]  # all positions in the 7 x 5 pattern
SMALL = (3, 8)  # shortest and longest side of a small thing, in pixels

Frame = NDArray[np.uint8]
Shrink = Callable[[Frame], Frame]


@dataclass(frozen=True)
class Options:
    """Compare methods to resize a frame to 64 x 64: visibility, precision and speed."""

    steps: int = option(
        "number of steps in Airstriker, whose frames show small objects", 400, within=COUNT
    )
    every: int = option("distance between two frames that are used, in steps", 4, within=COUNT)
    seed: int = option("random seed of the actions, 1 or more", 1, within=SEED)
    out: Path = option("folder of frame_sizes.json and frame_sizes.png", Path("results"))


@dataclass(frozen=True)
class Survival:
    """Visibility of things of one kind.

    Contrast is the largest change that a thing makes in the small frame, divided by its own
    brightness: 1 is full brightness in at least one pixel, 0 is invisible.
    """

    things: int
    visible_share: float  # share of the things with a contrast of VISIBLE or more
    contrast_worst: float
    contrast_mean: float
    position_error_pixels: (
        float | None
    )  # standard deviation of the change's centre, in pixels of the frame


def shrinkers() -> dict[str, Shrink]:
    """Return the compared methods; `nearest` and `area` are the agent's code."""

    def ours(interpolation: str) -> Shrink:
        spec = replace(PRESETS["compact"], interpolation=interpolation)
        return lambda frame: preprocess(frame, spec)

    def opencv(flag: int) -> Shrink:
        return lambda frame: np.asarray(
            cv2.resize(frame, (SIZE, SIZE), interpolation=flag), np.uint8
        )

    def half_nearest(frame: Frame) -> Frame:
        """Return the mean of 2 x 2 pixels of a frame of twice the size, resized with nearest."""
        twice = cv2.resize(frame, (2 * SIZE, 2 * SIZE), interpolation=cv2.INTER_NEAREST)
        return np.asarray(cv2.resize(twice, (SIZE, SIZE), interpolation=cv2.INTER_AREA), np.uint8)

    return {
        "nearest": ours("nearest"),
        "linear": opencv(cv2.INTER_LINEAR),
        "half_nearest": half_nearest,
        "area": ours("area"),
    }


def contrast(shrink: Shrink, frame: Frame, without: Frame) -> tuple[float, NDArray[np.float64]]:
    """Return the contrast of a thing and its changes in the small frame, (S, S)."""
    change = np.abs(shrink(frame).astype(float) - shrink(without)).max(2)
    own = np.abs(frame.astype(float) - without).max()
    return float(change.max() / own), change


def centre(change: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """Return the centre of a change (S, S) in the frame's pixels, (row, column), or None."""
    if not change.any():
        return None
    position = (np.indices(change.shape) + 0.5).reshape(2, -1) @ change.ravel() / change.sum()
    scaled: NDArray[np.float64] = position * (HEIGHT / SIZE, WIDTH / SIZE)
    return scaled


def survival(
    shrink: Shrink, things: Sequence[tuple[Frame, Frame, NDArray[np.float64]]]
) -> Survival:
    """Measure things given as (frame, frame without it, its centre (row, column))."""
    contrasts, errors = [], []
    for frame, without, true_centre in things:
        value, change = contrast(shrink, frame, without)
        contrasts.append(value)
        found = centre(change)
        if found is not None:
            errors.append(found - true_centre)
    return Survival(
        things=len(things),
        visible_share=round(float(np.mean(np.array(contrasts) >= VISIBLE)), 4),
        contrast_worst=round(min(contrasts), 3),
        contrast_mean=round(float(np.mean(contrasts)), 3),
        position_error_pixels=round(float(np.std(errors, axis=0).max()), 2) if errors else None,
    )


def drawn_things() -> dict[str, list[tuple[Frame, Frame, NDArray[np.float64]]]]:
    """Return white rectangles and a ring at every position in the pattern."""
    things: dict[str, list[tuple[Frame, Frame, NDArray[np.float64]]]] = {}
    dark: Frame = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    for height, width in ((2, 2), (3, 3), (5, 5), (3, 8), (8, 3), (8, 8)):
        kind = things.setdefault(f"blob_{width}x{height}", [])
        for y, x in PHASES:
            frame = dark.copy()
            frame[y : y + height, x : x + width] = 255
            kind.append((frame, dark, np.array([y + height / 2, x + width / 2])))
    ring = things.setdefault("ring_16_line_2", [])
    for y, x in PHASES:
        frame = dark.copy()
        cv2.circle(frame, (x, y), 7, (255, 255, 255), 2)
        ring.append((frame, dark, np.array([y + 0.5, x + 0.5])))
    return things


def played_frames(steps: int, seed: int) -> list[Frame]:
    """Return frames of Airstriker, played with random actions that are held for some steps."""
    random = np.random.default_rng(seed)
    env = ContestEnv(select("Airstriker-Genesis-v0:Level1")[0], seed=seed)
    buttons = np.zeros(env.n_buttons, np.uint8)
    frames = [env.reset()]
    try:
        while len(frames) < steps:
            if random.random() < 0.3:
                buttons = (random.random(env.n_buttons) < 0.4).astype(np.uint8)
                buttons[3] = 0  # START pauses the game
            frame, _, done, _ = env.step(buttons)
            frames.append(env.reset() if done else frame)
    finally:
        env.close()
    return [frame.copy() for frame in frames]


def real_things(frames: Sequence[Frame]) -> list[tuple[Frame, Frame, NDArray[np.float64]]]:
    """Return every small thing: its frame, the same frame with a black thing, and its centre."""
    things = []
    for frame in frames:
        bright = (frame.max(2) > BACKGROUND).astype(np.uint8)
        bright[:HUD_ROWS] = 0
        bright[(frame[..., 0] > 180) & (frame[..., 1] > 180) & (frame[..., 2] < 60)] = 0
        count, labels, boxes, centres = cv2.connectedComponentsWithStats(bright, connectivity=8)
        for label in range(1, count):
            width, height = boxes[label, cv2.CC_STAT_WIDTH], boxes[label, cv2.CC_STAT_HEIGHT]
            if SMALL[0] <= min(width, height) and max(width, height) <= SMALL[1]:
                without = frame.copy()
                without[labels == label] = 0
                things.append((frame, without, centres[label][::-1] + 0.5))
    return things


def microseconds(shrink: Shrink, frame: Frame, rounds: int = 300) -> float:
    """Return the median time of one call."""
    times = []
    for _ in range(rounds):
        started = time.perf_counter()
        shrink(frame)
        times.append(time.perf_counter() - started)
    return round(float(np.median(times)) * 1e6, 1)


def measure(options: Options) -> tuple[dict[str, Any], Frame]:
    """Return all numbers, and a frame beside its small versions."""
    cv2.setNumThreads(1)
    frames = played_frames(options.steps, options.seed)
    real = real_things(frames[:: options.every])
    drawn = drawn_things()
    methods = {}
    for name, shrink in shrinkers().items():
        methods[name] = {
            "microseconds": microseconds(shrink, frames[0]),
            "airstriker": asdict(survival(shrink, real)),
            **{kind: asdict(survival(shrink, things)) for kind, things in drawn.items()},
        }
    numbers = {
        "options": {"steps": options.steps, "every": options.every, "seed": options.seed},
        "frame_size": SIZE,
        "visible_contrast": VISIBLE,
        "chosen": PRESETS["compact"].interpolation,
        "methods": methods,
    }
    most = max(frames, key=lambda frame: len(real_things([frame])))
    return numbers, picture(most)


def picture(frame: Frame) -> Frame:
    """Return the frame beside the result of each method, enlarged to the same size."""
    parts = [frame]
    for shrink in shrinkers().values():
        small = shrink(frame)
        parts.append(
            np.asarray(cv2.resize(small, (WIDTH, HEIGHT), interpolation=cv2.INTER_NEAREST))
        )
    for part, name in zip(parts, ("frame", *shrinkers()), strict=True):
        cv2.putText(part, name, (4, 216), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (255, 255, 255), 1)
    return np.concatenate(parts, 1)


def main() -> None:
    """Measure, print, and write frame_sizes.json and frame_sizes.png."""
    options = command_line.parse(Options, prog="python -m benchmarks.figures.frame_sizes")
    numbers, shown = measure(options)
    write_measured(options.out / "frame_sizes.json", numbers)
    ok, encoded = cv2.imencode(".png", shown[..., ::-1])
    assert ok, "OpenCV did not encode the picture"
    write_atomically(options.out / "frame_sizes.png", encoded.tobytes())
    print(json.dumps(numbers, indent=2))


if __name__ == "__main__":
    command_line.run(main)
