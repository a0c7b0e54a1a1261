"""Finds a way through a level with save states: best first, along the waypoints of its segments.

A node is a state of the emulator; from it a handful of macro-actions lead on. They are tried one
at a time, the likeliest first: each later one makes the node less attractive, so that on easy
ground the search costs little more than playing, and near an obstacle it fans out.
"""

from __future__ import annotations

import heapq
import itertools
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from game.planning.emulator import DOWN, FRAME_SKIP, LEFT, RIGHT, B, Emulator, Look
from game.segments.canvas import PASS, Waypoint

STEP_PRICE = 3.0  # pixels of progress that an agent step must bring to be worth it
FAN_PRICE = 14.0  # pixels a node falls behind with each macro-action tried
BEHIND = 2400.0  # pixels behind the best node after which a node is forgotten
MAX_NODES = 12_000  # kept at a time
DASH_BELOW = 100  # ground speed under which a dash can be charged
CROWD_PRICE = 2.0  # pixels for each try made from about the same place
PLACE = 64  # pixels that are about the same place
SPEED_WORTH = 0.05  # pixels that a unit of speed towards the next waypoint is worth
RIDE_WORTH = 200.0  # pixels that standing on a platform is worth: as long as its round takes
LOOP_STEPS = 60  # no loop takes longer
EPISODE_STEPS = 4_500


@dataclass(eq=False, slots=True)
class Node:
    """A state, how it was reached and what is still to be tried from it."""

    parent: Node | None
    actions: tuple[int, ...]
    steps: int
    stage: int
    progress: float
    look: Look
    state: bytes
    held_b: bool
    facing: int
    macros: list[tuple[int, ...]] = field(default_factory=list)
    tried: int = 0


@dataclass(frozen=True)
class Plan:
    """The outcome of a search.

    Attributes:
        actions: one a step of the contest; they reach the end post if `solved`.
        progress: of the best node, as a share of the way.
        x, y: where the best node stood.
    """

    solved: bool
    actions: tuple[int, ...]
    seconds: float
    frames: int
    progress: float
    x: int
    y: int


class Way:
    """Progress along the waypoints: how far is a player, in pixels of the way."""

    def __init__(self, start: tuple[int, int], points: Sequence[Waypoint]) -> None:
        self.points = points
        self._done = [0.0]
        at = start
        for point in points:
            length = self._distance(point, *at)
            self._done.append(self._done[-1] + max(length, 1.0))
            at = (point.x, point.y)

    @property
    def length(self) -> float:
        return self._done[-1]

    def _distance(self, point: Waypoint, x: int, y: int) -> float:
        if point.reach_x == PASS:
            return abs(point.x - x) + max(0, y - point.y)
        return abs(point.x - x) + abs(point.y - y)

    def advance(self, stage: int, look: Look) -> int:
        """The stage after a step: every waypoint reached in turn is left behind."""
        while stage < len(self.points) and self._reached(self.points[stage], look):
            stage += 1
        return stage

    @staticmethod
    def _reached(point: Waypoint, look: Look) -> bool:
        if point.reach_x == PASS:
            return look.x >= point.x and look.y <= point.y + point.reach_y
        if point.land and not (look.grounded or look.on_platform):
            return False
        return abs(look.x - point.x) <= point.reach_x and abs(look.y - point.y) <= point.reach_y

    def progress(self, stage: int, look: Look) -> float:
        if stage >= len(self.points):
            return self.length
        return self._done[stage + 1] - self._distance(self.points[stage], look.x, look.y)


def plan(
    emulator: Emulator,
    start: tuple[int, int],
    points: Sequence[Waypoint],
    seconds: float = 90.0,
    max_frames: int | None = None,
) -> Plan:
    """Search a way from the emulator's current state to the end post.

    Args:
        emulator: just reset.
        start: where the player stands.
        points: the intended way; its last waypoint is the end post.
        seconds: processor time after which the search gives up.
        max_frames: emulator frames after which it gives up; unlike seconds the same everywhere.
    """
    return _Search(emulator, Way(start, points)).run(seconds, max_frames)


