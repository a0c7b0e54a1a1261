"""Plays a found play in the contest's environment, and records it as a .bk2 movie."""

from __future__ import annotations

import errno
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import stable_retro
from numpy.typing import NDArray

from agent.files import write_atomically
from arena.environment.contest_env import ContestEnv
from arena.environment.contest_rules import FRAME_SKIP
from arena.environment.levels import Level
from arena.evaluation.score import FULL_PROGRESS_RETURN
from training.state_search.state_env import REPEATED, action_buttons


@dataclass(frozen=True)
class PlayedBack:
    """How a play ended in the contest's environment.

    Attributes:
        finished: whether it reached the end of the level.
        episode_return: sum of the rewards.
        progress: highest sum of rewards on the way.
        steps: steps of the contest, 15 per second.
    """

    finished: bool
    episode_return: float
    progress: float
    steps: int


def frame_buttons(actions: bytes) -> NDArray[np.uint8]:
    """Return the buttons of each frame of some steps, uint8 (steps, 4, 12) of 0 and 1.

    Args:
        actions: one number for each step, see `StateEnv.step`.
    """
    frames = np.zeros((len(actions), FRAME_SKIP, len(action_buttons(0))), np.uint8)
    for step, action in enumerate(actions):
        frames[step] = action_buttons(action % REPEATED)
        if action >= REPEATED:
            frames[step, 0] = action_buttons(actions[step - 1] % REPEATED)
    return frames


def play_back(level: Level, actions: bytes, movie: Path) -> PlayedBack:
    """Play actions from the start of a level, without other sticky actions than their own.

    Args:
        level: level to play; the process must have no emulator.
        actions: one number for each step, see `StateEnv.step`.
        movie: the movie, written atomically. Its folder must exist.

    Raises:
        OSError: the movie can't be written, such as on a full disk.
    """
    with tempfile.TemporaryDirectory(prefix=".movie-", dir=movie.parent) as folder:
        env = ContestEnv(level, seed=1, movies=Path(folder))
        try:
            played = _play(env, frame_buttons(actions))
        finally:
            env.close()
        (recorded,) = Path(folder).glob("*.bk2")
        # The emulator's recorder reports no error.
        if _movie_frames(recorded) < (played.steps - 1) * FRAME_SKIP + 1:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(movie))
        write_atomically(movie, recorded.read_bytes())
    return played


def _play(env: ContestEnv, frames: NDArray[np.uint8]) -> PlayedBack:
    env.reset()
    total, highest, steps, finished = 0.0, 0.0, 0, False
    for buttons in frames:
        _, reward, done, _ = env.play_frames(buttons)
        total, steps = total + reward, steps + 1
        highest = max(highest, total)
        if done:
            finished = env.terminated and reward > 0 and total >= FULL_PROGRESS_RETURN
            break
    return PlayedBack(finished, total, highest, steps)


def _movie_frames(path: Path) -> int:
    """Return the number of frames of a movie, 0 if it is not readable."""
    try:
        movie = stable_retro.Movie(str(path))
        frames = -1  # the frame of the reset
        while movie.step():
            frames += 1
    except (RuntimeError, OSError, ValueError):
        return 0
    return frames
