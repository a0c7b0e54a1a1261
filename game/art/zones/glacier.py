"""Glacier: deep snow on blue ice rock, under a night sky with northern lights."""

from __future__ import annotations

import numpy as np

from game.art.drawing import Line, PixelCanvas, dither, noise, stones
from game.art.zone_parts.background import Background, wave, zigzag
from game.art.zone_parts.common_sprites import debris, shot, slab
from game.art.zone_parts.design import ZoneDesign, assemble
from game.art.zone_parts.ground import Material
from game.format import Picture, ZoneArt

ONE = Line(
    1, outline="002", body="113 225 347 457", lip="356 567 677 777", plank="311 532 754",
    back="002 013", pine="031",
)  # fmt: skip
TWO = Line(
    2, backdrop="002", sky="002 013 024 135", aurora="034 054 164 375", stars="566 777",
    far="124 235", near="013 124 446",
)  # fmt: skip
THREE = Line(
    3, ink="101", white="777", hot="501 712 756", bug="124 346 567", flow="304 506 727 506",
    ice="046 267 577",
)  # fmt: skip
INK, WHITE = int(THREE["ink"][0]), int(THREE["white"][0])


def _material() -> Material:
    gap, shade, which = stones(16, 3, 33)
    y, x = np.mgrid[:16, :16]
    facet = np.clip(np.rint(1.5 + shade * 1.4 + (which == 1) * 0.7), 1, 3)
    plain = np.where(gap < 1.1, 0, facet).astype(int)
    glint = plain.copy()
    glint[(np.abs(x - 8) + np.abs(y - 8) < 6) & ((x + y) % 8 < 2)] = 3
    grain = noise(16, 16, 4, 6)
    tuft = np.zeros((16, 16), np.uint8)
    tuft[3:5, 4:7] = ONE["lip"][1]
    tuft[2, 11:14] = ONE["lip"][1]
    return Material(
        body=ONE["body"],
        textures=[plain, glint, np.where(grain > 0.65, np.clip(plain - 1, 0, 3), plain)],
        lip=ONE["lip"][[3, 3, 3, 2, 1, 0]],
        blades=[7, 8, 8, 7, 6, 6, 7, 9, 10, 8, 6, 6, 7, 7, 6, 6],
        outline=int(ONE["outline"][0]),
        tuft=tuft,
    )


def _background() -> Picture:
    art = Background()
    art.sky(0, 160, TWO["sky"])
    art.stars(110, TWO["stars"], 26, 4)
    for number, (base, amplitude) in enumerate(((44, 10), (70, 7))):
        curve = wave(base, (2, amplitude, number * 2.0), (4, 4, 1 + number), (8, 2, 0))
        above = (curve[None, :] - art.y) / 44
        mask = (above > 0) & (above < 1)
        ray = 0.15 * np.sin(art.x * 2 * np.pi / 16) + 0.1 * np.sin(art.x * 2 * np.pi / 64 + number)
        value = np.clip(np.clip(1 - above, 0, 1) ** 1.5 + ray, 0, 1)
        level = dither(value * 0.86, 5)
        ramp = np.concatenate([TWO["sky"][2:3], TWO["aurora"]])
        show = mask & (level > 0)
        art.pixels[show] = ramp[level][show]
    far = zigzag([(0, 140), (26, 108), (40, 122), (74, 92), (112, 134), (140, 112), (160, 124),
                  (196, 98), (232, 130), (256, 140)], 256)  # fmt: skip
    art.peaks(far, 190, TWO["far"][::-1], TWO["far"][:1].repeat(2),
              (int(TWO["stars"][0]), int(TWO["near"][2])), 80)  # fmt: skip
    hill = wave(172, (4, 6, 0), (8, 4, 1))
    art.ridge(hill, 256, TWO["near"][[2, 1]], 18, int(TWO["near"][2]))
    near = wave(224, (4, 3, 2), (8, 2, 1))
    for x in (4, 30, 52, 84, 106):
        art.stamp(_far_pine(22 + x % 3 * 5), x, int(near[x + 7]) + 5, 128)
    art.ridge(near, 256, TWO["near"][[1, 0, 0]], 30, int(TWO["near"][2]))
    return art.picture(TWO.palette)