class _Search:
    def __init__(self, emulator: Emulator, way: Way) -> None:
        self.emulator = emulator
        self.way = way
        self.open: list[tuple[float, int, Node]] = []
        self.count = itertools.count()
        self.crowd: Counter[tuple[int, int, int]] = Counter()
        self.seen: set[tuple[int, ...]] = set()
        look = emulator.look()
        self.best = Node(None, (), 0, way.advance(0, look), 0.0, look, emulator.save(), False, 1)
        self.best.progress = way.progress(self.best.stage, look)
        self.current: Node | None = self.best
        self._push(self.best)

    def run(self, seconds: float, max_frames: int | None) -> Plan:
        began, frames = time.process_time(), self.emulator.frames
        goal = None
        while self.open and goal is None:
            if time.process_time() - began > seconds:
                break
            if max_frames is not None and self.emulator.frames - frames > max_frames:
                break
            goal = self._expand()
        last = goal or self.best
        return Plan(
            goal is not None,
            _actions(last),
            time.process_time() - began,
            self.emulator.frames - frames,
            last.progress / self.way.length,
            last.look.x,
            last.look.y,
        )

    def _expand(self) -> Node | None:
        """Try the next macro-action of the most promising node; returns the goal's node."""
        price, _, node = heapq.heappop(self.open)
        if node.progress < self.best.progress - BEHIND:
            return None
        if self._price(node) > price + CROWD_PRICE * 4:  # its place got crowded meanwhile
            self._push(node)
            return None
        self.crowd[self._place(node)] += 1
        if not node.macros:
            node.macros = macros(
                node.look, node.held_b, node.facing, self._target(node), self._waits(node.stage)
            )
        if self.current is not node:
            self.emulator.load(node.state)
        macro = node.macros[node.tried]
        node.tried += 1
        child = self._follow(node, macro)
        if node.tried < len(node.macros):
            self._push(node)
        self.current = None
        if child is None:
            return None
        if child.look.won:
            return child
        self.current = child
        if child.progress > self.best.progress:
            self.best = child
        self._push(child)
        return None

    def _follow(self, node: Node, macro: tuple[int, ...]) -> Node | None:
        """Play a macro-action; None where it ends a life or leads to what was seen before."""
        look, stage = node.look, node.stage
        played: list[int] = []
        for action in _unbroken(macro):
            if len(played) >= len(macro) and not look.in_loop:
                break
            look = self.emulator.step(action)
            stage = self.way.advance(stage, look)
            played.append(action)
            if look.won or look.dead or len(played) >= LOOP_STEPS:
                break
        macro = tuple(played)
        steps = node.steps + len(macro)
        if look.dead or steps > EPISODE_STEPS:
            return None
        progress = self.way.progress(stage, look)
        key = self._key(stage, look, steps)
        if key in self.seen and not look.won:
            return None
        self.seen.add(key)
        facing = 1 if macro[-1] & RIGHT else -1 if macro[-1] & LEFT else node.facing
        state = b"" if look.won else self.emulator.save()
        held = bool(macro[-1] & B)
        return Node(node, macro, steps, stage, progress, look, state, held, facing)

    def _key(self, stage: int, look: Look, steps: int) -> tuple[int, ...]:
        """What makes two states the same to the search; on platforms time counts, too."""
        fine = 3 if look.grounded else 4  # of two flights that are nearly the same, one will do
        return (
            stage,
            look.x >> fine,
            look.y >> fine,
            look.x_speed >> 8,
            look.y_speed >> 9,
            look.grounded + 2 * look.rolling + 4 * min(look.rings, 1),
            steps // 8 % 8 if self._waits(stage) else 0,
        )

    def _waits(self, stage: int) -> bool:
        """Whether the next waypoint may be a platform, so that waiting can help."""
        return self.way.points[min(stage, len(self.way.points) - 1)].land

    def _target(self, node: Node) -> tuple[int, int]:
        point = self.way.points[min(node.stage, len(self.way.points) - 1)]
        right = point.reach_x == PASS or point.x >= node.look.x
        return (1 if right else -1), point.y - node.look.y

    def _place(self, node: Node) -> tuple[int, int, int]:
        return node.stage, node.look.x // PLACE, node.look.y // PLACE

    def _price(self, node: Node) -> float:
        """What the search pays for a node: the lowest is tried next."""
        speed = node.look.ground_speed if node.look.grounded else node.look.x_speed
        worth = SPEED_WORTH * max(0, speed * self._target(node)[0])
        worth += RIDE_WORTH if node.look.on_platform else 0
        spent = STEP_PRICE * node.steps + FAN_PRICE * node.tried
        return spent + CROWD_PRICE * self.crowd[self._place(node)] - node.progress - worth

    def _push(self, node: Node) -> None:
        heapq.heappush(self.open, (self._price(node), next(self.count), node))
        if len(self.open) > MAX_NODES:
            self.open = heapq.nsmallest(MAX_NODES // 2, self.open)
            heapq.heapify(self.open)


def _unbroken(macro: tuple[int, ...]) -> Iterator[int]:
    """A macro-action's steps; while a loop carries the player, its last direction goes on."""
    yield from macro
    yield from itertools.repeat(macro[-1] & (LEFT | RIGHT))


def macros(
    look: Look, held_b: bool, facing: int, target: tuple[int, int], waits: bool = False
) -> list[tuple[int, ...]]:
    """The macro-actions worth trying, the likeliest first; an action is held for a step each."""
    side = target[0]
    ahead, away = (RIGHT, LEFT) if side > 0 else (LEFT, RIGHT)
    if look.lock:
        return [(ahead,) * 3, (0,) * 3, (ahead | B,) * 2]
    if not look.grounded:
        hold = B if held_b and look.y_speed < 0 else 0
        options = [(ahead | hold,) * 3, (ahead,) * 2, (hold,) * 3, (away | hold,) * 3, (away,) * 2]
        return list(dict.fromkeys(options))
    free = (0,) if held_b else ()  # B has to be let go before it can be pressed again
    run, jump = (ahead,) * 4, (*free, *(ahead | B,) * 4)
    up = (*free, *(B,) * 4)
    options = [run, jump, (*free, ahead | B, *(ahead,) * 3), up, (away,) * 4, (0,) * 3]
    options += [(*free, *(away | B,) * 4), (ahead,) * 2]
    if target[1] < -24:  # it is above: jump first
        options[:4] = [jump, up, run, (*free, ahead | B, *(ahead,) * 3)]
    if look.on_platform:  # ride on
        options[:0] = [(0,) * 8] if target[1] < 0 else []
        options.insert(3, (0,) * 4)
    elif waits:
        options.insert(3, (0,) * 12)
    if abs(look.ground_speed) >= 160 and not look.rolling:
        options.insert(3, (DOWN,) * 4)
    if abs(look.ground_speed) < DASH_BELOW and not look.rolling:
        turn = () if facing == side else (ahead,)
        dash = (*turn, *free, DOWN, *(DOWN | B, DOWN) * 3, 0)
        options.insert(4, dash)
    return options


def _actions(node: Node) -> tuple[int, ...]:
    parts = []
    at: Node | None = node
    while at is not None:
        parts.append(at.actions)
        at = at.parent
    return tuple(itertools.chain.from_iterable(reversed(parts)))


def seconds_of(plan_: Plan) -> float:
    """How long the planned play lasts at 60 frames a second."""
    return len(plan_.actions) * FRAME_SKIP / 60
