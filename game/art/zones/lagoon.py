"""Lagoon: pale coral stone overgrown with sea grass, before a bright sea with islands."""

from __future__ import annotations

import numpy as np

from game.art.drawing import Line, PixelCanvas, noise
from game.art.zone_parts.background import Background, wave, zigzag
from game.art.zone_parts.common_sprites import debris, shot, slab
from game.art.zone_parts.design import ZoneDesign, assemble
from game.art.zone_parts.ground import Material
from game.format import Picture, ZoneArt

ONE = Line(
    1, outline="103", body="324 435 546 657", lip="034 055 276 577", plank="310 532 754",
    back="113 224", coral="724",
)  # fmt: skip
TWO = Line(
    2, backdrop="357", sky="257 367 477 577", cloud="777", isle="145 255 365 466",
    sea="037 147 257 467", sand="665 554",
)  # fmt: skip
THREE = Line(
    3, ink="101", white="777", hot="600 721 754", bug="304 516 737", flow="403 605 726 605",
    ice="037 157 577",
)  # fmt: skip
INK, WHITE = int(THREE["ink"][0]), int(THREE["white"][0])


def _material() -> Material:
    y, x = np.mgrid[:16, :16]
    row = y // 8
    column = (x + 8 * row) % 16
    plain = np.full((16, 16), 2)
    plain[(y % 8 == 7) | (column == 15)] = 0
    plain[(y % 8 == 0) & (column < 15)] = 3
    plain[(column == 0) & (y % 8 < 7)] = 3
    plain[(y % 8 == 6) & (column < 15) & (column > 0)] = 1
    grain = noise(16, 16, 4, 17)
    plain = np.where((grain > 0.66) & (plain == 2), 1, plain)
    shell = plain.copy()
    radius, angle = np.hypot(x - 7.5, y - 10.5), np.arctan2(y - 10.5, x - 7.5)
    fan = (radius < 6) & (y < 11)
    shell[fan] = np.where(np.sin(angle * 10) > 0.1, 3, 1)[fan]
    shell[(radius >= 5.6) & (radius < 6.8) & (y < 12)] = 0
    worn = np.where((grain > 0.5) & (plain > 0), plain - 1, plain)
    tuft = np.zeros((16, 16), np.uint8)
    for cy, cx in ((4, 4), (3, 5), (5, 5), (4, 6), (4, 11), (3, 12)):
        tuft[cy, cx] = ONE["coral"][0]
    return Material(
        body=ONE["body"],
        textures=[plain, shell, worn],
        lip=ONE["lip"][::-1],
        blades=[5, 5, 6, 8, 9, 7, 5, 4, 5, 6, 8, 10, 8, 6, 5, 4],
        outline=int(ONE["outline"][0]),
        tuft=tuft,
    )


def _palm(height: int, trunk: Picture, leaf: Picture, width: int, outline: int | None) -> Picture:
    canvas = PixelCanvas(height, width)
    foot, top = width * 0.42, width * 0.52
    points = ((foot, height), (foot + 1, height * 0.6), (top, height * 0.3))
    mask, along, _ = canvas.limb(points, (width * 0.08, width * 0.06, width * 0.05), trunk)
    canvas.pixels[mask & (along.astype(int) % 5 == 0)] = trunk[0]
    for side, reach, drop in ((-1, 0.46, 0.2), (1, 0.44, 0.2), (-1, 0.38, 0.42), (1, 0.36, 0.42),
                              (-1, 0.26, -0.12), (1, 0.28, -0.12)):  # fmt: skip
        y = height * 0.28
        tip = (top + side * reach * width, y + drop * height * 0.7)
        canvas.limb(
            ((top, y), (top + side * reach * width * 0.55, y + height * (drop * 0.2 - 0.12)), tip),
            (width * 0.05, width * 0.075, 0.6),
            leaf,
        )
    if outline is None:
        return canvas.pixels
    for dx in (-2, 3):
        canvas.spot(top + dx, height * 0.34, 2.2, int(trunk[1]))
    return canvas.outline(outline)


