"""Measures how far a player has come on the intended route of a level."""

from __future__ import annotations

from collections.abc import Sequence

from game.planning.emulator import PlayerState
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
