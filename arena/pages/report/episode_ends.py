"""Computes the position at which each episode ended from its return.

The contest's reward adds up to 9,000 from a level's start to its end, in proportion to progress.
A return below 9,000 is therefore a position in the level. An episode with 9,000 or more reached
the end; the rest of its return is the bonus for the time left.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from arena.evaluation.score import FULL_PROGRESS_RETURN
from arena.pages.curves import chosen_points
from arena.pages.report.records import LevelRecord

MAX_MARKS = 400  # drawn for one level


@dataclass(frozen=True)
class LevelMap:
    """A picture of a whole level, with the positions of its start and end.

    Attributes:
        webp: the picture; it shows the whole width of the level.
        width: width of the level, in pixels of the game.
        start_x: position at which progress is 0, in the same pixels.
        end_x: position at which progress is 1.
    """

    webp: bytes
    width: int
    start_x: int
    end_x: int


# Draws a level's map; None if there is none. The functions that can draw one are in `game`,
# which this package can't import.
DrawMap = Callable[[LevelRecord], LevelMap | None]


def no_map(level: LevelRecord) -> None:
    """Draw no map: the default where no function is given."""


@dataclass(frozen=True)
class EpisodeEnds:
    """The positions at which a level's episodes ended, in percent of the map's width.

    Attributes:
        before: ends of the episodes before the lock-in (all episodes without a journal).
        after: ends of the locked-in episodes.
        start: position of progress 0.
        end: position of progress 1.
        picture: data URI of the level's map, or None.
        median: progress of the median episode, 0 to 1.
        farthest: progress of the episode that came farthest, 0 to 1.
        finished: number of episodes that reached the level's end.
        episodes: number of all episodes, drawn or not.
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
    """Convert returns to progress: float64 (E,) -> float64 (E,) from 0 to 1."""
    shares: NDArray[np.float64] = np.clip(returns / FULL_PROGRESS_RETURN, 0.0, 1.0)
    return shares


def episode_ends(level: LevelRecord, draw_map: DrawMap = no_map) -> EpisodeEnds | None:
    """Compute where a level's episodes ended.

    Returns:
        None if the level's reward is not progress, or no episode has finished.
    """
    if not level.has_progress or not len(level.returns):
        return None
    shares = progress(level.returns)
    level_map = draw_map(level)
    start, end, picture = 0.0, 100.0, None
    if level_map is not None:
        start = 100 * level_map.start_x / level_map.width
        end = 100 * level_map.end_x / level_map.width
        picture = "data:image/webp;base64," + base64.b64encode(level_map.webp).decode()
    positions = start + shares * (end - start)
    marked = chosen_points(level.returns, MAX_MARKS)
    locked = np.zeros(len(shares), bool) if level.locked is None else level.locked
    return EpisodeEnds(
        before=_rounded(positions[marked][~locked[marked]]),
        after=_rounded(positions[marked][locked[marked]]),
        start=round(start, 2),
        end=round(end, 2),
        picture=picture,
        median=float(np.median(shares)),
        farthest=float(shares.max()),
        finished=int((shares >= 1).sum()),
        episodes=len(shares),
    )


def _rounded(values: NDArray[np.float64]) -> list[float]:
    return [round(float(value), 2) for value in values]
