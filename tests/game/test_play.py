"""Playing with the keyboard: a real window, real keys, and the recording of the play."""

from __future__ import annotations

import ctypes
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import stable_retro

from agent.buttons import GENESIS_BUTTONS
from arena.environment.contest_env import ContestEnv
from arena.environment.levels import select_one
from arena.replay.movies import replaying
from game import play
from game.planning.console import PlayerState
from game.planning.emulator import Emulator
from game.shipped import GAME, INTEGRATIONS
from tests.helpers.screen import Screen, wait_for

ROOT = Path(play.__file__).parent.parent
LEVEL = "MeadowZone.Act2"  # holding RIGHT is safe there
HEIGHT, WIDTH = 224, 320
PICTURES = 120  # different pictures while a key is held; a frame read during drawing gives several


def start(screen: Screen, out: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "game.play", LEVEL, "--out", str(out), "--scale", "1"]
    return subprocess.Popen(
        command, cwd=ROOT, env=screen.environment, stdout=subprocess.PIPE, text=True
    )


def watch(screen: Screen, window: int, pictures: int) -> list[np.ndarray]:
    """Wait until a window has shown a number of different pictures; return them."""
    x, y = screen.position(window)
    seen: dict[bytes, np.ndarray] = {}

    def enough() -> bool:
        picture = screen.picture()[y : y + HEIGHT, x : x + WIDTH].copy()
        seen.setdefault(picture.tobytes(), picture)
        return len(seen) >= pictures

    wait_for(f"{pictures} pictures in the window", enough)
    return list(seen.values())


def ended(process: subprocess.Popen[str]) -> int:
    """Wait for the end of a play; return the return that it prints."""
    text, _ = process.communicate(timeout=120)
    assert process.returncode == 0
    found = re.search(r"deaths 0, .*; return (-?\d+) in the last", text)
    assert found, text
    return int(found[1])


def movie_of(out: Path) -> Path:
    (path,) = out.glob("*.bk2")
    return path


def replay(path: Path) -> tuple[list[PlayerState], list[bytes], float]:
    """Play a recording; return the player's states around all frames, the pictures, the return."""
    movie = stable_retro.Movie(str(path))
    emulator = Emulator(INTEGRATIONS, GAME, LEVEL)
    try:
        movie.step()  # the frame of the reset
        looks, pictures, total = [emulator.player_state()], [], 0.0
        while movie.step():
            keys = np.array([movie.get_key(index, 0) for index in range(12)], np.uint8)
            frame, reward = emulator.env.step(keys)[:2]
            total += float(reward)
            looks.append(emulator.player_state())
            pictures.append(np.ascontiguousarray(frame).tobytes())
        return looks, pictures, total
    finally:
        emulator.close()


@pytest.mark.slow
def test_keys_move_the_pangolin_and_closing_the_window_keeps_the_recording(tmp_path: Path) -> None:
    with Screen() as screen:
        process = start(screen, tmp_path)
        try:
            window = screen.window("PangolinDash")
            watch(screen, window, 3)  # the game runs
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
    # Some pictures may have been read while they changed.
    assert len({picture.tobytes() for picture in seen} & set(pictures)) > PICTURES // 8


@pytest.mark.slow
@pytest.mark.parametrize("how", ["ESC", "Ctrl-C", "SIGTERM"])
def test_a_jump_is_recorded_at_each_end_of_a_play(tmp_path: Path, how: str) -> None:
    with Screen() as screen:
        process = start(screen, tmp_path)
        try:
            window = screen.window("PangolinDash")
            watch(screen, window, 3)
            screen.key("keydown", "space")
            watch(screen, window, 10)
            screen.key("keyup", "space")
            if how == "ESC":
                screen.key("keydown", "Escape")
                ended(process)
            else:
                process.send_signal(signal.SIGINT if how == "Ctrl-C" else signal.SIGTERM)
                process.wait(timeout=120)
        finally:
            process.kill()
            process.wait()
    looks, _, _ = replay(movie_of(tmp_path))
    assert min(look.y for look in looks) < looks[0].y - 16


def test_an_interrupt_in_a_callback_is_raised_after_the_block() -> None:
    before = signal.getsignal(
        signal.SIGINT
    )  # SIGINT is ignored if the suite runs in the background
    with pytest.raises(KeyboardInterrupt), play.deferred_interrupt() as interrupted:
        callback = ctypes.CFUNCTYPE(None)(lambda: signal.raise_signal(signal.SIGINT))
        callback()  # ctypes would print and drop an exception raised here
        assert list(interrupted) == [signal.SIGINT]
    with play.deferred_interrupt() as interrupted:
        assert not interrupted
    assert signal.getsignal(signal.SIGINT) is before


class MadeWindow:
    """Holds keys for a number of frames, then closes."""

    def __init__(self, frames: int, held: set[str]) -> None:
        self._left, self._held = frames, held
        self.open = True

    def held(self, name: str) -> bool:
        return name in self._held

    def show(self, frame: np.ndarray) -> None:
        self._left -= 1
        self.open = self._left > 0


