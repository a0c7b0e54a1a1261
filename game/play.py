"""Lets a person play a level in a window with the keyboard, and records each life as a .bk2.

    python -m game.play
    python -m game.play CanyonZone.Act3 --out plays
    python -m game.play plays/NAME.bk2

The last command shows a recording. The original 2018 agent was trained on such recordings.
"""

from __future__ import annotations

import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agent.command_line import option, parse, run
from agent.command_line.ranges import SECONDS_OR_ZERO
from agent.errors import UserError
from arena.environment.contest_env import ContestEnv
from arena.environment.levels import select
from arena.evaluation.kept_movies import integration_of
from arena.replay.movies import MovieReplay, replaying
from game.sound import Sound

# Keys and buttons. The first button of a console stands for its main one: B on a Mega Drive.
KEYS = {name: name for name in ("LEFT", "RIGHT", "UP", "DOWN", "A", "C")}
MAIN_BUTTON_KEYS = ("SPACE", "Z", "X")
KEYS_HINT = "arrow keys: move; SPACE: jump or fire; R: restart; ESC: end"
MAX_LAG = 0.1  # seconds that the game may lag behind the clock before it slows down
NO_LIMIT = 1 << 31  # steps of an episode
RECORDING = ".bk2"


class PlayError(UserError):
    """No window can be opened."""


@dataclass(frozen=True)
class Options:
    """Play a level with the keyboard: arrow keys, SPACE to jump, R to restart, ESC to end.

    If a recording (.bk2) is given instead of a level, it is shown.
    """

    level: str = option(
        "level of any installed game, such as MeadowZone.Act3, or a recording (.bk2) to show; of a"
        " level set or folder, the first level",
        "pangolin-train",
        positional=True,
    )
    out: Path = option(
        "folder for the recordings, one for each life; none is overwritten", Path("plays")
    )
    scale: int = option(
        "size of the window: screen pixels for each pixel of the game, 1 to 8", 3, within=(1, 8)
    )
    seconds: float = option(
        "duration of the play in seconds; 0 for no limit", 0.0, within=SECONDS_OR_ZERO
    )


class Window:
    """A window that shows frames and reads the keyboard."""

    def __init__(self, width: int, height: int, scale: int, caption: str) -> None:
        try:
            import pyglet

            pyglet.options["shadow_window"] = False
            self._window = pyglet.window.Window(width * scale, height * scale, caption=caption)
        except Exception as error:  # pyglet raises a class of its own for each platform
            raise PlayError(
                f"no window can be opened ({type(error).__name__}: {error}): use a machine with a"
                " screen, or run under xvfb-run"
            ) from None
        self._pyglet = pyglet
        self._keys = pyglet.window.key.KeyStateHandler()
        self._window.push_handlers(self._keys)
        self.open = True
        self._window.on_close = self.close

    def held(self, name: str) -> bool:
        """Return whether a key is held, by its name in pyglet."""
        return bool(self._keys[getattr(self._pyglet.window.key, name)])

    def show(self, frame: np.ndarray) -> None:
        """Show a frame: uint8 (height, width, 3) RGB."""
        height, width, _ = frame.shape
        gl = self._pyglet.gl
        self._window.switch_to()
        self._window.dispatch_events()
        picture = self._pyglet.image.ImageData(
            width, height, "RGB", np.ascontiguousarray(frame).tobytes(), pitch=-width * 3
        )
        texture = picture.get_texture()
        gl.glBindTexture(texture.target, texture.id)
        gl.glTexParameteri(texture.target, gl.GL_TEXTURE_MAG_FILTER, gl.GL_NEAREST)
        texture.blit(0, 0, width=self._window.width, height=self._window.height)
        self._window.flip()

    def close(self) -> None:
        """End the play."""
        self.open = False


def pressed(held: Callable[[str], bool], buttons: Sequence[str | None]) -> NDArray[np.uint8]:
    """Return the buttons of the held keys; LEFT and RIGHT together cancel each other.

    Args:
        held: tells whether a key is held.
        buttons: names of the console's buttons, in the emulator's order.

    Returns:
        uint8 (len(buttons),) of 0 and 1. Buttons that the console lacks are ignored.
    """
    down = {button for key, button in KEYS.items() if held(key)}
    if down >= {"LEFT", "RIGHT"}:
        down -= {"LEFT", "RIGHT"}
    if any(held(key) for key in MAIN_BUTTON_KEYS):
        down.add(str(buttons[0]))
    return np.array([button in down for button in buttons], np.uint8)