def _background() -> Picture:
    art = Background()
    art.sky(0, 132, TWO["sky"])
    for i, (x, y, width) in enumerate(
        ((50, 44, 100), (200, 28, 60), (310, 60, 110), (440, 36, 70))
    ):
        art.cloud(x, y, width, TWO["cloud"], i + 40)
        art.cloud(x + 30, y + 22, width * 0.6, TWO["sky"][3:], i + 60)
    far = zigzag([(0, 134), (30, 134), (60, 112), (72, 116), (90, 102), (120, 130), (150, 134),
                  (196, 134), (214, 122), (236, 134)], 256)  # fmt: skip
    art.peaks(far, 132, TWO["isle"][[3, 2]], TWO["isle"][[1, 0]], None, 36)
    sea = TWO["sea"]
    art.sky(132, 256, sea[[3, 2, 1, 1, 0, 0]], 1.0)
    for first, last, width, step in (
        (133, 150, 10, 3),
        (150, 176, 18, 5),
        (176, 214, 26, 7),
        (214, 256, 32, 9),
    ):
        rows = np.arange(first, last)
        for row in rows[(rows - first) % step == 0]:
            mask = ((art.x[0] + row * 37) % (width * 2)) < width * 0.7
            art.pixels[row, np.roll(mask, row * 5)] = sea[3 if row < 150 else 2 if row < 190 else 1]
    art.ridge(wave(170, (4, 16, 0), (8, 3, 1)) + 6, 178, TWO["sand"], 8)
    palm = _palm(38, TWO["isle"][:2], TWO["isle"][[0, 1, 2]], 34, None)
    for x in (84, 100):
        art.stamp(palm, x, 170, 128)
    return art.picture(TWO.palette)


def _coral() -> Picture:
    canvas = PixelCanvas(32, 32)
    ramp = np.array([ONE["outline"][0], ONE["coral"][0], ONE["coral"][0]], np.uint8)
    for points in (((16, 32), (15, 18), (10, 6)), ((15, 22), (23, 16), (24, 7)),
                   ((15, 26), (6, 22), (4, 14)), ((13, 14), (18, 8), (17, 3))):  # fmt: skip
        canvas.limb(points, (3.2, 2.6, 2.0), ramp)
    for x, y in ((12, 10), (15, 20), (22, 14), (6, 19)):
        canvas.dot(x, y, int(ONE["body"][3]), 2, 1)
    return canvas.outline(int(ONE["outline"][0]))


def _weed() -> Picture:
    canvas = PixelCanvas(32, 16)
    for x, lean, height in ((4, 3, 8), (8, -2, 2), (12, 2, 12)):
        canvas.limb(
            ((x, 32), (x + lean, 24), (x - lean, 17), (x + lean * 0.5, height)),
            (2.2, 2, 1.8, 0.8),
            ONE["lip"][:3],
        )
    return canvas.outline(int(ONE["outline"][0]))


def _column() -> Picture:
    """The ruin of a temple, (48, 32)."""
    canvas = PixelCanvas(48, 32)
    outline, stone = int(ONE["outline"][0]), ONE["body"]
    canvas.poly(((8, 44), (8, 12), (14, 6), (18, 9), (24, 4), (24, 44)), int(stone[2]))
    for x in range(8, 24, 4):
        column = canvas.pixels[:, x] > 0
        canvas.pixels[column, x] = stone[0]
        canvas.pixels[canvas.pixels[:, x + 1] > 0, x + 1] = stone[3]
    canvas.pixels[:, 21:24][canvas.pixels[:, 21:24] > 0] = stone[1]
    canvas.dot(4, 42, int(stone[1]), 6, 24)
    canvas.dot(4, 42, int(stone[3]), 2, 24)
    canvas.ball(12, 12, 4, 2.4, ONE["lip"][:3])
    canvas.limb(((22, 14), (24, 20), (22, 26)), (1.4, 1.2, 0.8), ONE["lip"][:3])
    return canvas.outline(outline)


def _starfish() -> Picture:
    canvas = PixelCanvas(16, 16)
    for i in range(5):
        angle = i * 2 * np.pi / 5 - np.pi / 2
        tip = (8 + 6.2 * np.cos(angle), 9.5 + 6.2 * np.sin(angle))
        canvas.limb(((8, 9.5), tip), (2.6, 1.0), ONE["plank"][1:])
    canvas.spot(7, 8.5, 1.1, int(ONE["coral"][0]))
    return canvas.outline(int(ONE["outline"][0]))


