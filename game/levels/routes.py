"""The file of routes beside a game's ROM: each level's start, and the waypoints through it.

The planner follows these routes, and a rebuild reads from them how each level was generated.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.errors import UserError
from agent.files import write_atomically
from game.segments.canvas import Waypoint

ROUTES_FILE = "routes.json"
FORMAT_VERSION = 1


class RouteFileError(UserError):
    """The file of routes is missing, damaged or of another format."""


@dataclass(frozen=True)
class Route:
    """The intended route through a level, in pixels.

    Attributes:
        start: x of the player and y of the floor at the start.
        waypoints: the points on the route, in order; the last one is the end post.
        generated_with: random seed, difficulty and attempt of the generator.
    """

    start: tuple[int, int]
    waypoints: tuple[Waypoint, ...]
    generated_with: tuple[int, float, int] = (0, 0.0, 0)


def write_routes(folder: Path, routes: Mapping[str, Route]) -> None:
    """Write the routes of a game into its folder."""
    levels = {
        name: {
            "start": route.start,
            "generated_with": route.generated_with,
            "waypoints": [[p.x, p.y, p.reach_x, p.reach_y, int(p.land)] for p in route.waypoints],
        }
        for name, route in routes.items()
    }
    rows = ",\n".join(f" {json.dumps(name)}: {json.dumps(value)}" for name, value in levels.items())
    text = f'{{"format_version": {FORMAT_VERSION}, "levels": {{\n{rows}\n}}}}\n'
    write_atomically(folder / ROUTES_FILE, text.encode())


def read_routes(folder: Path) -> dict[str, Route]:
    """Read the routes of a game: name of the level -> route.

    Raises:
        RouteFileError: the file is missing, damaged or of another format.
    """
    path = folder / ROUTES_FILE
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["format_version"] != FORMAT_VERSION:
            raise ValueError(f"format_version {content['format_version']!r}")
        return {name: _route(value) for name, value in content["levels"].items()}
    except FileNotFoundError:
        raise RouteFileError(
            f"{folder} has no {ROUTES_FILE}, so it is not a built game; build one with"
            " python -m game.build"
        ) from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RouteFileError(
            f"{path} can't be read ({type(error).__name__}: {error}): restore or rebuild it"
        ) from None


def _route(value: Mapping[str, Any]) -> Route:
    waypoints = [Waypoint(x, y, rx, ry, bool(land)) for x, y, rx, ry, land in value["waypoints"]]
    x, y = value["start"]
    seed, difficulty, attempt = value["generated_with"]
    return Route((x, y), tuple(waypoints), (seed, difficulty, attempt))
