"""Replays solutions under the contest's scenario, and writes and reads them as .bk2 movies."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import stable_retro

from agent.errors import UserError
from game.planning.console import DOWN, FRAME_SKIP, LEFT, RIGHT, B
from game.planning.emulator import Emulator, buttons

LIVES = 3  # lives at the start of a level


class ReplayError(UserError):
    """A movie can't be read, or does not reach the end post."""


@dataclass(frozen=True)
class ReplayResult:
    """How a replay ended under the contest's scenario.

    Attributes:
        won: whether the player reached the end post without losing a life.
        total: the return.
        frames: frames played.
        x: position of the player at the end, in pixels.
    """

    won: bool
    total: float
    frames: int
    x: int


def replay(emulator: Emulator, state: bytes, actions: Sequence[int]) -> ReplayResult:
    """Play actions from the state of a level until the scenario ends the episode.

    Args:
        emulator: the emulator with the game.
        state: decompressed state of the level.
        actions: one for each step of the contest.
    """
    env = emulator.env
    env.initial_state = state
    env.reset()
    total, done, frames = 0.0, False, 0
    for action in actions:
        env.em.set_button_mask(buttons(action), 0)
        for _ in range(FRAME_SKIP):
            if env.movie:
                for index, pressed in enumerate(buttons(action)):
                    env.movie.set_key(index, bool(pressed), 0)
                env.movie.step()
            env.em.step()
            env.data.update_ram()
            frames += 1
            total += env.data.current_reward()
            done = env.data.is_done()
            if done:
                break
        if done:
            break
    player = emulator.player_state()
    return ReplayResult(bool(done and player.lives == LIVES), total, frames, player.x)


def record(emulator: Emulator, state: bytes, actions: Sequence[int], path: Path) -> ReplayResult:
    """Play actions under the contest's scenario and write them as a .bk2 movie.

    Args:
        emulator: the emulator with the game; it is left in the state at the end of the play.
        state: decompressed state of the level.
        actions: one for each step of the contest.
        path: the movie, written atomically.

    Raises:
        ReplayError: the play does not reach the end post; no movie is written.
    """
    temporary = path.with_name(f".{path.name}")
    emulator.env.initial_state = state
    emulator.env.record_movie(str(temporary))
    try:
        played = replay(emulator, state, actions)
    finally:
        emulator.env.stop_record()
    if not played.won:
        temporary.unlink()
        raise ReplayError(f"{path.stem}: the play ends at x {played.x}, before the end post")
    os.replace(temporary, path)
    return played


def read_movie(path: Path) -> tuple[int, ...]:
    """Read the actions of a movie that `record` wrote, one for each step of the contest.

    Raises:
        ReplayError: the file can't be read as a movie.
    """
    try:
        movie = stable_retro.Movie(str(path))
    except (RuntimeError, OSError) as error:
        raise ReplayError(f"{path} is not a movie: {error}") from None
    movie.step()  # the frame of the reset
    actions, frame = [], 0
    while movie.step():
        if frame % FRAME_SKIP == 0:
            held = ((B, 0), (DOWN, 5), (LEFT, 6), (RIGHT, 7))
            actions.append(sum(bit for bit, key in held if movie.get_key(key, 0)))
        frame += 1
    return tuple(actions)
