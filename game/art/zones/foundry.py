"""Foundry: riveted steel with brass treads, before dim red halls of furnaces and pipes."""

from __future__ import annotations

import numpy as np

from game.art.drawing import Line, PixelCanvas
from game.art.zone_parts.background import Background
from game.art.zone_parts.common_sprites import debris, shot, slab
from game.art.zone_parts.design import ZoneDesign, assemble
from game.art.zone_parts.ground import Material
from game.format import Picture, ZoneArt

ONE = Line(
    1, outline="001", body="112 223 345 567", lip="310 631 753 776", plank="222 444 666",
    back="101 112", lamp="376",
)  # fmt: skip
TWO = Line(
    2, backdrop="100", wall="101 201 211 311", pipe="210 321 431", near="100 111",
    glow="400 610 740 763", dark="000",
)  # fmt: skip
THREE = Line(
    3, ink="001", white="777", hot="024 046 377", bug="223 446 667", flow="500 720 760 720",
    ice="136 357 577",
)  # fmt: skip
INK, WHITE = int(THREE["ink"][0]), int(THREE["white"][0])


def _material() -> Material:
    y, x = np.mgrid[:16, :16]
    plain = np.full((16, 16), 1)
    plain[(y == 0) | (x == 0)] = 2
    plain[(y == 15) | (x == 15)] = 0
    plain[(y == 1) & (x > 0) & (x < 15)] = 2
    for cy, cx in ((3, 3), (3, 12), (12, 3), (12, 12)):
        plain[cy, cx], plain[cy, cx - 1], plain[cy + 1, cx] = 3, 2, 0
    tread = plain.copy()
    inside = (y > 4) & (y < 12) & (x > 4) & (x < 12)
    tread[inside] = np.where(y % 3 == 0, 0, np.where(y % 3 == 1, 2, 1))[inside]
    cross = plain.copy()
    brace = (np.abs(x - y) <= 1) | (np.abs(x + y - 15) <= 1)
    middle = (y > 2) & (y < 13) & (x > 2) & (x < 13)
    cross[middle] = 0
    cross[middle & brace] = 2
    cross[middle & (x == y + 1)] = 3
    tuft = np.zeros((16, 16), np.uint8)
    tuft[2:4, 3:7] = tuft[2:4, 10:14] = ONE["lamp"][0]
    return Material(
        body=ONE["body"],
        textures=[plain, tread, cross],
        lip=ONE["lip"][[3, 2, 2, 1, 0]],
        blades=[5] * 16,
        outline=int(ONE["outline"][0]),
        tuft=tuft,
        shade=0,
        ring=ONE["lip"][[3, 2, 1]],
    )


def _pipe(art: Background, x: float, width: float, first: int, last: int, period: int) -> None:
    """A standing pipe with flanges, repeated."""
    off = (art.x - x + period / 2) % period - period / 2
    rows = (art.y > first) & (art.y < last)
    flange = (art.y - first) % 40 < 5
    half = width / 2 + np.where(flange, 2, 0)
    mask = rows & (np.abs(off) < half)
    level = np.clip(((0.5 - off / half) * 1.5).astype(int) + flange, 0, 2)
    art.pixels[mask] = TWO["pipe"][2 - np.abs(level - 1) * (level != 1)][mask]
    art.pixels[mask & (off > half * 0.3)] = TWO["pipe"][0]
    art.pixels[mask & (off < -half * 0.7)] = TWO["pipe"][1]
    art.pixels[mask & ((art.y - first) % 40 > 4) & ((art.y - first) % 40 < 6)] = TWO["near"][0]


