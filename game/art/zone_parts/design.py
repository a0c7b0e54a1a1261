"""Puts a zone together from its palette lines, material, scenery and sprites."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from game.art.drawing import Line, Shades, tint
from game.art.shared.palette import SHARED
from game.art.zone_parts import special_cells as special
from game.art.zone_parts.ground import Material, ground, loop
from game.format import Cell, Picture, ZoneArt

Frames = tuple[Picture, ...]


@dataclass(frozen=True, eq=False)
class ZoneDesign:
    """What differs from zone to zone.

    Attributes:
        name: one of `format.ZONES`.
        lines: palette lines 1, 2 and 3. Line 1 has the ramps `outline`, `plank` and `back`;
            line 3 `ink`, `white`, `flow` (four colours of liquids and belts) and `ice`.
        material: of the ground.
        background: the finished picture, with its bands.
        decor: pictures that stand on the ground.
        sprites: the zone's enemies and things.
        water: RGB that everything is tinted with under water.
        bands, cycles: as in `ZoneArt`; the cycle of `flow` is added.
        cells: pictures that replace the usual ones.
        seams: segments of the loop's ring.
    """

    name: str
    lines: tuple[Line, Line, Line]
    material: Material
    background: Picture
    bands: tuple[tuple[int, int, int], ...]
    decor: Sequence[Picture]
    sprites: dict[str, Frames]
    water: tuple[int, int, int]
    cells: dict[int, Picture]
    cycles: tuple[tuple[int, int, int, int], ...] = ()
    seams: int = 24
    flow_frames: int = 7


def common_cells(
    one: Line, three: Line, material: Material, back: Sequence[Shades]
) -> dict[int, Picture]:
    """The cells with a job, in the zone's colours."""
    outline, ink = int(one["outline"][0]), int(three["ink"][0])
    flow, frozen = three["flow"], three["ice"]
    cells = special.spikes()
    cells |= special.oneway(one["plank"], outline)
    cells[int(Cell.BRIDGE)] = special.bridge(one["plank"], int(one["plank"][-1]), outline)
    cells |= special.ice(np.concatenate([[ink], frozen]).astype(np.uint8), ink)
    cells |= special.belt(flow, np.array([ink, frozen[0], frozen[1]], np.uint8), ink)
    cells[int(Cell.BREAKABLE)] = special.block(one["plank"], outline)
    cells[int(Cell.CRUMBLE)] = special.crumble(one["plank"], outline)
    cells |= special.liquid(flow, int(three["white"][0]))
    cells |= special.back(one["back"], back)
    cells[int(Cell.WATER_TOP)] = special.water_top(frozen, int(three["white"][0]))
    return cells


def assemble(kit: ZoneDesign) -> ZoneArt:
    """The zone as the packer wants it."""
    one, two, three = kit.lines
    cells = ground(kit.material)
    back = [np.clip(t - 1, 0, None) // 2 for t in kit.material.textures]
    cells |= common_cells(one, three, kit.material, back)
    cells |= kit.cells
    ring = loop(kit.material, kit.seams)
    palettes = np.stack([one.palette, two.palette, three.palette])
    everything = np.concatenate([SHARED.palette[None], palettes])
    flow = (3, three.first("flow"), len(three["flow"]), kit.flow_frames)
    return ZoneArt(
        name=kit.name,
        palettes=palettes,
        cells=cells,
        loop=ring,
        decor=tuple(kit.decor),
        background=kit.background,
        bands=kit.bands,
        sprites=kit.sprites,
        cycles=(flow, *kit.cycles),
        water_palettes=np.concatenate(
            [tint(everything[:1], kit.water, 0.2), tint(everything[1:], kit.water, 0.4)]
        ),
        front=right_foot(ring),
    )


def right_foot(ring: Picture) -> frozenset[int]:
    """Ids of the ring's lower right cells: the player leaves behind them."""
    known: dict[bytes, int] = {}
    front = set()
    for row in range(9):
        for column in range(10):
            piece = ring[row * 16 : row * 16 + 16, column * 16 : column * 16 + 16]
            if not (piece % 16).any():
                continue
            number = known.setdefault(piece.tobytes(), 128 + len(known))
            if row >= 5 and column >= 5:
                front.add(number)
    return frozenset(front)
