"""Searches for a solution of a level: best-first search over save states, along the route.

A node is a saved state of the console. The search tries its macro-actions one at a time, the most
promising first, and each failed try raises the cost of the node. On easy ground the search costs
little more than playing; near an obstacle it tries many alternatives.
"""

from __future__ import annotations

import heapq
import itertools
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from game.planning.console import FRAME_SKIP, LEFT, RIGHT, B, Console, PlayerState
from game.planning.macro_actions import continued_dash, macro_actions
from game.planning.route_progress import RouteProgress
from game.planning.search_node import Node, actions_to, stands
from game.segments.canvas import PASS, Waypoint

# Costs and bonuses of a node, in pixels of progress.
STEP_COST = 3.0  # for each step since the start
TRY_COST = 14.0  # for each macro-action tried
VISIT_COST = 2.0  # for each try made from about the same position
SPEED_BONUS = 0.05  # for each unit of speed towards the next waypoint
PLATFORM_BONUS = 200.0  # for standing on a platform: about the cost of one period of its movement

MAX_BEHIND = 2400.0  # pixels behind the best node at which a node is dropped
MAX_NODES = 12_000  # upper limit of open nodes
POSITION_CELL = 64  # pixels; positions in one square of this size count as about the same
LOOP_STEPS = 60  # no loop takes longer
EPISODE_STEPS = 4_500


@dataclass(frozen=True)
class SearchResult:
    """The outcome of a search.

    Attributes:
        solved: whether the actions reach the end post.
        actions: one for each step of the contest, up to the best node.
        seconds: processor time of the search.
        frames: frames that the console ran.
        progress: share 0-1 of the route up to the best node.
        x, y: position of the player at the best node, in pixels.
    """

    solved: bool
    actions: tuple[int, ...]
    seconds: float
    frames: int
    progress: float
    x: int
    y: int

    @property
    def play_seconds(self) -> float:
        """Duration of the play at 60 frames per second."""
        return len(self.actions) * FRAME_SKIP / 60


def plan(
    console: Console,
    start: tuple[int, int],
    waypoints: Sequence[Waypoint],
    seconds: float = 90.0,
    max_frames: int | None = None,
) -> SearchResult:
    """Search for actions that lead from the console's current state to the end post.

    Args:
        console: the emulator or the native engine, at the level's start.
        start: where the player stands, in pixels.
        waypoints: the intended route; the last waypoint is the end post.
        seconds: processor time after which the search gives up.
        max_frames: frames of the game after which the search gives up; unlike `seconds`, this gives
            the same result on every machine.
    """
    return Search(console, RouteProgress(start, waypoints)).run(seconds, max_frames)


