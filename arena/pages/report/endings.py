"""Where on its level's way each episode ended, as the contest's reward tells it.

The reward is 9,000 for the whole way, so a return below is a place on it, and one of 9,000 or
more an episode that reached the end (the rest is for the time left).
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from arena.pages.curves import chosen_points
from arena.pages.report.records import LevelRecord

WHOLE_WAY = 9000.0
MAX_MARKS = 400  # of a level


@dataclass(frozen=True)
class LevelMap:
    """A picture of a whole level, and where its way begins and ends.

    Attributes:
        webp: the picture, of the whole width of the level.
        width: of the level, in pixels of the game.
        start_x: where progress is 0, in the same pixels.
        end_x: where progress is 1.
    """

    webp: bytes
    width: int
    start_x: int
    end_x: int


# A level's map, or None where there is none. What can draw one lies above this room.
MapOf = Callable[[LevelRecord], LevelMap | None]


def no_map(level: LevelRecord) -> None:
    """Stands in where nothing can draw maps."""


@dataclass(frozen=True)
class Endings:
    """Of one level, all places as shares of the strip's width in percent.

    Attributes:
        before: where episodes ended before the lock-in (all of them without a journal).
        after: where episodes that were played locked in ended.
        start: the strip's place of progress 0.
        end: the strip's place of progress 1.
        picture: a data URI of the level's map, or None.
        median: progress of the median episode, 0 to 1.
        farthest: of the one that came farthest.
        finished: episodes that reached the end.
        episodes: all of them, marked or not.
    """

    before: list[float]
    after: list[float]
    start: float
    end: float
    picture: str | None
    median: float
    farthest: float
    finished: int
    episodes: int


def progress(returns: NDArray[np.float64]) -> NDArray[np.float64]:
    """How far an episode of each return came, float64 (E,) from 0 to 1."""
    shares: NDArray[np.float64] = np.clip(returns / WHOLE_WAY, 0.0, 1.0)
    return shares


def endings(level: LevelRecord, map_of: MapOf = no_map) -> Endings | None:
    """Where a level's episodes ended; None where returns tell no place, or there is no episode."""
    if not level.has_progress or not len(level.returns):
        return None
    ways = progress(level.returns)
    level_map = map_of(level)
    start, end, picture = 0.0, 100.0, None
    if level_map is not None:
        start = 100 * level_map.start_x / level_map.width
        end = 100 * level_map.end_x / level_map.width
        picture = "data:image/webp;base64," + base64.b64encode(level_map.webp).decode()
    places = start + ways * (end - start)
    marked = chosen_points(level.returns, MAX_MARKS)
    locked = np.zeros(len(ways), bool) if level.locked is None else level.locked
    return Endings(
        before=_places(places[marked][~locked[marked]]),
        after=_places(places[marked][locked[marked]]),
        start=round(start, 2),
        end=round(end, 2),
        picture=picture,
        median=float(np.median(ways)),
        farthest=float(ways.max()),
        finished=int((ways >= 1).sum()),
        episodes=len(ways),
    )


def _places(values: NDArray[np.float64]) -> list[float]:
    return [round(float(value), 2) for value in values]
