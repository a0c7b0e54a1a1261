"""Keeps stable-retro from overwriting movies, whose numbers start at 0 in every process."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any


def reserve_movie(env: Any) -> None:
    """Give the next movie of an environment a number that no movie in its folder has.

    It creates the movie's file, empty, so that no other process takes the same number: the
    emulator writes a movie only when it is finished.

    Args:
        env: stable-retro's environment, before its `reset`.
    """
    if env.movie_path is None:  # it does not record
        return
    state = Path(env.statename).stem
    while True:
        path = Path(env.movie_path, f"{env.gamename}-{state}-{env.movie_id:06d}.bk2")
        try:
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644))
            return
        except FileExistsError:
            env.movie_id += 1
        except OSError:
            return  # on a full disk, the movie is lost, but the play continues
