"""Measures how far a player has come on the intended route of a level."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

from game.planning.console import PlayerState
from game.segments.canvas import PASS, Waypoint


class RouteProgress:
    """Progress along waypoints.

    Waypoints are reached one after the other; the index of the next one is called the stage.
    """

    def __init__(self, start: tuple[int, int], waypoints: Sequence[Waypoint]) -> None:
        """Measure the route.

        Args:
            start: where the player stands, in pixels.
            waypoints: the route; the last waypoint is the end post.
        """
        self.waypoints = waypoints
        self._start = start
        self._lengths = [0.0]  # length of the route up to each waypoint
        at = start
        for waypoint in waypoints:
            length = self._distance(waypoint, *at)
            self._lengths.append(self._lengths[-1] + max(length, 1.0))
            at = (waypoint.x, waypoint.y)

    @property
    def length(self) -> float:
        """Length of the route, in pixels."""
        return self._lengths[-1]

    def advance(self, stage: int, player: PlayerState) -> int:
        """Return the stage after a step, which may reach several waypoints."""
        while stage < len(self.waypoints) and self._reached(self.waypoints[stage], player):
            stage += 1
        return stage

    def nearest_stage(self, player: PlayerState) -> int:
        """Return the stage of the part of the route that is nearest to the player.

        It is for a player whose way so far is unknown. Of parts at the same distance it is the
        first.
        """
        ends = [self._start, *((waypoint.x, waypoint.y) for waypoint in self.waypoints)]
        parts = itertools.pairwise(ends)
        distances = [_distance_to_part(player.x, player.y, *part) for part in parts]
        return distances.index(min(distances))

    def progress(self, stage: int, player: PlayerState) -> float:
        """Return how far the player has come, in pixels of the route."""
        if stage >= len(self.waypoints):
            return self.length
        rest = self._distance(self.waypoints[stage], player.x, player.y)
        return self._lengths[stage + 1] - rest

    @staticmethod
    def _distance(waypoint: Waypoint, x: int, y: int) -> float:
        if waypoint.reach_x == PASS:
            return abs(waypoint.x - x) + max(0, y - waypoint.y)
        return abs(waypoint.x - x) + abs(waypoint.y - y)

    @staticmethod
    def _reached(waypoint: Waypoint, player: PlayerState) -> bool:
        if waypoint.reach_x == PASS:
            return player.x >= waypoint.x and player.y <= waypoint.y + waypoint.reach_y
        if waypoint.land and not (player.grounded or player.on_platform):
            return False
        near_x = abs(player.x - waypoint.x) <= waypoint.reach_x
        return near_x and abs(player.y - waypoint.y) <= waypoint.reach_y


def _distance_to_part(x: int, y: int, start: tuple[int, int], end: tuple[int, int]) -> float:
    """Return the distance of a point from a straight part of the route, in pixels."""
    along_x, along_y = end[0] - start[0], end[1] - start[1]
    length = along_x**2 + along_y**2
    share = ((x - start[0]) * along_x + (y - start[1]) * along_y) / length if length else 0.0
    share = min(max(share, 0.0), 1.0)
    return math.hypot(start[0] + share * along_x - x, start[1] + share * along_y - y)
