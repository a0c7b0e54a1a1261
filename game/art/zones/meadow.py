"""Meadow: deep green grass on stony earth, under summer clouds and pale blue hills."""

from __future__ import annotations

import numpy as np

from game.art.drawing import Line, PixelCanvas, Shades, noise
from game.art.zone_parts.background import Background, wave, zigzag
from game.art.zone_parts.common_sprites import debris, shot
from game.art.zone_parts.design import ZoneDesign, assemble
from game.art.zone_parts.ground import Material
from game.format import Picture, ZoneArt

ONE = Line(
    1, outline="110", body="210 321 432 543", lip="020 141 260 571", plank="310 531 753",
    back="111 211", flower="747",
)  # fmt: skip
TWO = Line(
    2, backdrop="467", sky="367 467 567", cloud="677 777", far="456 567",
    hill="355 465 476", near="243 354 364", lake="467 577",
)  # fmt: skip
THREE = Line(
    3, ink="101", white="777", hot="502 714 757", bug="023 045 377", flow="404 616 737 616",
    ice="136 357 577",
)  # fmt: skip
INK, WHITE = int(THREE["ink"][0]), int(THREE["white"][0])


def _stone(levels: Shades, x: float, y: float, radius: float) -> None:
    """A pebble in the earth: lit above, in the shade below."""
    rows, columns = np.mgrid[:16, :16]
    distance = np.hypot(columns - x, (rows - y) * 1.2)
    light = (columns - x) + (rows - y)
    levels[distance < radius + 0.8] = 0
    levels[distance < radius] = 2
    levels[(distance < radius) & (light < -radius * 0.3)] = 3


def _material() -> Material:
    y, x = np.mgrid[:16, :16]
    grain = noise(16, 16, 4, 5)
    earth = np.where(grain + 0.12 * ((x + 2 * y) % 4 == 0) > 0.58, 2, 1)
    plain, stony, rooted = earth.copy(), earth.copy(), earth.copy()
    for cx, cy, radius in ((4, 4, 2.6), (12, 10, 3.2), (3, 12, 1.8)):
        _stone(plain, cx, cy, radius)
    for cx, cy, radius in ((5, 5, 4.2), (12, 11, 3.6), (12, 3, 2.0), (4, 12, 2.2)):
        _stone(stony, cx, cy, radius)
    for row in range(2, 14):
        column = int(7.5 + 3 * np.sin(row * 0.7))
        rooted[row, column], rooted[row, column + 1] = 3, 0
    _stone(rooted, 13, 12, 1.8)
    tuft = np.zeros((16, 16), np.uint8)
    lip, flower = ONE["lip"], int(ONE["flower"][0])
    for x, y in ((4, 2), (11, 3)):
        tuft[y : y + 2, x : x + 2] = flower
        tuft[y + 2, x] = lip[0]
    return Material(
        body=ONE["body"],
        textures=[plain, stony, rooted],
        lip=ONE["lip"][::-1],
        blades=[6, 8, 7, 5, 6, 9, 7, 5, 6, 7, 9, 6, 5, 7, 8, 6],
        outline=int(ONE["outline"][0]),
        tuft=tuft,
    )


