"""A person plays: a real window, real keys, and a recording that tells what was seen."""

from __future__ import annotations

import ctypes
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import stable_retro

from game import play
from game.planning.emulator import Emulator, Look
from game.shipped import GAME, INTEGRATIONS
from tests.helpers.screen import Screen, wait_for

ROOT = Path(play.__file__).parent.parent
LEVEL = "MeadowZone.Act2"  # RIGHT may be held there for as long as one likes
HEIGHT, WIDTH = 224, 320
PICTURES = 120  # different ones while a key is held; of one frame several, read while it is drawn


def start(screen: Screen, out: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "game.play", LEVEL, "--out", str(out), "--scale", "1"]
    return subprocess.Popen(
        command, cwd=ROOT, env=screen.environment, stdout=subprocess.PIPE, text=True
    )


def watch(screen: Screen, window: int, pictures: int) -> list[np.ndarray]:
    """Wait until a window has shown so many different pictures; return them."""
    x, y = screen.place(window)
    seen: dict[bytes, np.ndarray] = {}

    def enough() -> bool:
        picture = screen.picture()[y : y + HEIGHT, x : x + WIDTH].copy()
        seen.setdefault(picture.tobytes(), picture)
        return len(seen) >= pictures

    wait_for(f"{pictures} pictures in the window", enough)
    return list(seen.values())


def ended(process: subprocess.Popen[str]) -> int:
    """Wait for the end of a play; returns the return that it prints."""
    text, _ = process.communicate(timeout=120)
    assert process.returncode == 0
    found = re.search(r"0 finished, (-?\d+) in the last; recordings in", text)
    assert found, text
    return int(found[1])


def movie_of(out: Path) -> Path:
    (path,) = out.glob("*.bk2")
    return path


def replay(path: Path) -> tuple[list[Look], list[bytes], float]:
    """Play a recording frame by frame: the player before and after each, pictures, the return."""
    movie = stable_retro.Movie(str(path))
    emulator = Emulator(INTEGRATIONS, GAME, LEVEL)
    try:
        movie.step()  # the frame of the reset
        looks, pictures, total = [emulator.look()], [], 0.0
        while movie.step():
            keys = np.array([movie.get_key(index, 0) for index in range(12)], np.uint8)
            frame, reward = emulator.env.step(keys)[:2]
            total += float(reward)
            looks.append(emulator.look())
            pictures.append(np.ascontiguousarray(frame).tobytes())
        return looks, pictures, total
    finally:
        emulator.close()


@pytest.mark.slow
def test_keys_move_the_pangolin_and_closing_the_window_keeps_the_recording(tmp_path: Path) -> None:
    with Screen() as screen:
        process = start(screen, tmp_path)
        try:
            window = screen.window("Pangolin Dash")
            watch(screen, window, 3)  # it runs
            screen.key("keydown", "Right")
            seen = watch(screen, window, PICTURES)
            screen.key("keyup", "Right")
            screen.key("keydown", "Left")
            watch(screen, window, PICTURES)
            screen.key("keyup", "Left")
            screen.close(window)
            printed = ended(process)
        finally:
            process.kill()
            process.wait()
    looks, pictures, total = replay(movie_of(tmp_path))
    xs = [look.x for look in looks]
    assert max(xs) > xs[0] + 50, "RIGHT was held"
    assert xs[-1] < max(xs) - 20, "LEFT was held"
    assert round(total) == printed
    # A picture may have been read while it changed, but not each of them.
    assert len({picture.tobytes() for picture in seen} & set(pictures)) > PICTURES // 8


@pytest.mark.slow
@pytest.mark.parametrize("how", ["ESC", "Ctrl-C"])
def test_a_jump_is_recorded_however_the_play_ends(tmp_path: Path, how: str) -> None:
    with Screen() as screen:
        process = start(screen, tmp_path)
        try:
            window = screen.window("Pangolin Dash")
            watch(screen, window, 3)
            screen.key("keydown", "space")
            watch(screen, window, 10)
            screen.key("keyup", "space")
            if how == "ESC":
                screen.key("keydown", "Escape")
                ended(process)
            else:
                process.send_signal(signal.SIGINT)
                process.wait(timeout=120)
        finally:
            process.kill()
            process.wait()
    looks, _, _ = replay(movie_of(tmp_path))
    assert min(look.y for look in looks) < looks[0].y - 16


def test_an_interrupt_is_noted_where_raising_it_would_be_swallowed() -> None:
    before = signal.getsignal(signal.SIGINT)  # ignored, where the suite runs in the background
    with pytest.raises(KeyboardInterrupt), play.noted_interrupt() as interrupted:
        callback = ctypes.CFUNCTYPE(None)(lambda: signal.raise_signal(signal.SIGINT))
        callback()  # ctypes prints what is raised in here, and drops it
        assert list(interrupted) == [signal.SIGINT]
    with play.noted_interrupt() as interrupted:
        assert not interrupted
    assert signal.getsignal(signal.SIGINT) is before