class Search:
    """A search from the console's current state."""

    def __init__(
        self,
        console: Console,
        route: RouteProgress,
        stage: int = 0,
        previous: int = 0,
        late: Callable[[], bool] | None = None,
    ) -> None:
        """Begin a search.

        Args:
            console: the emulator or the native engine.
            route: the route to follow.
            stage: index of the next waypoint.
            previous: the action of the step before.
            late: draws for each change of the action whether it comes one frame late, as with
                sticky actions; None if no change does.
        """
        self.console = console
        self.route = route
        self.late = late
        self.open: list[tuple[float, int, Node]] = []
        self.count = itertools.count()
        self.visits: Counter[tuple[int, int, int]] = Counter()
        self.seen: set[tuple[int, ...]] = set()
        player = console.player_state()
        stage = route.advance(stage, player)
        facing = -1 if previous & LEFT else 1
        held_b = bool(previous & B)
        self.best = Node(None, (previous,), 0, stage, 0.0, player, console.save(), held_b, facing)
        self.best.progress = route.progress(stage, player)
        self.current: Node | None = self.best
        self._push(self.best)

    def run(self, seconds: float, max_frames: int | None) -> SearchResult:
        began, frames = time.process_time(), self.console.frames
        goal = None
        while self.open and goal is None:
            if time.process_time() - began > seconds:
                break
            if max_frames is not None and self.console.frames - frames > max_frames:
                break
            goal = self._expand()
        last = goal or self.best
        return SearchResult(
            goal is not None,
            actions_to(last),
            time.process_time() - began,
            self.console.frames - frames,
            last.progress / self.route.length,
            last.player.x,
            last.player.y,
        )

    def run_ahead(self, max_frames: int, steps: int) -> tuple[tuple[int, ...], float]:
        """Search until the player stands further on the route than ever, `steps` or more ahead.

        Args:
            max_frames: frames of the game after which the search gives up.
            steps: steps of the contest.

        Returns:
            The actions to the furthest place at which the player stands, or to the end post, and
            the progress there, in pixels of the route. The actions are empty if no macro-action
            leads on. Progress in the air doesn't count, because it may be a leap into a pit.
        """
        frames = self.console.frames
        furthest = self.best if stands(self.best.player) else None
        while self.open and self.console.frames - frames < max_frames:
            if (goal := self._expand()) is not None:
                return actions_to(goal), self.route.length
            reached = self.current
            if reached is None or not stands(reached.player):
                continue
            if furthest is None or reached.progress > furthest.progress:
                furthest = reached
                if furthest.steps >= steps:
                    break
        return ((), 0.0) if furthest is None else (actions_to(furthest), furthest.progress)

    def _expand(self) -> Node | None:
        """Try the next macro-action of the most promising node; return a node that wins."""
        cost, _, node = heapq.heappop(self.open)
        if node.progress < self.best.progress - MAX_BEHIND:
            return None
        if self._cost(node) > cost + VISIT_COST * 4:  # the position was visited meanwhile
            self._push(node)
            return None
        self.visits[self._position(node)] += 1
        if not node.macros:
            node.macros = macro_actions(
                node.player,
                node.held_b,
                node.facing,
                self._target(node),
                self._may_wait(node.stage),
            )
            if node.parent is None:  # later nodes are reached by whole macro-actions
                node.macros[:0] = continued_dash(node.player, node.actions[-1])
        if self.current is not node:
            self.console.load(node.state)
        macro = node.macros[node.tried]
        node.tried += 1
        child = self._follow(node, macro)
        if node.tried < len(node.macros):
            self._push(node)
        self.current = None
        if child is None:
            return None
        if child.player.won:
            return child
        self.current = child
        if child.progress > self.best.progress:
            self.best = child
        self._push(child)
        return None

    def _follow(self, node: Node, macro: tuple[int, ...]) -> Node | None:
        """Play a macro-action; return None if a life is lost or the state was seen before."""
        player, stage, previous = node.player, node.stage, node.actions[-1]
        played: list[int] = []
        for action in _continued(macro):
            if len(played) >= len(macro) and not player.in_loop:
                break
            late = self.late is not None and action != previous and self.late()
            player = self.console.step(action, previous if late else None)
            previous = action
            stage = self.route.advance(stage, player)
            played.append(action)
            if player.won or player.dead or len(played) >= LOOP_STEPS:
                break
        macro = tuple(played)
        steps = node.steps + len(macro)
        if player.dead or steps > EPISODE_STEPS:
            return None
        progress = self.route.progress(stage, player)
        key = self._key(stage, player, steps)
        if key in self.seen and not player.won:
            return None
        self.seen.add(key)
        facing = 1 if macro[-1] & RIGHT else -1 if macro[-1] & LEFT else node.facing
        state = b"" if player.won else self.console.save()
        held = bool(macro[-1] & B)
        return Node(node, macro, steps, stage, progress, player, state, held, facing)

    def _key(self, stage: int, player: PlayerState, steps: int) -> tuple[int, ...]:
        """Return a key that is equal for states which the search treats as the same."""
        bits = 3 if player.grounded else 4  # in the air a coarser position is enough
        return (
            stage,
            player.x >> bits,
            player.y >> bits,
            player.x_speed >> 8,
            player.y_speed >> 9,
            player.grounded + 2 * player.rolling + 4 * min(player.rings, 1),
            steps // 8 % 8 if self._may_wait(stage) else 0,  # moving platforms depend on time
        )

    def _may_wait(self, stage: int) -> bool:
        """Return whether the next waypoint may be a platform, so that waiting can help."""
        return self.route.waypoints[min(stage, len(self.route.waypoints) - 1)].land

    def _target(self, node: Node) -> tuple[int, int]:
        waypoint = self.route.waypoints[min(node.stage, len(self.route.waypoints) - 1)]
        right = waypoint.reach_x == PASS or waypoint.x >= node.player.x
        return (1 if right else -1), waypoint.y - node.player.y

    def _position(self, node: Node) -> tuple[int, int, int]:
        return node.stage, node.player.x // POSITION_CELL, node.player.y // POSITION_CELL

    def _cost(self, node: Node) -> float:
        """Return the cost of a node in pixels; the search tries the lowest next."""
        player = node.player
        speed = player.ground_speed if player.grounded else player.x_speed
        bonus = SPEED_BONUS * max(0, speed * self._target(node)[0])
        bonus += PLATFORM_BONUS if player.on_platform else 0
        spent = STEP_COST * node.steps + TRY_COST * node.tried
        return spent + VISIT_COST * self.visits[self._position(node)] - node.progress - bonus

    def _push(self, node: Node) -> None:
        heapq.heappush(self.open, (self._cost(node), next(self.count), node))
        if len(self.open) > MAX_NODES:
            self.open = heapq.nsmallest(MAX_NODES // 2, self.open)
            heapq.heapify(self.open)


def _continued(macro: tuple[int, ...]) -> Iterator[int]:
    """Yield the steps of a macro-action, then its last direction for as long as a loop lasts."""
    yield from macro
    yield from itertools.repeat(macro[-1] & (LEFT | RIGHT))
