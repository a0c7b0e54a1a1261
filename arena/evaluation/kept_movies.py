"""Chooses the movies that a run keeps: the first, the best and a typical episode of each level.

The emulator records every episode as a .bk2 (a start state and the buttons: a few kilobytes).
Movies that will not be kept are deleted while a level is played.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from agent.files import write_atomically
from agent.guarded_files import read_guarded
from arena.environment.level_files import LevelError
from arena.environment.levels import Level
from arena.evaluation.run_folder import RunFolderError, read_run

# While a level is played, its final median is not known, but will be near one of these quantiles.
QUANTILES = np.linspace(0.1, 0.9, 9)
KEPT_MOVIES = ("first", "best", "typical")  # FOLDER/NAME.bk2 of a level that has ended
MAX_MOVIE_BYTES = 1 << 24  # an episode takes a few kilobytes
EPISODE_NUMBER = re.compile(r"-(\d{6,})\.bk2$")


@dataclass(frozen=True)
class KeptMovie:
    """A movie that was kept, and the number of its episode, from 0."""

    path: Path
    episode: int


def prune_movies(folder: Path, returns: Sequence[float]) -> None:
    """Delete the movies of finished episodes, except the first, the best and those near QUANTILES.

    Args:
        folder: folder in which the emulator records; a movie's number is the episode's, from 0.
        returns: returns of the episodes finished so far; later movies are not touched.
    """
    recorded = _recorded(folder)
    finished = [number for number in recorded if number < len(returns)]
    if not finished:
        return
    keep = {0, _best(returns)}
    keep |= {_nearest(returns, finished, value) for value in np.quantile(returns, QUANTILES)}
    for number in finished:
        if number not in keep:
            _remove(recorded[number])


def keep_chosen_movies(folder: Path, returns: Sequence[float]) -> dict[str, KeptMovie]:
    """Reduce a level's movies to FOLDER/first.bk2, best.bk2 and typical.bk2 at its end.

    The best is the first with the highest return of the finished episodes. The typical one has
    the return nearest to the median of all. The movie of an unfinished last episode is deleted,
    unless it is the only one: then it is the first.

    Returns:
        "first", "best" and "typical" -> movie, for those that exist.
    """
    recorded = _recorded(folder)
    finished = [number for number in recorded if number < len(returns)]
    chosen = {"first": 0, "best": _best(returns)}
    if finished:
        chosen["typical"] = _nearest(returns, finished, float(np.median(returns)))
    kept = {}
    for name, number in chosen.items():
        if number in recorded:
            path = folder / f"{name}.bk2"
            with contextlib.suppress(OSError):  # the agent has put something else in its place
                content = read_guarded(recorded[number], MAX_MOVIE_BYTES)
                if content:  # else the server was killed before the emulator wrote it
                    write_atomically(path, content)
                    kept[name] = KeptMovie(path, number)
    for path in recorded.values():
        _remove(path)
    return kept


def integration_of(movie: Path) -> Path | None:
    """Return the folder of the game that a run's movie shows; None for stable-retro's own games."""
    for parent in movie.absolute().parents:
        try:
            levels = [Level.from_json(entry) for entry in read_run(parent)["settings"]["levels"]]
        except (RunFolderError, LevelError, KeyError, TypeError):
            continue
        slug = movie.absolute().parent.parent.name
        return next((level.integration for level in levels if level.slug == slug), None)
    return None


def _remove(movie: Path) -> None:
    with contextlib.suppress(OSError):  # the agent may have replaced it by a folder
        movie.unlink()


def _best(returns: Sequence[float]) -> int | None:
    return int(np.argmax(returns)) if len(returns) else None


def _nearest(returns: Sequence[float], numbers: Iterable[int], value: float) -> int:
    """Return the episode whose return is nearest to a value; the earliest of several."""
    return min(numbers, key=lambda number: (abs(returns[number] - value), number))


def _recorded(folder: Path) -> dict[int, Path]:
    if folder.is_symlink() or not folder.is_dir():
        return {}
    matches = {path: EPISODE_NUMBER.search(path.name) for path in folder.iterdir()}
    return {int(match[1]): path for path, match in matches.items() if match}
