"""The format that engine, art and levels share: ids, limits and the data classes.

`FORMAT.md` explains the values. The engine's C header defines the same numbers, and a test
compares the two.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np
import numpy.typing as npt

Picture = npt.NDArray[np.uint8]

FORMAT_VERSION = 1
PACK_MAGIC = b"PGDP"
PACK_TABLE = 0x200

CELL = 16  # pixels
SCREEN_WIDTH = 320
SCREEN_HEIGHT = 224
MIN_COLUMNS = 20
MAX_COLUMNS = 2000
MIN_ROWS = 14
MAX_ROWS = 64
MAX_CELLS = 49_152
MAX_OBJECTS = 250
MAX_RINGS = 500
MAX_OBJECTS_NEAR = 12  # within 640 pixels of the level
MAX_RINGS_NEAR = 24  # within 400 pixels
END_MARGIN = 160  # pixels between the end post and the level's right border
LOOP_RADIUS = 64  # pixels
MAX_ROM_BYTES = 1 << 20

MAX_FOREGROUND_TILES = 639
MAX_BACKGROUND_TILES = 383
MAX_ZONE_SPRITE_TILES = 128
MAX_SHARED_SPRITE_TILES = 288

ZONES = ("Meadow", "Canyon", "Cavern", "Glacier", "Foundry", "Lagoon", "Skyline")


class Cell(IntEnum):
    """Cell ids. `art.autotile` chooses 2-15, 18, 19, 59-71 and 128-255, a designer never."""

    EMPTY = 0
    SOLID = 1
    TOP_B = 2
    TOP_LEFT = 3
    TOP_RIGHT = 4
    TOP_BOTH = 5
    FILL_A = 6
    FILL_B = 7
    FILL_C = 8
    EDGE_LEFT = 9
    EDGE_RIGHT = 10
    UNDERSIDE = 11
    UNDERSIDE_LEFT = 12
    UNDERSIDE_RIGHT = 13
    PILLAR = 14
    ALONE = 15
    S45_UP = 16
    S45_DOWN = 17
    S45_UP_FILL = 18
    S45_DOWN_FILL = 19
    S22_UP0 = 20
    S22_UP1 = 21
    S22_DOWN0 = 22
    S22_DOWN1 = 23
    S14_UP0 = 24
    S14_UP1 = 25
    S14_UP2 = 26
    S14_UP3 = 27
    S14_DOWN0 = 28
    S14_DOWN1 = 29
    S14_DOWN2 = 30
    S14_DOWN3 = 31
    HALF_FLOOR = 32
    HALF_CEIL = 33
    C45_LEFT = 34
    C45_RIGHT = 35
    ONEWAY = 36
    ONEWAY_L = 37
    ONEWAY_R = 38
    BRIDGE = 39
    ICE = 40
    ICE_B = 41
    CONVEYOR_R = 42
    CONVEYOR_L = 43
    SPIKE_UP = 44
    SPIKE_DOWN = 45
    SPIKE_LEFT = 46
    SPIKE_RIGHT = 47
    BREAKABLE = 48
    CRUMBLE = 49
    HAZARD = 50
    HAZARD_FILL = 51
    BARRIER = 52
    BACK = 53
    BACK_B = 54
    WATER_TOP = 55
    ICE_S45_UP = 56
    ICE_S45_DOWN = 57
    BARRIER_ONEWAY = 58
    S22_UP0_FILL = 59
    S22_UP1_FILL = 60
    S22_DOWN0_FILL = 61
    S22_DOWN1_FILL = 62
    S14_UP0_FILL = 63
    S14_UP1_FILL = 64
    S14_UP2_FILL = 65
    S14_UP3_FILL = 66
    S14_DOWN0_FILL = 67
    S14_DOWN1_FILL = 68
    S14_DOWN2_FILL = 69
    S14_DOWN3_FILL = 70
    HALF_FLOOR_FILL = 71


FIRST_LOOP_CELL = 128
MAX_LOOP_CELLS = 64
FIRST_DECOR_CELL = 192
MAX_DECOR_CELLS = 64
# Slope or half cell -> what `art.autotile` puts in place of a SOLID cell below it.
UNDER_SLOPE: dict[int, Cell] = {
    cell: Cell[f"{cell.name}_FILL"]
    for cell in (Cell.S45_UP, Cell.S45_DOWN, *(Cell(n) for n in range(20, 33)))
}
INVISIBLE = frozenset({Cell.EMPTY, Cell.BARRIER, Cell.BARRIER_ONEWAY})


class Kind(IntEnum):
    """Kinds of objects; FORMAT.md, 5 describes their behaviour."""

    SPRING_UP = 1
    SPRING_RIGHT = 2
    SPRING_LEFT = 3
    SPRING_UPRIGHT = 4
    SPRING_UPLEFT = 5
    PLATFORM_H = 6
    PLATFORM_V = 7
    PLATFORM_FALL = 8
    PATROLLER = 9
    FLYER = 10
    SHOOTER = 11
    HOPPER = 12
    LOOP = 13
    AIR = 14


@dataclass(frozen=True)
class Obj:
    """An object of a level.

    Attributes:
        kind: what the object is.
        x: its centre, in pixels.
        y: its bottom, in pixels (flyers: the centre; platforms: the top).
        arg, arg2: settings 0-255 whose meaning depends on the kind (FORMAT.md, 5).
    """

    kind: Kind
    x: int
    y: int
    arg: int = 0
    arg2: int = 0


@dataclass(frozen=True, eq=False)
class LevelData:
    """A level as its designer draws it, before the cells get their pictures.

    Attributes:
        zone: index into ZONES.
        cells: (rows, columns) uint8 of `Cell`; row 0 is the top row.
        start: x of the player and y of the floor under the player, in pixels.
        end_x: x of the end post in pixels; the player wins at x >= end_x.
        end_y: y of the floor under the end post, in pixels.
        rings: centres of the rings (x, y), in pixels.
        water_y: y of the water line in pixels, a multiple of 16, or None without water.
        time_limit: seconds; 0 for no limit.
        name: name of the level's state, such as `MeadowZone.Act1`.
        act: number of the act in its zone, from 1.
    """

    zone: int
    cells: Picture
    start: tuple[int, int]
    end_x: int
    end_y: int
    objects: tuple[Obj, ...] = ()
    rings: tuple[tuple[int, int], ...] = ()
    water_y: int | None = None
    time_limit: int = 0
    name: str = ""
    act: int = 1


@dataclass(frozen=True, eq=False)
class ZoneArt:
    """The pictures of a zone, in colours 0-63 = palette line * 16 + colour (FORMAT.md, 9).

    Attributes:
        name: one of ZONES.
        palettes: (3, 16, 3) uint8 RGB: palette lines 1, 2 and 3.
        cells: cell id -> (16, 16) picture.
        loop: (144, 160) picture of the loop's ring.
        decor: pictures (16 * h, 16 * w) of decoration that stands on the ground.
        background: (256, 512) picture.
        bands: (first row, share of the camera's speed 0-256, drift in 1/256 pixel per frame).
        sprites: name -> frames, as `ZONE_SPRITES` lists them.
        cycles: (line, first colour, count, frames): palette colours that rotate.
        water_palettes: (4, 16, 3) uint8 RGB: all palette lines under water, or None.
        front: ids of cells that hide the player.
    """

    name: str
    palettes: Picture
    cells: dict[int, Picture]
    loop: Picture
    decor: tuple[Picture, ...]
    background: Picture
    bands: tuple[tuple[int, int, int], ...]
    sprites: dict[str, tuple[Picture, ...]]
    cycles: tuple[tuple[int, int, int, int], ...] = ()
    water_palettes: Picture | None = None
    front: frozenset[int] = frozenset()


@dataclass(frozen=True, eq=False)
class SharedArt:
    """The pictures that all zones share, in palette line 0.

    Attributes:
        palette: (16, 3) uint8 RGB.
        player: animation -> frames (40, 40), facing right, body centre at (20, 20).
        sprites: name -> frames, as `SHARED_SPRITES` lists them.
        font: character -> (8, 8) picture.
    """

    palette: Picture
    player: dict[str, tuple[Picture, ...]]
    sprites: dict[str, tuple[Picture, ...]]
    font: dict[str, Picture] = field(default_factory=dict)


# Sprite name -> (frames, height, width in pixels), in the order of the tiles in video memory.
ZONE_SPRITES: dict[str, tuple[int, int, int]] = {
    "patroller": (2, 24, 24),
    "flyer": (2, 24, 32),
    "shooter": (2, 24, 24),
    "hopper": (2, 24, 24),
    "shot": (2, 8, 8),
    "platform": (1, 16, 48),
    "debris": (2, 8, 8),
}
SHARED_SPRITES: dict[str, tuple[int, int, int]] = {
    "ring": (4, 16, 16),
    "sparkle": (2, 16, 16),
    "spring_up": (2, 16, 32),
    "spring_side": (2, 32, 16),
    "spring_diag": (2, 32, 32),
    "post": (3, 32, 32),
    "pole": (1, 16, 8),
    "bubble": (1, 8, 8),
    "air": (1, 32, 32),
    "vent": (1, 16, 16),
    "puff": (3, 24, 24),
    "dust": (2, 16, 16),
    "life": (1, 16, 16),
}
# Animation -> number of frames.
PLAYER_FRAMES: dict[str, int] = {
    "stand": 2,
    "walk": 6,
    "run": 4,
    "run45": 4,
    "run90": 4,
    "run135": 4,
    "roll": 4,
    "skid": 1,
    "crouch": 1,
    "dash": 2,
    "rise": 1,
    "fall": 1,
    "hurt": 1,
    "dead": 1,
    "win": 2,
}
FONT = "0123456789:ABCDEFGHIJKLMNOPQRSTUVWXYZ-!."