@contextmanager
def deferred_interrupt() -> Iterator[list[int]]:
    """Collect Ctrl-C and SIGTERM in the yielded list; raise KeyboardInterrupt after the block.

    ctypes would swallow an interrupt that is raised in a callback of the window.
    """
    received: list[int] = []
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [
        signal.signal(number, lambda number, _: received.append(number)) for number in numbers
    ]
    try:
        yield received
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
    if received:
        raise KeyboardInterrupt


@dataclass(frozen=True)
class Life:
    """A life in a level, and its return.

    `end` tells how it ended: "died", "finished" or "restarted"; "ended" if the game's variables
    do not contain the number of lives.
    """

    end: str
    total: float


def play(
    env: ContestEnv, window: Any, seconds: float, interrupted: Sequence[int] = ()
) -> tuple[list[Life], float]:
    """Play until the window is closed.

    Args:
        env: level, with one frame per step; each reset begins a recording.
        window: a `Window`.
        seconds: duration of the play; 0 for no limit.
        interrupted: the play ends as soon as this sequence is not empty.

    Returns:
        The lives that ended, and the return of the last, unfinished one.
    """
    console = env.retro_env.em
    sound = Sound(round(console.get_audio_rate()))
    lives, restart_held = [], False
    env.reset()
    total, at_start = 0.0, env.variables().get("lives")
    try:
        for _ in _frames(window, console.get_screen_rate(), seconds, interrupted):
            frame, reward, done, variables = env.step(pressed(window.held, env.buttons))
            total += float(reward)
            window.show(frame)
            sound.play(console.get_audio())
            restart = window.held("R") and not restart_held  # once for each press
            restart_held = window.held("R")
            if done or restart:
                end = _end(at_start, variables.get("lives")) if done else "restarted"
                lives.append(Life(end, total))
                print(f"{end}: return {total:,.0f}", flush=True)
                env.reset()
                total = 0.0
    finally:
        sound.close()
    return lives, total


def _end(lives_before: int | None, lives: int | None) -> str:
    if lives_before is None or lives is None:
        return "ended"
    return "died" if lives < lives_before else "finished"


def show(replay: MovieReplay, window: Any, interrupted: Sequence[int] = ()) -> int:
    """Show a recording until it ends or the window is closed; return the number of frames shown.

    Args:
        replay: the recording.
        window: a `Window`.
        interrupted: the show ends as soon as this sequence is not empty.
    """
    sound = Sound(round(replay.console.get_audio_rate()))
    shown = 0
    try:
        frames = _frames(window, replay.frames_per_second, 0, interrupted)
        for (_, frame), _ in zip(replay.steps(1), frames, strict=False):
            window.show(frame)
            sound.play(replay.console.get_audio())
            shown += 1
    finally:
        sound.close()
    return shown


def _frames(window: Any, rate: float, seconds: float, interrupted: Sequence[int]) -> Iterator[None]:
    """Yield at each frame of the console, until the play ends."""
    began = due = time.monotonic()
    while window.open and not window.held("ESCAPE") and not interrupted:
        now = time.monotonic()
        if seconds and now - began > seconds:
            return
        if now < due:
            time.sleep(due - now)
        due = max(due, now - MAX_LAG) + 1 / rate
        yield


def main(argv: Sequence[str] | None = None) -> int:
    """Open the window, and play or show a recording."""
    options = parse(Options, argv, prog="python -m game.play")
    path = Path(options.level)
    if path.suffix == RECORDING:
        return _show_recording(path, options.scale)
    level = select(options.level)[0]
    env = ContestEnv(level, movies=options.out, frame_skip=1, stickiness=0.0, max_steps=NO_LIMIT)
    try:
        height, width, _ = env.observation_shape
        window = Window(width, height, options.scale, level.name)
        print(KEYS_HINT, flush=True)
        with deferred_interrupt() as interrupted:
            lives, last = play(env, window, options.seconds, interrupted)
    finally:  # Ctrl-C must not lose the recording
        env.close()
    ends = Counter(life.end for life in lives)
    names = {"died": "deaths", "finished": "levels finished", "ended": "episodes ended"}
    counts = [f"{name} {ends[end]}" for end, name in names.items() if ends[end] or end != "ended"]
    print(
        f"{', '.join(counts)}, restarts {ends['restarted']}; return {last:.0f} in the last,"
        f" unfinished life; recordings in {options.out}"
    )
    return 0


def _show_recording(path: Path, scale: int) -> int:
    with replaying(path, integration_of(path)) as replay:
        height, width, _ = replay.shape
        window = Window(width, height, scale, path.name)
        with deferred_interrupt() as interrupted:
            shown = show(replay, window, interrupted)
        print(f"{path}: {shown:,} of {replay.length:,} frames shown")
    return 0


if __name__ == "__main__":
    run(main)
