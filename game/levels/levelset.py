"""A folder of built levels: the game's integration, its level list, and the way through each level.

`arena.environment.levels.read_folder` reads the list, so `local_eval.py --levels DIR` plays
what was built; the ways are what the planner follows.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.errors import UserError
from agent.files import write_atomically
from game.segments.canvas import Waypoint

WAYS_FILE = "ways.json"
FORMAT_VERSION = 1


class LevelSetError(UserError):
    """A folder of levels that is missing, cut or of another form."""


@dataclass(frozen=True)
class Course:
    """Where a level starts and the waypoints that lead through it, in pixels.

    Attributes:
        drawn: seed, difficulty and attempt that the level was drawn with.
    """

    start: tuple[int, int]
    points: tuple[Waypoint, ...]
    drawn: tuple[int, float, int] = (0, 0.0, 0)


def write_ways(folder: Path, courses: Mapping[str, Course]) -> None:
    """Write the ways of a game into its folder."""
    levels = {
        name: {
            "start": course.start,
            "drawn": course.drawn,
            "points": [[p.x, p.y, p.reach_x, p.reach_y, int(p.land)] for p in course.points],
        }
        for name, course in courses.items()
    }
    rows = ",\n".join(f" {json.dumps(name)}: {json.dumps(value)}" for name, value in levels.items())
    text = f'{{"format_version": {FORMAT_VERSION}, "levels": {{\n{rows}\n}}}}\n'
    write_atomically(folder / WAYS_FILE, text.encode())


def read_ways(folder: Path) -> dict[str, Course]:
    """The ways of a game's folder, by the level's name.

    Raises:
        LevelSetError: no such file, or not of this form.
    """
    path = folder / WAYS_FILE
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["format_version"] != FORMAT_VERSION:
            raise ValueError(f"format_version {content['format_version']!r}")
        return {name: _course(value) for name, value in content["levels"].items()}
    except FileNotFoundError:
        raise LevelSetError(
            f"{folder} holds no levels that were built here: it has no {WAYS_FILE}; build some with"
            " python -m game.build"
        ) from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise LevelSetError(
            f"{path} can't be read ({type(error).__name__}: {error}): restore or rebuild it"
        ) from None


def _course(value: Mapping[str, Any]) -> Course:
    points = [Waypoint(x, y, rx, ry, bool(land)) for x, y, rx, ry, land in value["points"]]
    x, y = value["start"]
    seed, difficulty, attempt = value["drawn"]
    return Course((x, y), tuple(points), (seed, difficulty, attempt))


def write_list(folder: Path, sets: Mapping[str, tuple[str, str, Sequence[str]]]) -> None:
    """Write `levels.json`.

    Args:
        folder: holds the games' folders.
        sets: name -> (what it is, game, states).
    """
    content = {
        "format_version": 1,
        "sets": {
            name: {"about": about, "scenario": "contest", "levels": {game: list(states)}}
            for name, (about, game, states) in sets.items()
        },
    }
    write_atomically(folder / "levels.json", (json.dumps(content, indent=2) + "\n").encode())
