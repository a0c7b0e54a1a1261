"""Composes levels out of segments: a grammar per zone, from a seed.

A level opens with ground that one can simply run over, then mixes what its zone is known for; at
least two places lead back or up, so that running right never wins. Same arguments, same level.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass

from game.format import ZONES, Cell
from game.levels.draft import Draft, finish
from game.segments import SEGMENTS
from game.segments.canvas import Canvas
from game.segments.water import WATER_ROW

FIRST_FLAT = 12  # columns
LAST_FLAT = 22  # columns behind the last segment; the post stands before their end
END_BACK = 12  # columns from the post to the border


@dataclass(frozen=True)
class Grammar:
    """What a zone is made of.

    Attributes:
        opening: segments that holding RIGHT passes; a level begins with two or three of them.
        middle: segment -> weight.
        back: segments whose way leads back or up -> weight.
        low, high: rows below and above the start's floor between which the floor stays.
        roof: a cave.
        water: the level has a water line.
        icy: share of the level drawn with ice as its surface.
    """

    opening: tuple[str, ...]
    middle: Mapping[str, float]
    back: Mapping[str, float]
    low: int = 12
    high: int = 15
    roof: bool = False
    water: bool = False
    icy: float = 0.0


GRAMMARS: Mapping[str, Grammar] = {
    "Meadow": Grammar(
        opening=("plain", "hills", "mound", "loop", "slope_loop"),
        middle={
            "hills": 1, "loop": 2, "slope_loop": 1.5, "half_pipe": 1.5, "mound": 1, "stairs": 1,
            "wall": 1.5, "blocks": 1, "pit": 2, "pits": 1.5, "bridge": 1, "spikes": 1.5,
            "spring_wall": 1.5, "patrol": 2, "flyers": 1, "trap_spring": 0.7, "plunge": 1,
        },
        back={"zigzag": 1, "overhang": 1.5, "spring_wall": 0.3},
    ),
    "Canyon": Grammar(
        opening=("hills", "plunge", "mound", "plain"),
        middle={
            "hills": 1, "steep": 2, "plunge": 1.5, "crag": 1.5, "bridge": 2, "crumbling": 2,
            "stones": 1.5, "chasm": 1.5, "pits": 1, "flyers": 1.5, "hazard_pools": 1,
            "booster": 1, "battery": 1, "two_roads": 1,
        },
        back={"zigzag": 1.5, "overhang": 1, "shaft": 1, "lift": 0.7},
    ),
    "Cavern": Grammar(
        opening=("plain", "hills", "mound"),
        middle={
            "hills": 0.7, "ball_tunnel": 1.5, "break_wall": 1.5, "gallery": 2, "teeth": 1.5,
            "spikes": 1.5, "spike_trough": 1.5, "stones": 1, "patrol": 1.5, "pits": 1,
            "half_pipe": 1, "blocks": 1, "hazard_pools": 1, "fallers": 1, "drop_shaft": 1,
        },
        back={"shaft": 1.5, "switchback": 1.5, "cellar": 1.5},
        roof=True,
    ),
    "Glacier": Grammar(
        opening=("hills", "plunge", "mound", "slope_loop"),
        middle={
            "ice_run": 2.5, "ice_steps": 2, "half_pipe": 2, "steep": 1.5, "slope_loop": 1,
            "pit": 1, "spikes": 1.5, "wall": 1, "crumbling": 1, "chasm": 1, "flyers": 1,
            "patrol": 1, "booster": 1, "fallers": 0.7,
        },
        back={"zigzag": 1, "cellar": 1, "back_spring": 1.5, "overhang": 0.7},
        icy=0.35,
    ),
    "Foundry": Grammar(
        opening=("plain", "loop", "mound"),
        middle={
            "belts": 2, "belt_pits": 2, "movers": 1.5, "hazard_pools": 2, "battery": 2,
            "break_wall": 1.5, "gallery": 1, "teeth": 1, "spikes": 1, "fallers": 1,
            "trap_spring": 1, "loop": 1, "two_roads": 1, "ball_tunnel": 1, "blocks": 0.7,
        },
        back={"lift": 1.5, "switchback": 1.5, "shaft": 1, "back_spring": 0.7},
    ),
    "Lagoon": Grammar(
        opening=("plain", "hills", "mound"),
        middle={
            "basin": 2, "sunken_spikes": 2, "sunken_gallery": 1.5, "shallows": 2, "bridge": 1,
            "stones": 1, "loop": 1, "patrol": 1, "spring_wall": 1, "pit": 1, "wall": 0.7,
            "drop_shaft": 1, "stairs": 1, "plunge": 1,
        },
        back={"sunken_shaft": 1.5, "zigzag": 1, "overhang": 1},
        low=WATER_ROW - 3,
        high=12,
        water=True,
    ),
    "Skyline": Grammar(
        opening=("plain", "loop", "slope_loop", "plunge"),
        middle={
            "two_roads": 2, "spring_steps": 2, "chasm": 2, "movers": 2, "stones": 1.5,
            "fallers": 1.5, "loop": 1, "flyers": 1.5, "crumbling": 1, "belt_pits": 1,
            "battery": 1, "booster": 1, "plunge": 1.5, "pits": 1, "drop_shaft": 1,
        },
        back={"back_spring": 1.5, "lift": 1, "cellar": 1, "shaft": 1, "switchback": 1},
    ),
}  # fmt: skip


def generate(zone: str, act: int, seed: int, difficulty: float, attempt: int = 0) -> Draft:
    """Draw one level.

    Args:
        zone: one of `format.ZONES`.
        act: from 1; a part of the level's name, and of what the seed means.
        seed: any whole number.
        difficulty: 0 to 1.
        attempt: another number, another draw (when a level proved to be unsolvable).
    """
    rng = random.Random(f"pangolin/{seed}/{zone}/{act}/{difficulty:.3f}/{attempt}")
    grammar = GRAMMARS[zone]
    canvas = Canvas(rng, difficulty)
    _compose(canvas, grammar)
    canvas.flat(LAST_FLAT)
    return finish(
        canvas,
        zone=ZONES.index(zone),
        act=act,
        name=f"{zone}Zone.Act{act}",
        end_column=canvas.column - END_BACK,
        roof=grammar.roof,
        water_row=WATER_ROW if grammar.water else None,
    )


def _compose(canvas: Canvas, grammar: Grammar) -> None:
    """Draw the start, the opening, and segments until the level is long enough."""
    end = canvas.pick(840, 920)
    back = [end * canvas.pick(18, 30) // 100, end * canvas.pick(55, 75) // 100]
    if canvas.chance(canvas.difficulty):
        back.append(end * canvas.pick(82, 90) // 100)
    canvas.flat(FIRST_FLAT)
    for _ in range(2):
        _draw(canvas, grammar, dict.fromkeys(grammar.opening, 1.0))
    while canvas.column < end:
        if back and canvas.column >= back[0]:
            if _draw(canvas, grammar, grammar.back):
                back.pop(0)
        else:
            _draw(canvas, grammar, grammar.middle)


def _draw(canvas: Canvas, grammar: Grammar, weights: Mapping[str, float]) -> bool:
    """Draw one of these segments, or one that brings the floor back to where they fit."""
    canvas.lean = -1 if canvas.row > grammar.low - 5 else 1 if canvas.row < 6 - grammar.high else 0
    fitting = _fitting(canvas, grammar, weights)
    name = _choose(canvas, fitting or {_leveller(canvas, grammar): 1.0})
    if grammar.icy and canvas.chance(grammar.icy):
        canvas.surface = Cell.ICE
    canvas.begin(name)
    SEGMENTS[name].draw(canvas)
    canvas.surface = Cell.SOLID
    canvas.passed()
    return bool(fitting)


def _leveller(canvas: Canvas, grammar: Grammar) -> str:
    """What to draw where nothing fits: nearly always because everything climbs too high."""
    down = canvas.row < (grammar.low - grammar.high) // 2
    if not down:
        canvas.lean = -1
        return "stairs"
    canvas.lean = 1
    known = [name for name in ("plunge", "drop_shaft") if name in grammar.middle]
    return known[0] if known else "stairs"


def _fitting(canvas: Canvas, grammar: Grammar, weights: Mapping[str, float]) -> dict[str, float]:
    """The segments that keep the floor inside the zone's band; those just drawn weigh less."""
    recent = [seam.name for seam in canvas.seams[-2:]]
    fitting = {}
    for name, weight in weights.items():
        segment = SEGMENTS[name]
        both = segment.climbs and segment.falls  # it follows the lean
        climbs = 0 if both and canvas.lean > 0 else segment.climbs
        falls = 0 if both and canvas.lean < 0 else segment.falls
        if grammar.water and name in WATER_ONLY:
            falls = 0  # it comes up again
        if canvas.row - climbs < -grammar.high or canvas.row + falls > grammar.low:
            continue
        fitting[name] = weight * (0.1 if name in recent else 1.0)
        if canvas.lean and segment.climbs != segment.falls:
            up = segment.climbs > segment.falls
            fitting[name] *= 2.0 if up == (canvas.lean < 0) else 0.7
    return fitting


WATER_ONLY = frozenset({"basin", "sunken_spikes", "sunken_gallery", "sunken_shaft"})


def _choose(canvas: Canvas, weights: Mapping[str, float]) -> str:
    """A name by its weight; sorted, so that the order of a table does not matter."""
    at = canvas.rng.random() * sum(weights.values())
    for name in sorted(weights):
        at -= weights[name]
        if at < 0:
            return name
    return max(weights)
