"""Playing with the keyboard: a real window, real keys, and the recording of the play."""

from __future__ import annotations

import ctypes
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import stable_retro

from agent.errors import UserError
from arena.environment.recording import reserve_movie
from game import play
from game.planning.emulator import Emulator, PlayerState
from game.shipped import FINAL_GAME, GAME, INTEGRATIONS, level_specs
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
            window = screen.window("Pangolin Dash")
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
@pytest.mark.parametrize("how", ["ESC", "Ctrl-C"])
def test_a_jump_is_recorded_at_each_end_of_a_play(tmp_path: Path, how: str) -> None:
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


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    opened = Emulator(INTEGRATIONS, GAME, "MeadowZone.Act1")
    yield opened
    opened.close()


def test_a_death_is_told_from_a_restart(emulator: Emulator) -> None:
    assert play.play(emulator, MadeWindow(3, {"R"}), 0)[0] == [play.Life("restarted", 0.0)]
    emulator.reset()
    emulator.env.data.set_value("lives", 2)
    lives, last = play.play(emulator, MadeWindow(1, set()), 0)
    assert [life.end for life in lives] == ["died"] and last == 0


def test_recordings_of_earlier_and_of_other_sessions_are_kept(tmp_path: Path) -> None:
    def number(path: Path) -> int:
        return int(path.stem[-6:])

    (tmp_path / f"{GAME}-{LEVEL}-000001.bk2").write_bytes(b"an earlier life")
    emulator = Emulator(INTEGRATIONS, GAME, LEVEL, record=tmp_path)
    try:
        other = type("Env", (), {"gamename": GAME, "statename": f"{LEVEL}.state"})()
        other.movie_path, other.movie_id = str(tmp_path), 0
        reserve_movie(other)  # a second session starts while the first one plays
        emulator.reset()
        emulator.env.stop_record()
    finally:
        emulator.close()
    written = {number(path): path.read_bytes() for path in tmp_path.iterdir()}
    assert written[1] == b"an earlier life"
    assert written[0] and written[3] and other.movie_id == 2 and written[2] == b""


def test_without_a_level_the_first_is_played() -> None:
    assert play.find_level(play.Options().level).name == f"{GAME}:MeadowZone.Act1"
    first = level_specs()[FINAL_GAME][0].name
    assert play.find_level("pangolin-test").name == f"{FINAL_GAME}:{first}"


def test_a_level_is_found_by_the_names_that_every_command_understands() -> None:
    for name in ("MeadowZone.Act3", "pangolin:meadowzone.act3", f"{INTEGRATIONS}:MeadowZone.Act3"):
        level = play.find_level(name)
        assert (level.integration, level.name) == (INTEGRATIONS, f"{GAME}:MeadowZone.Act3")
    with pytest.raises(UserError, match="is not a level of Pangolin Dash"):
        play.find_level("airstriker")