def _background() -> Picture:
    art = Background()
    art.sky(0, 150, TWO["sky"])
    for i, (x, y, width) in enumerate(
        ((60, 34, 70), (250, 26, 90), (420, 40, 60), (150, 66, 60), (330, 74, 80), (480, 70, 46))
    ):
        art.cloud(x, y, width, TWO["cloud"], i)
    far = zigzag([(0, 118), (30, 100), (52, 112), (90, 84), (128, 114), (165, 96), (200, 116),
                  (228, 104), (256, 118)], 256)  # fmt: skip
    snow = int(TWO["cloud"][1]), int(TWO["sky"][2])
    art.peaks(far, 150, TWO["far"][1:], TWO["far"][:1], snow)
    art.ridge(wave(136, (4, 6, 0), (8, 3, 1)), 180, TWO["hill"][::-1], 40, int(TWO["hill"][2]))
    rows = np.s_[166:184]
    phase = ((art.x[rows] // 4 + art.y[rows] * 3) % 7).astype(int)
    art.pixels[rows] = np.concatenate([TWO["lake"], TWO["sky"][1:2].repeat(5)])[phase]
    near = wave(186, (4, 3, 2), (8, 1, 0.5))
    art.ridge(near, 256, TWO["near"][::-1], 60, int(TWO["near"][2]))
    for x, y in ((14, 216), (58, 224), (100, 214)):
        art.stamp(_far_tree(), x, y, 128)
    return art.picture(TWO.palette)


def _far_tree() -> Picture:
    canvas = PixelCanvas(32, 26)
    dark = int(TWO["near"][0])
    canvas.dot(12, 22, dark, 10, 3)
    for x, y, r in ((13, 11, 9), (7, 16, 5.5), (18, 16, 5.5)):
        canvas.ball(x, y, r, r * 0.9, (dark, int(TWO["near"][1]), int(TWO["hill"][0])))
    return canvas.outline(dark)


def _tree() -> Picture:
    """A round tree, (64, 48)."""
    canvas = PixelCanvas(64, 48)
    canvas.limb(((24, 64), (23, 48), (26, 34)), (5, 3.5, 3), ONE.join("outline", "plank"))
    canvas.limb(((24, 46), (33, 36)), (2, 2), ONE.join("outline", "plank"))
    leaf = ONE["lip"]
    for x, y, r in ((24, 22, 17), (11, 28, 10), (37, 28, 10), (17, 13, 11), (31, 13, 11)):
        canvas.ball(x, y, r, r * 0.9, leaf)
    speckle = (noise(64, 48, 4, 8) > 0.66) & np.isin(canvas.pixels, leaf)
    canvas.pixels[speckle] = np.clip(canvas.pixels[speckle] + 1, leaf[0], leaf[-1])
    for x, y in ((14, 20), (30, 12), (36, 30), (22, 30)):
        canvas.spot(x, y, 2, int(ONE["flower"][0]))
    return canvas.outline(int(ONE["outline"][0]))


def _bush() -> Picture:
    canvas = PixelCanvas(16, 32)
    for x, y, r in ((8, 12, 6), (23, 12, 6), (15, 10, 8)):
        canvas.ball(x, y, r, r, ONE["lip"])
    canvas.spot(12, 8, 1.3, int(ONE["flower"][0]))
    canvas.spot(21, 11, 1.3, int(ONE["flower"][0]))
    return canvas.outline(int(ONE["outline"][0]))


def _flower() -> Picture:
    canvas = PixelCanvas(32, 16)
    canvas.limb(((8, 32), (8, 14)), (1.3, 1.0), ONE["lip"])
    canvas.ball(4.5, 24, 3.5, 1.6, ONE["lip"], 30)
    canvas.ball(11.5, 20, 3.5, 1.6, ONE["lip"], -30)
    for i in range(6):
        angle = i * np.pi / 3
        canvas.spot(8 + 4 * np.cos(angle), 9 + 4 * np.sin(angle), 2.4, int(ONE["flower"][0]))
    canvas.spot(8, 9, 2, int(ONE["plank"][2]))
    return canvas.outline(int(ONE["outline"][0]))


def _fence() -> Picture:
    canvas = PixelCanvas(16, 48)
    wood, outline = ONE["plank"], int(ONE["outline"][0])
    for y in (5, 10):
        canvas.dot(0, y, int(wood[1]), 3, 48)
        canvas.dot(0, y, int(wood[2]), 1, 48)
    for x in (4, 20, 36):
        canvas.dot(x, 2, int(wood[1]), 14, 6)
        canvas.dot(x, 2, int(wood[2]), 14, 2)
        canvas.dot(x + 1, 1, int(wood[2]), 1, 4)
        canvas.dot(x + 6, 4, outline, 12, 1)
    return canvas.outline(outline)


def _toadstool() -> Picture:
    canvas = PixelCanvas(16, 16)
    canvas.limb(((8, 16), (8, 8)), (2.4, 2.0), ONE["body"][2:])
    canvas.ball(8, 7, 6.6, 5.4, ONE.join("plank", "flower"))
    canvas.pixels[10:13, :6] = canvas.pixels[10:13, 10:] = 0
    for x, y in ((6, 4), (10, 6)):
        canvas.spot(x, y, 1.2, int(ONE["flower"][0]))
    return canvas.outline(int(ONE["outline"][0]))


def _beetle(step: int) -> Picture:
    canvas = PixelCanvas(24, 24)
    for i, x in enumerate((7, 12, 17)):
        reach = 1.5 if (i + step) % 2 else -1.5
        canvas.limb(((x, 18), (x + reach, 22.5)), (1.4, 1.2), (INK,))
    canvas.ball(13, 14, 9.5, 8, THREE["hot"])
    canvas.limb(((13, 6), (13.5, 21)), (0.6, 0.6), (INK,))
    for x, y in ((9, 10), (17, 10), (9, 16), (18, 16)):
        canvas.spot(x, y, 1.5, INK)
    canvas.ball(4.5, 16, 4.2, 4.4, THREE["bug"])
    canvas.spot(3.2, 15, 1.7, WHITE)
    canvas.spot(2.7, 15.3, 0.9, INK)
    canvas.limb(((4, 12), (2, 8 + step)), (0.7, 0.7), (INK,))
    return canvas.outline(INK)


def _wasp(step: int) -> Picture:
    canvas = PixelCanvas(24, 32)
    for x in (15, 20):
        canvas.ball(
            x, 6 if step else 17, 3.2, 5.5, (int(THREE["ice"][2]), WHITE), 15 if step else -15
        )
    canvas.ball(20, 13, 8.5, 5.5, THREE["hot"], 10)
    for band in (17, 21.5, 26):
        canvas.limb(((band, 8.5), (band - 0.5, 17)), (1.0, 1.0), (INK,))
    canvas.poly(((27, 14), (31.5, 18), (26, 17)), INK)
    canvas.ball(9, 12, 5.2, 5.2, THREE["bug"])
    canvas.spot(6.8, 11.2, 2.1, WHITE)
    canvas.spot(6.1, 11.6, 1.1, INK)
    canvas.limb(((7, 8), (4, 4)), (0.7, 0.7), (INK,))
    return canvas.outline(INK)


def _plant(firing: int) -> Picture:
    canvas = PixelCanvas(24, 24)
    canvas.limb(((14, 23), (16, 17), (12, 12)), (2, 1.8, 1.8), THREE["bug"])
    canvas.ball(18.5, 21, 4.5, 2, THREE["bug"], 15)
    canvas.ball(9, 21, 4.5, 2, THREE["bug"], -15)
    canvas.ball(11, 9, 8.5, 7.5, THREE["hot"])
    mouth = 4.0 if firing else 1.3
    canvas.limb(((1, 10.5), (9, 10.5)), (mouth, mouth * 0.7), (INK,))
    for x in (3, 6):
        canvas.spot(x, 10.5 - mouth + 0.5, 1.0, WHITE)
    canvas.spot(11, 5.5, 2.2, WHITE)
    canvas.spot(10.3, 5.8, 1.1, INK)
    return canvas.outline(INK)


def _frog(jump: int) -> Picture:
    canvas = PixelCanvas(24, 24)
    if jump:
        canvas.limb(((16, 13), (20, 17), (18, 23)), (3, 2.4, 1.6), THREE["hot"])
        canvas.limb(((8, 14), (5, 19)), (2, 1.5), THREE["hot"])
    else:
        canvas.ball(17, 18, 5, 5, THREE["hot"])
        canvas.limb(((13, 22), (20, 22)), (1.7, 1.7), THREE["hot"])
        canvas.limb(((8, 16), (6, 22)), (2, 1.7), THREE["hot"])
    lift = 0 if jump else 3
    canvas.ball(12, 11 + lift, 8.5, 6.5, THREE["hot"])
    canvas.ball(8.5, 13.5 + lift, 5, 3, THREE["bug"][1:])
    canvas.spot(7, 5.5 + lift, 3.0, WHITE)
    canvas.spot(6.2, 5.8 + lift, 1.4, INK)
    canvas.limb(((3.5, 12 + lift), (9, 13 + lift)), (0.6, 0.6), (INK,))
    return canvas.outline(INK)


def _platform() -> Picture:
    canvas = PixelCanvas(16, 48)
    canvas.ball(24, 5, 22, 9, THREE["bug"])
    canvas.pixels[:3] = 0
    canvas.dot(1, 1, INK, 6, 46)
    canvas.dot(2, 2, int(THREE["bug"][2]), 2, 44)
    canvas.dot(2, 4, int(THREE["bug"][1]), 2, 44)
    for x in range(4, 46, 8):
        canvas.ball(x + 1, 8, 3, 4, THREE["hot"])
    return canvas.outline(INK)


def zone() -> ZoneArt:
    """Draw the zone."""
    frames = range(2)
    sprites = {
        "patroller": tuple(_beetle(i) for i in frames),
        "flyer": tuple(_wasp(i) for i in frames),
        "shooter": tuple(_plant(i) for i in frames),
        "hopper": tuple(_frog(i) for i in frames),
        "shot": tuple(shot(THREE["hot"], INK, i) for i in frames),
        "platform": (_platform(),),
        "debris": tuple(debris(THREE["bug"], INK, i) for i in frames),
    }
    kit = ZoneDesign(
        name="Meadow",
        lines=(ONE, TWO, THREE),
        material=_material(),
        background=_background(),
        bands=((0, 16, 40), (44, 24, 20), (80, 40, 0), (127, 64, 0), (166, 80, 0), (182, 104, 0)),
        decor=(_tree(), _bush(), _flower(), _fence(), _toadstool()),
        sprites=sprites,
        water=(40, 90, 200),
        cells={},
        cycles=((2, TWO.first("lake"), 2, 24),),
    )
    return assemble(kit)