def _furnace() -> Picture:
    canvas = PixelCanvas(64, 64)
    canvas.dot(4, 8, int(TWO["wall"][0]), 56, 56)
    canvas.dot(4, 8, int(TWO["pipe"][1]), 3, 56)
    canvas.dot(4, 8, int(TWO["pipe"][1]), 56, 3)
    canvas.dot(57, 11, int(TWO["near"][0]), 53, 3)
    glow = TWO["glow"]
    for number, size in enumerate((1.0, 0.82, 0.6, 0.36)):
        mask = canvas.ellipse(32, 44, 19 * size, 24 * size) & (canvas.y < 56)
        canvas.pixels[mask] = glow[number]
    for x in range(16, 52, 8):
        canvas.dot(x, 18, int(TWO["dark"][0]), 40, 2)
    canvas.dot(10, 56, int(TWO["pipe"][2]), 3, 44)
    canvas.dot(20, 0, int(TWO["wall"][0]), 9, 22)
    canvas.dot(20, 0, int(TWO["pipe"][0]), 9, 4)
    return canvas.pixels


def _gear(radius: int) -> Picture:
    size = 2 * radius + 8
    canvas = PixelCanvas(size, size)
    middle = size / 2
    dx, dy = canvas.x - middle, canvas.y - middle
    distance, angle = np.hypot(dx, dy), np.arctan2(dy, dx)
    rim = radius + 3 * (np.sin(angle * 12) > 0)
    body = (
        (distance < rim)
        & ((distance > radius * 0.62) | (np.abs(np.sin(angle * 2)) < 0.35))
        & (distance > 4)
    )
    canvas.pixels[body] = TWO["pipe"][0]
    canvas.pixels[body & (dx + dy < -radius * 0.3) & (distance > radius - 2)] = TWO["pipe"][1]
    canvas.edge(body, int(TWO["near"][0]))
    return canvas.pixels