def _far_pine(height: int) -> Picture:
    canvas = PixelCanvas(height, 16)
    for part in range(3):
        y = part * height * 0.26
        half, low = 3 + part * 2, y + height * 0.42
        canvas.poly(((8, y), (8 - half, low), (8 + half, low)), int(TWO["near"][0]))
        canvas.poly(
            ((8, y), (8 - 2 - part, y + height * 0.2), (8, y + height * 0.16)), int(TWO["near"][2])
        )
    canvas.dot(7, height - 5, int(TWO["near"][0]), 5, 2)
    return canvas.pixels


def _pine() -> Picture:
    canvas = PixelCanvas(64, 48)
    outline, green = int(ONE["outline"][0]), int(ONE["pine"][0])
    canvas.dot(21, 54, int(ONE["plank"][0]), 10, 6)
    canvas.dot(22, 54, int(ONE["plank"][1]), 10, 2)
    for part in range(4):
        top, low = 2 + part * 12, 22 + part * 12
        half = 9 + part * 4
        mask = canvas.poly(((24, top), (24 - half, low), (24 + half, low)), green)
        canvas.edge(mask, outline)
        hem = ((-0.75, 6), (-0.3, 4), (0, 8), (0.4, 6))
        snow = canvas.polygon([(24, top + 1), *((24 + half * x, low - y) for x, y in hem)])
        canvas.pixels[snow & mask] = ONE["lip"][3]
        canvas.pixels[snow & mask & (canvas.x > 25)] = ONE["lip"][1]
    return canvas.outline(outline)


def _drift() -> Picture:
    canvas = PixelCanvas(16, 32)
    canvas.ball(11, 18, 11, 9, ONE["lip"])
    canvas.ball(23, 18, 8, 6, ONE["lip"])
    return canvas.outline(int(ONE["outline"][0]))


def _icicle_rock() -> Picture:
    canvas = PixelCanvas(32, 16)
    canvas.poly(((1, 32), (4, 10), (8, 1), (12, 12), (15, 32)), int(ONE["body"][2]))
    canvas.poly(((8, 1), (12, 12), (15, 32), (9, 32)), int(ONE["body"][1]))
    canvas.poly(((8, 1), (4, 10), (3, 20), (6, 14)), int(ONE["lip"][3]))
    return canvas.outline(int(ONE["outline"][0]))


