"""The hand-designed segments of the levels, by name, and the canvas on which they draw.

A segment is a function that draws on the canvas from the pen onwards. Its size and details depend
on the canvas's random numbers and difficulty.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from game.segments import pits, runs, tunnels, walls, water
from game.segments.canvas import Canvas


@dataclass(frozen=True)
class Segment:
    """A kind of segment.

    Attributes:
        draw: draws the segment on a canvas.
        climbs: upper limit of the rows by which its end lies above its beginning.
        falls: upper limit of the rows by which its end lies below its beginning.
        columns: its approximate width.
        backtracks: the route leads left or far up, so running right alone can't pass it.
        open: holding RIGHT from its beginning passes it at running speed.
    """

    draw: Callable[[Canvas], None]
    climbs: int = 0
    falls: int = 0
    columns: int = 25
    backtracks: bool = False
    open: bool = False


SEGMENTS: Mapping[str, Segment] = {
    "plain": Segment(runs.plain, 0, 0, 18, open=True),
    "hills": Segment(runs.hills, 12, 12, 30, open=True),
    "mound": Segment(runs.mound, 0, 0, 30, open=True),
    "loop": Segment(runs.loop, 0, 0, 48, open=True),
    "slope_loop": Segment(runs.slope_loop, 0, 5, 46, open=True),
    "half_pipe": Segment(runs.half_pipe, 1, 1, 30),
    "steep": Segment(runs.steep, 10, 0, 42),
    "plunge": Segment(runs.plunge, 0, 12, 36, open=True),
    "booster": Segment(runs.booster, 9, 0, 32),
    "stairs": Segment(runs.stairs, 16, 16, 24),
    "wall": Segment(runs.wall, 5, 0, 24),
    "blocks": Segment(runs.blocks, 0, 0, 34),
    "ice_run": Segment(runs.ice_run, 1, 2, 46),
    "ice_steps": Segment(runs.ice_steps, 9, 9, 40),
    "pit": Segment(pits.pit, 2, 2, 22),
    "pits": Segment(pits.pits, 8, 8, 42),
    "stones": Segment(pits.stones, 5, 4, 40),
    "bridge": Segment(pits.bridge, 0, 0, 36),
    "crumbling": Segment(pits.crumbling, 0, 0, 32),
    "movers": Segment(pits.movers, 0, 0, 40),
    "fallers": Segment(pits.fallers, 0, 0, 36),
    "lift": Segment(pits.lift, 11, 0, 22, backtracks=True),
    "chasm": Segment(pits.chasm, 2, 2, 46),
    "hazard_pools": Segment(pits.hazard_pools, 0, 0, 34),
    "spikes": Segment(pits.spikes, 0, 0, 30),
    "spike_trough": Segment(pits.spike_trough, 0, 0, 28),
    "belts": Segment(pits.belts, 0, 0, 40),
    "belt_pits": Segment(pits.belt_pits, 0, 0, 44),
    "zigzag": Segment(walls.zigzag, 13, 0, 22, backtracks=True),
    "overhang": Segment(walls.overhang, 11, 0, 34, backtracks=True),
    "cellar": Segment(walls.cellar, 8, 8, 38, backtracks=True),
    "shaft": Segment(walls.shaft, 17, 0, 22, backtracks=True),
    "switchback": Segment(walls.switchback, 13, 0, 34, backtracks=True),
    "back_spring": Segment(walls.back_spring, 10, 0, 54, backtracks=True),
    "spring_wall": Segment(walls.spring_wall, 16, 0, 20),
    "crag": Segment(walls.crag, 15, 0, 32),
    "two_roads": Segment(walls.two_roads, 0, 0, 42),
    "spring_steps": Segment(walls.spring_steps, 24, 0, 40),
    "ball_tunnel": Segment(tunnels.ball_tunnel, 0, 0, 28),
    "break_wall": Segment(tunnels.break_wall, 0, 0, 32),
    "gallery": Segment(tunnels.gallery, 0, 0, 28),
    "teeth": Segment(tunnels.teeth, 0, 0, 26),
    "drop_shaft": Segment(tunnels.drop_shaft, 0, 13, 22, backtracks=True),
    "patrol": Segment(tunnels.patrol, 0, 0, 26),
    "flyers": Segment(tunnels.flyers, 0, 0, 32),
    "battery": Segment(tunnels.battery, 0, 0, 30),
    "trap_spring": Segment(tunnels.trap_spring, 0, 0, 20),
    "basin": Segment(water.basin, 4, 14, 50),
    "sunken_spikes": Segment(water.sunken_spikes, 0, 14, 50),
    "sunken_gallery": Segment(water.sunken_gallery, 0, 14, 48),
    "sunken_shaft": Segment(water.sunken_shaft, 0, 14, 36, backtracks=True),
    "shallows": Segment(water.shallows, 0, 0, 44),
}