def _crab(step: int) -> Picture:
    canvas = PixelCanvas(24, 24)
    for i, x in enumerate((5, 8, 16, 19)):
        out = -3 if x < 12 else 3
        canvas.limb(((x, 18), (x + out, 22.6 - ((i + step) % 2))), (1.2, 1.0), THREE["hot"][:2])
    for side in (-1, 1):
        canvas.limb(((12 + side * 7, 14), (12 + side * 9, 9 - step)), (1.5, 1.5), THREE["hot"])
        canvas.ball(12 + side * 8.6, 6.5 - step, 3.2, 3.4, THREE["hot"])
        canvas.poly(
            ((12 + side * 8.6, 6 - step), (10 + side * 8.6, 2 - step), (14 + side * 8.6, 2 - step)),
            INK,
        )
    canvas.ball(12, 16, 9, 5.6, THREE["hot"])
    for x in (9, 15):
        canvas.limb(((x, 12), (x, 9)), (1, 1), THREE["hot"][:2])
        canvas.spot(x, 8.5, 2.2, WHITE)
        canvas.spot(x - 0.6, 8.8, 1.1, INK)
    canvas.limb(((8, 18), (15, 18)), (0.7, 0.7), (INK,))
    return canvas.outline(INK)


def _flying_fish(step: int) -> Picture:
    canvas = PixelCanvas(24, 32)
    canvas.poly(((24, 12), (31, 5), (29, 12), (31, 19)), int(THREE["bug"][1]))
    canvas.ball(15, 12.5, 11, 6, THREE["bug"])
    canvas.ball(13, 15.5, 8, 3, (int(THREE["bug"][2]), WHITE))
    tip = (22, 2) if step else (23, 22)
    canvas.poly(((11, 12), (16, 10 if step else 15), tip, (17, 15)), int(THREE["hot"][2]))
    canvas.limb(((11, 12), tip), (1.2, 0.8), THREE["hot"][:1])
    canvas.spot(8.5, 10.5, 2.5, WHITE)
    canvas.spot(7.8, 10.8, 1.3, INK)
    canvas.limb(((4.5, 14.5), (8, 15)), (0.7, 0.7), (INK,))
    return canvas.outline(INK)


def _clam(firing: int) -> Picture:
    canvas = PixelCanvas(24, 24)
    gape = 4 if firing else 1
    canvas.ball(13, 19, 10, 4.8, THREE["bug"])
    canvas.ball(12, 16.5, 8, 3.0 + gape * 0.3, (INK,))
    canvas.ball(9, 16, 3.2, 3.2, (WHITE,))
    lid = canvas.ball(14, 12 - gape, 9.8, 7, THREE["bug"])
    for x in (8, 12, 16, 20):
        canvas.pixels[lid & (np.abs(canvas.x - x - (canvas.y - 12) * (x - 14) * 0.06) < 0.6)] = (
            THREE["bug"][0]
        )
    canvas.spot(9, 11 - gape, 2.5, WHITE)
    canvas.spot(8.3, 11.2 - gape, 1.3, INK)
    return canvas.outline(INK)


def _octopus(jump: int) -> Picture:
    canvas = PixelCanvas(24, 24)
    spread = 2 if jump else 5
    for i, x in enumerate((6, 10, 14, 18)):
        out = (x - 12) * 0.16 * spread
        canvas.limb(
            ((x, 14), (x + out * 0.6, 19), (x + out, 22.6 - (i % 2))), (2.2, 1.9, 1.4), THREE["hot"]
        )
    canvas.ball(12, 9, 8.6, 8, THREE["hot"])
    for x in (8, 14):
        canvas.spot(x, 10.5, 2.5, WHITE)
        canvas.spot(x - 0.7, 10.8, 1.3, INK)
    canvas.limb(((5.5, 7), (9.5, 8.3)), (0.8, 0.8), (INK,))
    canvas.limb(((12.5, 8.3), (16.5, 7)), (0.8, 0.8), (INK,))
    return canvas.outline(INK)


def zone() -> ZoneArt:
    """Draw the zone."""
    frames = range(2)
    sprites = {
        "patroller": tuple(_crab(i) for i in frames),
        "flyer": tuple(_flying_fish(i) for i in frames),
        "shooter": tuple(_clam(i) for i in frames),
        "hopper": tuple(_octopus(i) for i in frames),
        "shot": tuple(shot(THREE["hot"], INK, i) for i in frames),
        "platform": (slab(THREE["bug"], THREE["hot"], INK),),
        "debris": tuple(debris(THREE["hot"], INK, i) for i in frames),
    }
    leaf = ONE["lip"][:3]
    kit = ZoneDesign(
        name="Lagoon",
        lines=(ONE, TWO, THREE),
        material=_material(),
        background=_background(),
        bands=((0, 12, 30), (92, 20, 0), (131, 44, 0), (180, 84, 16), (214, 120, 24)),
        decor=(
            _palm(64, ONE["plank"], leaf, 64, int(ONE["outline"][0])),
            _coral(),
            _weed(),
            _column(),
            _starfish(),
        ),
        sprites=sprites,
        water=(0, 70, 180),
        cells={},
        seams=22,
    )
    return assemble(kit)