def level_env(name: str, movies: Path | None = None) -> ContestEnv:
    """Open a level as `game.play` does."""
    level = select_one(name)
    return ContestEnv(level, movies=movies, frame_skip=1, stickiness=0.0, max_steps=play.NO_LIMIT)


@pytest.fixture
def opened() -> Iterator[Callable[..., ContestEnv]]:
    envs: list[ContestEnv] = []

    def make(*arguments: Any) -> ContestEnv:
        envs.append(level_env(*arguments))
        return envs[-1]

    yield make
    for env in envs:
        env.close()


def test_a_death_is_told_from_a_restart(opened: Callable[..., ContestEnv]) -> None:
    env = opened(f"{GAME}:MeadowZone.Act1")
    assert play.play(env, MadeWindow(3, {"R"}), 0)[0] == [play.Life("restarted", 0.0)]
    lives, last = play.play(env, DyingWindow(env), 0)
    assert [life.end for life in lives] == ["died"] and last == 0


class DyingWindow(MadeWindow):
    """Takes a life in the first frame, and closes after the second."""

    def __init__(self, env: ContestEnv) -> None:
        super().__init__(2, set())
        self._env = env

    def show(self, frame: np.ndarray) -> None:
        super().show(frame)
        self._env._env.data.set_value("lives", 2)


def test_playing_with_the_keyboard_moves_the_player(opened: Callable[..., ContestEnv]) -> None:
    env = opened(f"{GAME}:MeadowZone.Act1")
    env.reset()
    start = env.variables()["x"]
    lives, gained = play.play(env, MadeWindow(30, {"RIGHT"}), 0)
    assert not lives and gained > 0 and env.variables()["x"] > start + 20


def test_the_end_of_a_life_is_told_by_the_number_of_lives() -> None:
    assert play._end(3, 2) == "died" and play._end(3, 3) == "finished"
    assert play._end(None, None) == "ended"


def test_keys_press_the_buttons_that_the_console_has() -> None:
    def named(*keys: str, buttons: Sequence[str | None] = GENESIS_BUTTONS) -> set[str | None]:
        mask = play.pressed(set(keys).__contains__, buttons)
        return {button for button, down in zip(buttons, mask, strict=True) if down}

    assert named("RIGHT", "SPACE") == {"RIGHT", "B"} and named("Z", "A", "UP") == {"B", "A", "UP"}
    assert named("LEFT", "RIGHT", "DOWN") == {"DOWN"}
    atari = ("BUTTON", None, "SELECT", "RESET", "UP", "DOWN", "LEFT", "RIGHT")
    assert named("X", "C", "UP", buttons=atari) == {"BUTTON", "UP"}


def test_any_installed_game_is_played_recorded_and_shown(
    opened: Callable[..., ContestEnv], tmp_path: Path
) -> None:
    env = opened("airstriker", tmp_path)
    assert play.play(env, MadeWindow(40, {"SPACE", "LEFT"}), 0)[0] == []
    env.close()
    movie = movie_of(tmp_path)
    assert movie.name == "Airstriker-Genesis-v0-Level1-000000.bk2"
    with replaying(movie) as replay:
        assert replay.length == 40
        assert play.show(replay, MadeWindow(1000, set())) == 40
    with replaying(movie) as replay:
        assert play.show(replay, MadeWindow(7, set())) == 7


def test_recordings_of_earlier_and_of_other_sessions_are_kept(
    opened: Callable[..., ContestEnv], tmp_path: Path
) -> None:
    name = f"{GAME}-{LEVEL}-{{:06d}}.bk2".format
    (tmp_path / name(1)).write_bytes(b"an earlier life")
    env = opened(f"{GAME}:{LEVEL}", tmp_path)
    env.reset()
    env.reset()
    (tmp_path / name(2)).write_bytes(b"a life in another window")
    env.close()
    written = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert sorted(written) == [name(number) for number in range(4)]
    assert written[name(1)] == b"an earlier life"
    assert written[name(2)] == b"a life in another window"
    assert written[name(0)] and written[name(3)]


KILLED = """
import os, sys
from pathlib import Path
from arena.environment.contest_env import ContestEnv
from arena.environment.levels import select_one
env = ContestEnv(select_one("airstriker"), movies=Path(sys.argv[1]))
env.reset()
env.reset()
os.kill(os.getpid(), 9)
"""


def test_a_killed_play_leaves_no_empty_recording(tmp_path: Path) -> None:
    killed = subprocess.run([sys.executable, "-c", KILLED, tmp_path], cwd=ROOT, timeout=120)
    assert killed.returncode == -signal.SIGKILL
    (first,) = tmp_path.iterdir()  # of the episode that ended
    assert first.name == "Airstriker-Genesis-v0-Level1-000000.bk2" and first.stat().st_size
