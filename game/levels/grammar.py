"""Generates levels from segments: one grammar for each zone, one level for each seed.

A level opens with ground that holding RIGHT passes, then mixes the zone's segments. At least two
of them lead back or up, so that running right never wins. The same arguments give the same level.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass

from game.format import ZONES, Cell
from game.levels.finish import GeneratedLevel, finish
from game.segments import SEGMENTS
from game.segments.canvas import Canvas
from game.segments.water import WATER_ROW

FIRST_FLAT = 12  # columns
LAST_FLAT = 22  # columns behind the last segment; the end post stands on them
END_BACK = 12  # columns from the end post to the right border
WATER_ONLY = frozenset({"basin", "sunken_spikes", "sunken_gallery", "sunken_shaft"})


@dataclass(frozen=True)
class Grammar:
    """The segments of a zone.

    Attributes:
        opening: segments that holding RIGHT passes; a level begins with two of them.
        middle: segment -> weight.
        backtracking: segment whose route leads back or up -> weight.
        low, high: the floor stays within this many rows below and above the floor of the start.
        roof: whether the levels are caves.
        water: whether the levels have a water line.
        icy: probability 0-1 that a segment is drawn with ice as its surface.
    """

    opening: tuple[str, ...]
    middle: Mapping[str, float]
    backtracking: Mapping[str, float]
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
        backtracking={"zigzag": 1, "overhang": 1.5, "spring_wall": 0.3},
    ),
    "Canyon": Grammar(
        opening=("hills", "plunge", "mound", "plain"),
        middle={
            "hills": 1, "steep": 2, "plunge": 1.5, "crag": 1.5, "bridge": 2, "crumbling": 2,
            "stones": 1.5, "chasm": 1.5, "pits": 1, "flyers": 1.5, "hazard_pools": 1,
            "booster": 1, "battery": 1, "two_roads": 1,
        },
        backtracking={"zigzag": 1.5, "overhang": 1, "shaft": 1, "lift": 0.7},
    ),
    "Cavern": Grammar(
        opening=("plain", "hills", "mound"),
        middle={
            "hills": 0.7, "ball_tunnel": 1.5, "break_wall": 1.5, "gallery": 2, "teeth": 1.5,
            "spikes": 1.5, "spike_trough": 1.5, "stones": 1, "patrol": 1.5, "pits": 1,
            "half_pipe": 1, "blocks": 1, "hazard_pools": 1, "fallers": 1, "drop_shaft": 1,
        },
        backtracking={"shaft": 1.5, "switchback": 1.5, "cellar": 1.5},
        roof=True,
    ),
    "Glacier": Grammar(
        opening=("hills", "plunge", "mound", "slope_loop"),
        middle={
            "ice_run": 2.5, "ice_steps": 2, "half_pipe": 2, "steep": 1.5, "slope_loop": 1,
            "pit": 1, "spikes": 1.5, "wall": 1, "crumbling": 1, "chasm": 1, "flyers": 1,
            "patrol": 1, "booster": 1, "fallers": 0.7,
        },
        backtracking={"zigzag": 1, "cellar": 1, "back_spring": 1.5, "overhang": 0.7},
        icy=0.35,
    ),
    "Foundry": Grammar(
        opening=("plain", "loop", "mound"),
        middle={
            "belts": 2, "belt_pits": 2, "movers": 1.5, "hazard_pools": 2, "battery": 2,
            "break_wall": 1.5, "gallery": 1, "teeth": 1, "spikes": 1, "fallers": 1,
            "trap_spring": 1, "loop": 1, "two_roads": 1, "ball_tunnel": 1, "blocks": 0.7,
        },
        backtracking={"lift": 1.5, "switchback": 1.5, "shaft": 1, "back_spring": 0.7},
    ),
    "Lagoon": Grammar(
        opening=("plain", "hills", "mound"),
        middle={
            "basin": 2, "sunken_spikes": 2, "sunken_gallery": 1.5, "shallows": 2, "bridge": 1,
            "stones": 1, "loop": 1, "patrol": 1, "spring_wall": 1, "pit": 1, "wall": 0.7,
            "drop_shaft": 1, "stairs": 1, "plunge": 1,
        },
        backtracking={"sunken_shaft": 1.5, "zigzag": 1, "overhang": 1},
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
        backtracking={"back_spring": 1.5, "lift": 1, "cellar": 1, "shaft": 1, "switchback": 1},
    ),
}  # fmt: skip


def generate(zone: str, act: int, seed: int, difficulty: float, attempt: int = 0) -> GeneratedLevel:
    """Generate one level.

    Args:
        zone: one of `format.ZONES`.
        act: number of the act, from 1; part of the level's name and of the random seed.
        seed: random seed.
        difficulty: 0 (gentle) to 1 (hard).
        attempt: part of the random seed; raised when a level cannot be solved.

    Raises:
        GeometryError: the level breaks a limit of the format, or its geometry is wrong.
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
    """Draw the start, the opening, then segments until the level is long enough."""
    end = canvas.pick(840, 920)
    backtrack_at = [end * canvas.pick(18, 30) // 100, end * canvas.pick(55, 75) // 100]
    if canvas.chance(canvas.difficulty):
        backtrack_at.append(end * canvas.pick(82, 90) // 100)
    canvas.flat(FIRST_FLAT)
    for _ in range(2):
        _draw(canvas, grammar, dict.fromkeys(grammar.opening, 1.0))
    while canvas.column < end:
        if backtrack_at and canvas.column >= backtrack_at[0]:
            if _draw(canvas, grammar, grammar.backtracking):
                backtrack_at.pop(0)
        else:
            _draw(canvas, grammar, grammar.middle)


def _draw(canvas: Canvas, grammar: Grammar, weights: Mapping[str, float]) -> bool:
    """Draw a segment; if none of the given ones fits, draw one that moves the floor.

    Returns:
        Whether one of the given segments fits.
    """
    canvas.trend = -1 if canvas.row > grammar.low - 5 else 1 if canvas.row < 6 - grammar.high else 0
    fitting = _fitting(canvas, grammar, weights)
    name = _choose(canvas, fitting or {_correction(canvas, grammar): 1.0})
    if grammar.icy and canvas.chance(grammar.icy):
        canvas.surface = Cell.ICE
    canvas.begin_segment(name)
    SEGMENTS[name].draw(canvas)
    canvas.surface = Cell.SOLID
    canvas.route_past()
    return bool(fitting)


def _correction(canvas: Canvas, grammar: Grammar) -> str:
    """Choose a segment that moves the floor, usually down, where no other segment fits."""
    too_high = canvas.row < (grammar.low - grammar.high) // 2
    if not too_high:
        canvas.trend = -1
        return "stairs"
    canvas.trend = 1
    known = [name for name in ("plunge", "drop_shaft") if name in grammar.middle]
    return known[0] if known else "stairs"


def _fitting(canvas: Canvas, grammar: Grammar, weights: Mapping[str, float]) -> dict[str, float]:
    """Return the segments that keep the floor in the zone's rows; recent ones get less weight."""
    recent = [seam.name for seam in canvas.seams[-2:]]
    fitting = {}
    for name, weight in weights.items():
        segment = SEGMENTS[name]
        both = segment.climbs and segment.falls  # it follows the trend
        climbs = 0 if both and canvas.trend > 0 else segment.climbs
        falls = 0 if both and canvas.trend < 0 else segment.falls
        if grammar.water and name in WATER_ONLY:
            falls = 0  # its end lies as high as its beginning
        if canvas.row - climbs < -grammar.high or canvas.row + falls > grammar.low:
            continue
        fitting[name] = weight * (0.1 if name in recent else 1.0)
        if canvas.trend and segment.climbs != segment.falls:
            up = segment.climbs > segment.falls
            fitting[name] *= 2.0 if up == (canvas.trend < 0) else 0.7
    return fitting


def _choose(canvas: Canvas, weights: Mapping[str, float]) -> str:
    """Draw a name by weight; names are sorted, so that the order of the table does not matter."""
    at = canvas.rng.random() * sum(weights.values())
    for name in sorted(weights):
        at -= weights[name]
        if at < 0:
            return name
    return max(weights)
