"""Lets a person play a level in a window with the keyboard, and records each life as a .bk2 movie.

    python -m game.play
    python -m game.play CanyonZone.Act3 --out plays

Arrow keys run and duck; SPACE, Z or X jumps; R restarts; ESC ends. The original 2018 agent was
trained on such recordings.
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

from agent.command_line import option, parse, run
from agent.command_line.ranges import SECONDS_OR_ZERO
from agent.errors import UserError
from arena.environment.levels import Level, select
from game.levels.routes import ROUTES_FILE
from game.planning.emulator import DOWN, LEFT, RIGHT, B, Emulator, buttons
from game.planning.movies import LIVES
from game.sound import Sound

KEYS = {"LEFT": LEFT, "RIGHT": RIGHT, "DOWN": DOWN, "SPACE": B, "Z": B, "X": B}
MAX_LAG = 0.1  # seconds that the game may lag behind the clock before it slows down


class PlayError(UserError):
    """No window can be opened, or the level does not exist."""


KEYS_HINT = "arrow keys: run; SPACE: jump; R: restart; ESC: end"


@dataclass(frozen=True)
class Options:
    """Play a level with the keyboard: arrow keys, SPACE to jump, R to restart, ESC to end."""

    level: str = option(
        "level, such as MeadowZone.Act3; of a level set or folder, the first level",
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


def pressed(held: Callable[[str], bool]) -> int:
    """Return the action of the held keys; LEFT and RIGHT together cancel each other."""
    action = 0
    for name, button in KEYS.items():
        if held(name):
            action |= button
    if action & LEFT and action & RIGHT:
        action &= ~(LEFT | RIGHT)
    return action


@contextmanager
def deferred_interrupt() -> Iterator[list[int]]:
    """Collect the signals of Ctrl-C in the yielded list; raise KeyboardInterrupt after the block.

    ctypes would swallow an interrupt that is raised in a callback of the window.
    """
    received: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: received.append(number))
    try:
        yield received
    finally:
        signal.signal(signal.SIGINT, before)
    if received:
        raise KeyboardInterrupt


@dataclass(frozen=True)
class Life:
    """A life in a level: how it ended ("died", "finished", "restarted"), and its return."""

    end: str
    total: float


def play(
    emulator: Emulator, window: Any, seconds: float, interrupted: Sequence[int] = ()
) -> tuple[list[Life], float]:
    """Play until the window is closed.

    Args:
        emulator: the emulator; with recording on, each reset begins a movie.
        window: a `Window`.
        seconds: duration of the play; 0 for no limit.
        interrupted: the play ends as soon as this sequence is not empty.

    Returns:
        The lives that ended, and the return of the last, unfinished one.
    """
    console = emulator.env.em
    sound = Sound(round(console.get_audio_rate()))
    lives, total, restart_held = [], 0.0, False
    try:
        for _ in _frames(window, console.get_screen_rate(), seconds, interrupted):
            frame, reward, done = emulator.env.step(buttons(pressed(window.held)))[:3]
            total += float(reward)
            window.show(frame)
            sound.play(console.get_audio())
            restart = window.held("R") and not restart_held  # once for each press
            restart_held = window.held("R")
            if done or restart:
                died = emulator.player_state().lives < LIVES
                end = "restarted" if not done else "died" if died else "finished"
                lives.append(Life(end, total))
                print(f"{end}: return {total:,.0f}", flush=True)
                emulator.reset()
                total = 0.0
    finally:
        sound.close()
    return lives, total


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


def find_level(text: str) -> Level:
    """Find a level by its name; the first one, if the name means several.

    Raises:
        LevelError: there is no such level.
        PlayError: it is a level of another game.
    """
    level = select(text)[0]
    if not level.integration or not (level.integration / level.game / ROUTES_FILE).is_file():
        raise PlayError(
            f"{level.name} is not a level of Pangolin Dash: `python -m arena levels pangolin-train`"
            " lists its levels"
        )
    return level


def main(argv: Sequence[str] | None = None) -> int:
    """Open the window and play."""
    options = parse(Options, argv, prog="python -m game.play")
    level = find_level(options.level)
    window = Window(320, 224, options.scale, f"Pangolin Dash: {level.state}")
    print(KEYS_HINT, flush=True)
    try:
        options.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PlayError(f"--out {options.out} can't be created: {error.strerror}") from None
    assert level.integration is not None
    emulator = Emulator(level.integration, level.game, level.state, record=options.out)
    try:
        with deferred_interrupt() as interrupted:
            lives, last = play(emulator, window, options.seconds, interrupted)
    finally:  # Ctrl-C must not lose the recording
        emulator.env.stop_record()
        emulator.close()
    count = Counter(life.end for life in lives)
    print(
        f"deaths {count['died']}, levels finished {count['finished']}, restarts"
        f" {count['restarted']}; return {last:.0f} in the last, unfinished life;"
        f" recordings in {options.out}"
    )
    return 0


if __name__ == "__main__":
    run(main)
