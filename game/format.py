"""The format shared by engine, art and levels: ids, limits, the RAM block and the data classes.

`README.md` says what they mean; the engine's C header states the same numbers, and a test
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
RAM_MAGIC = 0x50474431  # "PGD1"
RAM_BASE = 0xFF0000

CELL = 16
SCREEN_WIDTH = 320
SCREEN_HEIGHT = 224
MIN_COLUMNS = 20
MAX_COLUMNS = 2000
MIN_ROWS = 14
MAX_ROWS = 64
MAX_CELLS = 49_152
MAX_OBJECTS = 250
MAX_RINGS = 500
MAX_OBJECTS_NEAR = 12  # within 640 pixels
MAX_RINGS_NEAR = 24  # within 400 pixels
END_MARGIN = 160  # pixels between the end post and the level's right border
LOOP_RADIUS = 64
MAX_ROM_BYTES = 1 << 20

MAX_FOREGROUND_TILES = 639
MAX_BACKGROUND_TILES = 383
MAX_ZONE_SPRITE_TILES = 128
MAX_SHARED_SPRITE_TILES = 288

ZONES = ("Meadow", "Canyon", "Cavern", "Glacier", "Foundry", "Lagoon", "Skyline")


class Cell(IntEnum):
    """Cell ids: 2-15, 18, 19 and 128-255 are chosen by `rom.dress`, never by a designer."""

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


FIRST_LOOP_CELL = 128
MAX_LOOP_CELLS = 64
FIRST_DECOR_CELL = 192
MAX_DECOR_CELLS = 64
INVISIBLE = frozenset({Cell.EMPTY, Cell.BARRIER, Cell.BARRIER_ONEWAY})


class Kind(IntEnum):
    """Kinds of objects."""

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
    """An object: x = its centre, y = its bottom (flyers: centre; platforms: top), in pixels."""

    kind: Kind
    x: int
    y: int
    arg: int = 0
    arg2: int = 0


@dataclass(frozen=True, eq=False)
class Level:
    """A level in logical cells.

    Attributes:
        zone: index into ZONES.
        cells: (rows, columns) uint8 of `Cell`, row 0 on top.
        start: x, and y of the floor under the player, in pixels.
        end_x: the end post: the level is won at x >= end_x.
        end_y: the floor that the post stands on.
        rings: centres, in pixels.
        water_y: pixel row (multiple of 16) from which down is water, or None.
        time_limit: seconds, 0 = none.
        name: as its state is called, `MeadowZone.Act1`.
        act: shown by the RAM block, from 1.
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
    """A zone's pictures: colour numbers 0-63 = palette line * 16 + colour (README.md 9).

    Attributes:
        palettes: (3, 16, 3) uint8 RGB: lines 1, 2 and 3.
        cells: id -> (16, 16).
        loop: (144, 160).
        decor: pictures (16 * h, 16 * w) that stand on the ground.
        background: (256, 512).
        bands: (first row, share of the camera's speed 0-256, drift in 1/256 pixel a frame).
        cycles: (line, first colour, count, frames): colours that rotate.
        sprites: name -> frames.
        water_palettes: (4, 16, 3) as seen under water, or None.
        front: cell ids drawn before the player.
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
        player: animation -> frames (40, 40), looking right, body centre at (20, 20).
        sprites: name -> frames.
        font: character -> (8, 8).
    """

    palette: Picture
    player: dict[str, tuple[Picture, ...]]
    sprites: dict[str, tuple[Picture, ...]]
    font: dict[str, Picture] = field(default_factory=dict)


# name -> (frames, height, width), in the order of their tiles in video memory.
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

# name -> (offset, stable-retro type): the frozen block at RAM_BASE.
RAM: dict[str, tuple[int, str]] = {
    "magic": (0, ">u4"),
    "frame": (4, ">u4"),
    "x": (8, ">u2"),
    "y": (10, ">i2"),
    "x_speed": (12, ">i2"),
    "y_speed": (14, ">i2"),
    "ground_speed": (16, ">i2"),
    "level_end_x": (18, ">u2"),
    "lives": (20, "|u1"),
    "zone": (21, "|u1"),
    "act": (22, "|u1"),
    "level": (23, "|u1"),
    "rings": (24, ">u2"),
    "score": (26, ">u4"),
    "ready": (30, "|u1"),
    "dead": (31, "|u1"),
    "won": (32, "|u1"),
    "exception": (33, "|u1"),
    "request": (34, ">u2"),
    "lag": (36, ">u2"),
    "grounded": (38, "|u1"),
    "rolling": (39, "|u1"),
    "angle": (40, "|u1"),
    "charge": (41, "|u1"),
    "in_loop": (42, "|u1"),
    "on_platform": (43, "|u1"),
    "underwater": (44, "|u1"),
    "invincible": (45, "|u1"),
    "air": (46, ">u2"),
    "camera_x": (48, ">u2"),
    "camera_y": (50, ">i2"),
    "level_width": (52, ">u2"),
    "level_height": (54, ">u2"),
    "lock": (56, ">u2"),
    "time": (58, ">u2"),
    "load": (60, ">u2"),
    "mode": (62, ">u2"),
    "exception_pc": (64, ">u4"),
    "build_id": (68, ">u4"),
}