def _igloo() -> Picture:
    canvas = PixelCanvas(32, 48)
    outline = int(ONE["outline"][0])
    dome = canvas.ball(23, 31, 19, 26, ONE["lip"])
    for y in (14, 20, 26):
        canvas.pixels[dome & (np.abs(canvas.y - y) < 0.6)] = ONE["lip"][0]
    brick = (canvas.x + (canvas.y // 6 % 2) * 5).astype(int) % 10 == 0
    canvas.pixels[dome & brick] = ONE["lip"][0]
    door = canvas.ellipse(38, 32, 9, 14)
    canvas.paint(door, ONE["lip"], 0.6)
    canvas.edge(door, outline)
    canvas.paint(canvas.ellipse(39, 32, 5.5, 9), (outline,))
    return canvas.outline(outline)


def _post() -> Picture:
    """A wooden mark with a cap of snow."""
    canvas = PixelCanvas(32, 16)
    canvas.dot(6, 8, int(ONE["plank"][0]), 24, 4)
    canvas.dot(6, 8, int(ONE["plank"][1]), 24, 2)
    canvas.dot(2, 12, int(ONE["plank"][1]), 5, 12)
    canvas.dot(2, 12, int(ONE["plank"][2]), 1, 12)
    canvas.ball(8, 7, 5, 2.6, ONE["lip"][1:])
    canvas.ball(8, 11.5, 6.5, 1.4, ONE["lip"][2:])
    return canvas.outline(int(ONE["outline"][0]))


def _penguin(step: int) -> Picture:
    canvas = PixelCanvas(24, 24)
    canvas.ball(8 - step, 22, 4, 1.8, THREE["hot"][1:])
    canvas.ball(15 + step, 22, 4, 1.8, THREE["hot"][1:])
    canvas.ball(13, 13, 8, 10, THREE["bug"][:2])
    canvas.ball(10, 15.5, 5.2, 7, (int(THREE["bug"][2]), WHITE, WHITE))
    canvas.limb(((18, 11), (21, 17 - 2 * step)), (2.2, 1.4), THREE["bug"][:2])
    canvas.poly(((6, 8), (0, 11), (6, 12)), int(THREE["hot"][1]))
    canvas.spot(9, 7.5, 2.3, WHITE)
    canvas.spot(8.3, 7.8, 1.2, INK)
    canvas.limb(((5, 13), (18, 13)), (1.4, 1.4), THREE["hot"])
    return canvas.outline(INK)


def _owl(step: int) -> Picture:
    canvas = PixelCanvas(24, 32)
    tip = -7 if step else 7
    for side in (-1, 1):
        canvas.limb(((16, 11), (16 + side * 8, 11 + tip * 0.7), (16 + side * 13.5, 12 + tip)),
                    (4, 4, 2), THREE["hot"])  # fmt: skip
    canvas.ball(16, 13, 6.5, 8, THREE["hot"])
    canvas.ball(15, 16.5, 4.2, 4.2, (WHITE,))
    for x in (12.8, 18.0):
        canvas.spot(x, 9, 2.9, WHITE)
        canvas.spot(x - 0.6, 9.2, 1.4, INK)
    canvas.poly(((13.5, 11), (17, 11), (15, 14.5)), int(THREE["bug"][0]))
    for x in (11, 21):
        canvas.poly(((x - 2, 6), (x, 1), (x + 2, 6)), int(THREE["hot"][0]))
    return canvas.outline(INK)


def _snowman(firing: int) -> Picture:
    canvas = PixelCanvas(24, 24)
    snow = (int(THREE["bug"][1]), int(THREE["bug"][2]), WHITE, WHITE)
    canvas.ball(13, 18, 8, 6, snow)
    canvas.ball(12, 9.5, 6, 5.6, snow)
    canvas.limb(((8, 13.5), (17, 13.5)), (1.6, 1.6), THREE["hot"])
    canvas.dot(7, 2, int(THREE["hot"][0]), 4, 11)
    canvas.dot(8, 0, int(THREE["hot"][1]), 4, 9)
    canvas.spot(9, 8.5, 1.2, INK)
    canvas.spot(13, 8.5, 1.2, INK)
    canvas.limb(((8, 11), (3, 11.5)), (1.6, 0.8), THREE["hot"][1:])
    reach = 3 if firing else 7
    canvas.limb(((8, 17), (reach, 15 if firing else 18)), (1.4, 1.8), THREE["hot"])
    return canvas.outline(INK)


def _hare(jump: int) -> Picture:
    canvas = PixelCanvas(24, 24)
    drop = 0 if jump else 2
    fur = THREE["hot"]
    for x, lean in ((9, 6), (12, 7)):
        canvas.limb(((x, 8 + drop), (x + lean, 2 + drop)), (1.9, 1.5), fur)
    canvas.ball(15, 15 + drop, 7, 5.5, fur, 20 if jump else 0)
    canvas.spot(21.5, 13 + drop, 2.2, WHITE)
    if jump:
        canvas.limb(((18, 17), (22, 22)), (2.4, 1.6), fur)
        canvas.limb(((10, 17), (5, 21)), (1.8, 1.4), fur)
    else:
        canvas.limb(((18, 20), (13, 22.5)), (2.4, 1.6), fur)
        canvas.limb(((9, 19), (7, 22.5)), (1.8, 1.4), fur)
    canvas.ball(7.5, 11 + drop, 5.4, 4.8, fur)
    canvas.spot(6, 9.6 + drop, 2, WHITE)
    canvas.spot(5.4, 9.9 + drop, 1.1, INK)
    canvas.spot(2.4, 12 + drop, 1.2, INK)
    return canvas.outline(INK)


def zone() -> ZoneArt:
    """Draw the zone."""
    frames = range(2)
    sprites = {
        "patroller": tuple(_penguin(i) for i in frames),
        "flyer": tuple(_owl(i) for i in frames),
        "shooter": tuple(_snowman(i) for i in frames),
        "hopper": tuple(_hare(i) for i in frames),
        "shot": tuple(shot(THREE["hot"], INK, i) for i in frames),
        "platform": (slab(THREE["bug"], THREE["hot"], INK),),
        "debris": tuple(debris(THREE["bug"], INK, i) for i in frames),
    }
    kit = ZoneDesign(
        name="Glacier",
        lines=(ONE, TWO, THREE),
        material=_material(),
        background=_background(),
        bands=((0, 8, 12), (90, 32, 0), (161, 64, 0), (187, 96, 0)),
        decor=(_pine(), _drift(), _icicle_rock(), _igloo(), _post()),
        sprites=sprites,
        water=(20, 80, 160),
        cells={},
        seams=16,
    )
    return assemble(kit)
