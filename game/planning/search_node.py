"""A node of the planner's search: a saved state of the console, and how it was reached."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

from game.planning.console import PlayerState


@dataclass(eq=False, slots=True)
class Node:
    """A saved state and how it was reached.

    Attributes:
        parent: the node before it, or None at the start.
        actions: the actions that lead from the parent to this node; the action before the search
            at the first node.
        steps: steps since the start of the level.
        stage: index of the next waypoint.
        progress: pixels of the route.
        player: state of the player.
        state: saved state of the console.
        held_b: whether B is held.
        facing: 1 if the player faces right, -1 for left.
        macros: the macro-actions to try, empty before the first try.
        tried: number of macro-actions tried.
    """

    parent: Node | None
    actions: tuple[int, ...]
    steps: int
    stage: int
    progress: float
    player: PlayerState
    state: bytes
    held_b: bool
    facing: int
    macros: list[tuple[int, ...]] = field(default_factory=list)
    tried: int = 0


def stands(player: PlayerState) -> bool:
    """Return whether the player is not falling: on the ground, on a platform or in water."""
    return bool(player.grounded or player.on_platform or player.underwater)


def actions_to(node: Node) -> tuple[int, ...]:
    """Return the actions from the first node of the search to a node."""
    parts = []
    while node.parent is not None:
        parts.append(node.actions)
        node = node.parent
    return tuple(itertools.chain.from_iterable(reversed(parts)))