def _background() -> Picture:
    art = Background()
    wall = TWO["wall"]
    art.sky(0, 256, wall[[0, 1, 2, 1, 0]])
    brick = ((art.y % 16 < 1) | ((art.x + (art.y // 16 % 2) * 16) % 32 < 1)) & (art.y < 170)
    art.pixels[brick] = wall[0]
    for x in range(16, 512, 64):  # high windows with a sunset behind
        for y in (46, 62):
            area = np.s_[y : y + 13, x : x + 24]
            art.pixels[area] = TWO["glow"][1 if y == 46 else 0]
            art.pixels[y : y + 3, x : x + 24] = TWO["glow"][2 if y == 46 else 1]
            art.pixels[y : y + 13, x + 11 : x + 13] = wall[0]
    art.stamp(_gear(22), 52, 116, 256)
    art.stamp(_gear(14), 98, 114, 256)
    for y, thick in ((22, 5),):
        for row in range(y, y + thick):
            art.pixels[row] = TWO["pipe"][2 if row == y + 1 else 1 if row < y + thick - 2 else 0]
        art.pixels[y : y + thick, 0::64] = art.pixels[y : y + thick, 1::64] = TWO["near"][0]
    _pipe(art, 150, 16, 0, 120, 256)
    _pipe(art, 176, 9, 0, 120, 256)
    _pipe(art, 20, 11, 0, 120, 128)
    _pipe(art, 78, 9, 128, 190, 128)
    for row in range(118, 130):  # a gantry hides where the upper hall ends
        art.pixels[row] = TWO["pipe"][2 if row == 119 else 1 if row in (120, 128) else 0]
    holes = (art.x[121:127] + art.y[121:127]) % 12 < 3
    art.pixels[121:127] = np.where(holes, TWO["pipe"][1], TWO["near"][0])
    art.stamp(_furnace(), 92, 192, 128)
    art.pixels[190:256] = TWO["near"][1]
    art.pixels[190:193] = TWO["pipe"][1]
    for x in range(0, 512, 32):
        art.pixels[193:256, x : x + 5] = TWO["near"][0]
        art.pixels[193:256, x] = TWO["wall"][2]
    cross = (np.abs((art.x - art.y) % 32 - 16) < 2) | (np.abs((art.x + art.y) % 32 - 16) < 2)
    art.pixels[cross & (art.y > 200) & (art.y < 240)] = TWO["near"][0]
    art.pixels[240:244] = TWO["pipe"][0]
    return art.picture(TWO.palette)


def _lamp() -> Picture:
    canvas = PixelCanvas(48, 16)
    canvas.dot(6, 10, int(ONE["body"][1]), 36, 4)
    canvas.dot(6, 10, int(ONE["body"][3]), 36, 1)
    canvas.dot(3, 44, int(ONE["body"][2]), 4, 10)
    canvas.ball(8, 7, 5.5, 6, ONE.join("lip", "lamp")[2:])
    canvas.dot(4, 12, int(ONE["body"][0]), 2, 8)
    return canvas.outline(int(ONE["outline"][0]))


def _barrel() -> Picture:
    canvas = PixelCanvas(32, 32)
    ramp = ONE["lip"]
    for x in range(4, 28):
        light = 1 - abs(x - 11) / 17
        canvas.pixels[6:31, x] = ramp[min(2, int(light * 3.2))]
    canvas.ball(16, 6, 12, 4, ramp[1:])
    for y in (13, 23):
        canvas.dot(4, y, int(ONE["outline"][0]), 1, 24)
        canvas.dot(4, y + 1, int(ramp[3]), 1, 18)
    for x in (8, 14, 20):
        canvas.poly(((x, 21), (x + 3, 16), (x + 5, 16), (x + 2, 21)), int(ONE["outline"][0]))
    return canvas.outline(int(ONE["outline"][0]))


def _valve() -> Picture:
    canvas = PixelCanvas(32, 16)
    canvas.dot(5, 12, int(ONE["body"][2]), 20, 6)
    canvas.dot(5, 12, int(ONE["body"][3]), 20, 2)
    canvas.dot(2, 28, int(ONE["body"][2]), 4, 12)
    wheel = canvas.ellipse(8, 8, 6.5, 6.5) & ~canvas.ellipse(8, 8, 4, 4)
    canvas.pixels[wheel] = ONE["lip"][1]
    canvas.pixels[wheel & (canvas.x + canvas.y < 15)] = ONE["lip"][2]
    canvas.dot(7, 3, int(ONE["lip"][1]), 10, 2)
    canvas.dot(3, 7, int(ONE["lip"][1]), 2, 10)
    return canvas.outline(int(ONE["outline"][0]))


def _tank() -> Picture:
    """A riveted boiler with a gauge, (48, 32)."""
    canvas = PixelCanvas(48, 32)
    outline, ramp = int(ONE["outline"][0]), ONE["body"]
    for x in range(4, 28):
        light = 1 - abs(x - 11) / 18
        canvas.pixels[8:46, x] = ramp[min(3, int(light * 4))]
    canvas.ball(16, 9, 12, 6, ramp)
    for y in (14, 30, 42):
        canvas.dot(4, y, outline, 1, 24)
        canvas.dot(5, y + 1, int(ramp[3]), 1, 14)
    canvas.ball(16, 22, 5, 5, ONE["lip"])
    canvas.ball(16, 22, 3.4, 3.4, (int(ONE["lip"][3]),))
    canvas.limb(((16, 22), (18, 20)), (0.7, 0.7), (outline,))
    canvas.dot(14, 0, int(ramp[2]), 5, 4)
    return canvas.outline(outline)


def _roller(step: int) -> Picture:
    canvas = PixelCanvas(24, 24)
    canvas.ball(12, 18, 5.6, 5.6, THREE["bug"])
    canvas.spot(12, 18, 2.6, INK)
    for side in (-1, 1):
        angle = step * 0.8
        canvas.spot(12 + side * 3.8 * np.cos(angle), 18 + side * 3.8 * np.sin(angle), 1, INK)
    canvas.limb(((9, 10), (16, 10)), (6.5, 6.5), THREE["hot"])
    canvas.dot(4, 7, INK, 5, 9)
    canvas.dot(5, 8, int(THREE["flow"][0]), 3, 7)
    canvas.dot(5 + 3 * step, 8, int(THREE["flow"][2]), 3, 3)
    canvas.limb(((16, 4), (18, 1)), (0.8, 0.8), (INK,))
    canvas.spot(18.5, 1.5, 1.4, int(THREE["flow"][0]))
    canvas.limb(((20, 11), (22, 15)), (1.5, 1.8), THREE["bug"])
    return canvas.outline(INK)


def _drone(step: int) -> Picture:
    canvas = PixelCanvas(24, 32)
    for side in (-1, 1):
        canvas.limb(((16, 11), (16 + side * 10, 7)), (1.6, 1.4), THREE["bug"])
        width = 5.5 if step else 2.5
        canvas.limb(
            ((16 + side * 10 - width, 4), (16 + side * 10 + width, 4)), (1.2, 1.2), (WHITE,)
        )
    canvas.ball(16, 13, 8.5, 6.5, THREE["hot"])
    canvas.limb(((9, 14), (17, 14)), (2.8, 2.8), (INK,))
    canvas.spot(11, 14, 2, int(THREE["flow"][0]))
    canvas.spot(10.5, 13.5, 0.9, int(THREE["flow"][2]))
    canvas.limb(((12, 19), (10, 23)), (1, 1), THREE["bug"])
    canvas.limb(((20, 19), (22, 23)), (1, 1), THREE["bug"])
    return canvas.outline(INK)


def _turret(firing: int) -> Picture:
    canvas = PixelCanvas(24, 24)
    canvas.poly(((5, 24), (9, 17), (18, 17), (22, 24)), int(THREE["bug"][1]))
    canvas.poly(((5, 24), (9, 17), (12, 17), (9, 24)), int(THREE["bug"][2]))
    back = 2 if firing else 0
    canvas.limb(((3 + back, 12), (11, 12)), (3.2, 3.2), THREE["bug"])
    canvas.dot(1 + back, 8, INK, 8, 2)
    canvas.ball(14, 11, 8, 7.6, THREE["hot"])
    canvas.spot(12, 9, 2.8, INK)
    canvas.spot(11.8, 9, 1.8, int(THREE["flow"][2 if firing else 0]))
    canvas.limb(((11, 16.5), (18, 16.5)), (0.7, 0.7), (INK,))
    return canvas.outline(INK)


def _jumper(jump: int) -> Picture:
    canvas = PixelCanvas(24, 24)
    top = 0 if jump else 5
    for y in range(11 + top, 22, 2):
        canvas.dot(9, y, int(THREE["bug"][2]), 1, 7)
        canvas.dot(9, y + 1, INK, 1, 7)
    canvas.limb(((7, 22), (17, 22)), (1.6, 1.6), THREE["bug"])
    canvas.ball(12, 7 + top, 9, 6.6, THREE["hot"])
    for x in (7.5, 13.0):
        canvas.spot(x, 6.5 + top, 2.4, WHITE)
        canvas.spot(x - 0.7, 6.8 + top, 1.2, INK)
    canvas.limb(((5, 10.5 + top), (15, 10.5 + top)), (0.7, 0.7), (INK,))
    return canvas.outline(INK)


def zone() -> ZoneArt:
    """Draw the zone."""
    frames = range(2)
    sprites = {
        "patroller": tuple(_roller(i) for i in frames),
        "flyer": tuple(_drone(i) for i in frames),
        "shooter": tuple(_turret(i) for i in frames),
        "hopper": tuple(_jumper(i) for i in frames),
        "shot": tuple(shot(THREE["flow"][:3], INK, i) for i in frames),
        "platform": (slab(THREE["bug"], THREE["flow"][:3], INK),),
        "debris": tuple(debris(THREE["bug"], INK, i) for i in frames),
    }
    kit = ZoneDesign(
        name="Foundry",
        lines=(ONE, TWO, THREE),
        material=_material(),
        background=_background(),
        bands=((0, 36, 0), (130, 64, 0), (190, 112, 0)),
        decor=(_lamp(), _barrel(), _valve(), _tank()),
        sprites=sprites,
        water=(30, 120, 110),
        cells={},
        seams=32,
        flow_frames=6,
    )
    return assemble(kit)
