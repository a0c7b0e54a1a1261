"""Assembles the art of a zone from its palette lines, ground, background and sprites."""

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
    """The parts in which the zones differ.

    Attributes:
        name: one of `format.ZONES`.
        lines: palette lines 1, 2 and 3. Line 1 has the ramps `outline`, `plank` and `back`;
            line 3 `ink`, `white`, `flow` (four colours of liquids and belts) and `ice`.
        material: the material of the ground.
        background: (256, 512) picture.
        bands: as in `ZoneArt`.
        decor: pictures of decoration that stands on the ground.
        sprites: name -> frames, as in `ZoneArt`.
        water: RGB colour that tints everything under water.
        cells: cell id -> picture that replaces the common one.
        cycles: as in `ZoneArt`; `assemble` adds the cycle of `flow`.
        seams: number of segments of the loop's ring.
        flow_frames: frames between two colours in the cycle of `flow`.
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
    """Draw the cells with a special function in the colours of a zone: cell id -> picture."""
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
    """Assemble the art of a zone."""
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
    """Return the ids of the ring's lower right cells, which hide the player on the way out."""
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
