"""Canyon: layered red rock with a pale sandy crust, before lilac table mountains at noon."""

from __future__ import annotations

import numpy as np

from game.art.drawing import Line, PixelCanvas, noise
from game.art.zone_parts.background import Background, wave, zigzag
from game.art.zone_parts.common_sprites import debris, shot, slab
from game.art.zone_parts.design import ZoneDesign, assemble
from game.art.zone_parts.ground import Material
from game.format import Picture, ZoneArt

ONE = Line(
    1, outline="100", body="300 411 521 632", lip="531 642 754 776", plank="320 541 763",
    back="100 211", green="041",
)  # fmt: skip
TWO = Line(
    2, backdrop="256", sky="256 357 467 677", cloud="777", sun="774", far="646 546",
    mid="545 435", near="434 323", sand="655 544",
)  # fmt: skip
THREE = Line(
    3, ink="101", white="777", hot="023 045 376", bug="130 251 573", flow="600 730 760 730",
    ice="136 357 577",
)  # fmt: skip
INK, WHITE = int(THREE["ink"][0]), int(THREE["white"][0])


def _material() -> Material:
    y, x = np.mgrid[:16, :16]
    grain = noise(16, 16, 4, 11)
    bands = np.array([2, 2, 3, 1, 2, 2, 1, 1, 0, 2, 3, 2, 2, 1, 2, 1])
    bent = (y + np.rint(np.sin(x * np.pi / 8) * 0.8)).astype(int) % 16
    plain = bands[bent]
    plain = np.where((grain > 0.7) & (plain > 0), plain - 1, plain)
    cracked = plain.copy()
    for i, column in enumerate((6, 6, 7, 7, 8, 7, 7, 6, 5, 5, 6, 7, 8)):
        cracked[1 + i, column] = 0
        cracked[1 + i, column + 1] = 3
    shell = plain.copy()
    for i, radius in ((0, 4.6), (3, 3.2), (0, 1.8), (3, 0.9)):
        shell[np.hypot(x - 7.5, y - 7.5) < radius] = i
    tuft = np.zeros((16, 16), np.uint8)
    for column, height in ((5, 3), (7, 4), (9, 2)):
        tuft[0:height, column] = ONE["green"][0]
    return Material(
        body=ONE["body"],
        textures=[plain, cracked, shell],
        lip=ONE["lip"][::-1],
        blades=[4, 4, 5, 5, 4, 4, 3, 4, 5, 6, 5, 4, 4, 3, 4, 5],
        outline=int(ONE["outline"][0]),
        tuft=tuft,
        shade=1,
    )


def _mesa(
    art: Background, points: list[tuple[float, float]], period: int, last: int, name: str
) -> None:
    top = zigzag(points, period)
    mask = art.below(top, last)
    depth = art.y - top[None, :]
    lit, dark = TWO[name]
    stripe = ((art.y // 5) % 3 == 0) | (depth < 3)
    stripe &= art.y < last - 46
    face = np.roll(top, -6) > top  # falls to the right: in the shade
    art.pixels[mask] = np.where(stripe & ~face[None, :], lit, dark)[mask]
    grooves = mask & (depth > 5) & ((art.x + 3 * np.sin(art.y / 7)).astype(int) % 16 < 3)
    art.pixels[grooves] = dark
    art.pixels[mask & (depth < 3)] = lit


def _background() -> Picture:
    art = Background()
    art.sky(0, 130, TWO["sky"])
    art.disc(366, 44, 17, TWO["sun"])
    for i, (x, y, width) in enumerate(((70, 30, 70), (210, 54, 60), (470, 60, 70))):
        art.cloud(x, y, width, TWO["cloud"], i + 20)
    _mesa(art, [(0, 128), (12, 126), (16, 98), (70, 98), (74, 112), (100, 114), (106, 128),
                (150, 128), (154, 88), (182, 88), (187, 120), (220, 128)],
          256, 170, "far")  # fmt: skip
    _mesa(art, [(0, 134), (44, 134), (50, 164), (96, 168), (100, 144), (118, 144), (124, 166),
                (190, 170), (196, 138), (244, 138), (250, 134)], 256, 200, "mid")  # fmt: skip
    art.ridge(wave(186, (4, 4, 1), (8, 2, 0)), 256, TWO["sand"], 20)
    dune = wave(204, (4, 2, 0), (8, 1.5, 2))
    art.ridge(dune, 256, TWO["near"], 60, int(TWO["sand"][1]))
    for x in (30, 96):
        art.stamp(_far_cactus(), x, 236 if x < 60 else 244, 128)
    return art.picture(TWO.palette)


def _far_cactus() -> Picture:
    canvas = PixelCanvas(26, 16)
    colour = int(TWO["near"][1])
    canvas.dot(6, 1, colour, 25, 4)
    canvas.dot(1, 8, colour, 8, 3)
    canvas.dot(1, 14, colour, 3, 8)
    canvas.dot(12, 5, colour, 7, 3)
    canvas.dot(9, 11, colour, 3, 6)
    return canvas.pixels


def _cactus() -> Picture:
    canvas = PixelCanvas(48, 32)
    green = THREE["bug"]
    for points in (
        ((16, 48), (16, 6)),
        ((16, 32), (6, 30), (6, 18)),
        ((16, 26), (26, 24), (26, 12)),
    ):
        mask, along, across = canvas.limb(points, [4.6, 4, 3.6][: len(points)], green)
        canvas.pixels[mask & (np.abs(across) < 0.6)] = green[0]
        canvas.pixels[mask & (along.astype(int) % 5 == 0) & (np.abs(across) > 1.5)] = green[-1]
    canvas.spot(16, 3, 2.4, int(THREE["white"][0]))
    return canvas.outline(INK)


def _boulder() -> Picture:
    canvas = PixelCanvas(16, 32)
    canvas.ball(11, 12, 10, 9, ONE["body"])
    canvas.ball(24, 13, 6.5, 6, ONE["body"])
    canvas.limb(((6, 8), (10, 11), (9, 15)), (0.6, 0.6, 0.6), (int(ONE["outline"][0]),))
    return canvas.outline(int(ONE["outline"][0]))


def _dry_grass() -> Picture:
    canvas = PixelCanvas(16, 16)
    for lean, height in ((-6, 9), (-3, 5), (0, 3), (3, 6), (6, 10)):
        points = ((8 + lean * 0.3, 16), (8 + lean * 0.5, height + 4), (8 + lean, height))
        canvas.limb(points, (1.1, 0.9, 0.4), (int(ONE["green"][0]),) * 2)
    return canvas.outline(int(ONE["outline"][0]))


def _arch() -> Picture:
    """A weathered tower of stacked stones, (48, 32)."""
    canvas = PixelCanvas(48, 32)
    outline = int(ONE["outline"][0])
    for x, y, rx, ry in (
        (16, 43, 13, 7),
        (15, 32, 9, 6),
        (17, 23, 11, 5),
        (15, 14, 6, 6),
        (16, 6, 10, 5),
    ):
        mask = canvas.ball(x, y, rx, ry, ONE["body"])
        canvas.edge(mask & (canvas.y > y), outline)
        canvas.dot(int(x - rx * 0.5), int(y - ry * 0.7), int(ONE["lip"][1]), 1, int(rx))
    return canvas.outline(outline)


def _ribs() -> Picture:
    """Bleached bones."""
    canvas = PixelCanvas(16, 32)
    bone = ONE["lip"][1:]
    canvas.limb(((2, 13), (16, 10), (29, 13)), (1.2, 1.6, 1.0), bone)
    for x in (7, 13, 19, 25):
        canvas.limb(((x, 11), (x - 3, 7), (x - 1, 2)), (1.3, 1.2, 0.7), bone)
        canvas.limb(((x, 12), (x + 1, 16)), (1.1, 1.0), bone)
    return canvas.outline(int(ONE["outline"][0]))


def _scorpion(step: int) -> Picture:
    canvas = PixelCanvas(24, 24)
    canvas.limb(((17, 17), (21, 12), (19, 5), (13, 3)), (3, 2.4, 2, 1.6), THREE["hot"])
    canvas.poly(((14, 1), (9, 5), (14, 6)), INK)
    for i, x in enumerate((10, 14, 18)):
        reach = 2 if (i + step) % 2 else -1
        canvas.limb(((x, 18), (x + reach, 22.6)), (1.2, 1.0), THREE["hot"][:2])
    canvas.ball(13, 17, 7.5, 4.2, THREE["hot"])
    for ring in (12, 15.5, 18.5):
        canvas.limb(((ring, 13.5), (ring, 20)), (0.5, 0.5), (INK,))
    canvas.limb(((8, 17), (4, 13 - step)), (1.3, 1.3), THREE["hot"][:2])
    canvas.ball(3.4, 11.5 - step, 3.0, 3.0, THREE["hot"])
    canvas.poly(((0, 9 - step), (4, 11.5 - step), (0, 13 - step)), INK)
    canvas.spot(7.5, 15.5, 1.6, WHITE)
    canvas.spot(7.0, 15.8, 0.8, INK)
    return canvas.outline(INK)


def _vulture(step: int) -> Picture:
    canvas = PixelCanvas(24, 32)
    tip = (26, 3) if step else (27, 21)
    canvas.limb(((15, 12), (20, 8 if step else 16), tip), (4, 3.6, 2), THREE["hot"])
    canvas.ball(15, 13, 8.5, 5.6, THREE["hot"], 12)
    canvas.poly(((22, 12), (31, 10), (30, 16), (22, 16)), int(THREE["hot"][0]))
    canvas.limb(((9, 11), (6.5, 8)), (2.6, 2.6), (WHITE,))
    canvas.ball(5.8, 7.2, 3.8, 3.6, THREE["bug"][1:])
    canvas.poly(((3, 6), (0, 9.5), (4, 10)), int(THREE["flow"][2]))
    canvas.spot(5.2, 6.4, 1.4, WHITE)
    canvas.spot(4.8, 6.6, 0.8, INK)
    wing = (16, 4) if step else (17, 20)
    canvas.limb(((13, 13), (15, 9 if step else 16), wing), (3.6, 3.4, 2), THREE["hot"][1:])
    return canvas.outline(INK)


def _cactus_gun(firing: int) -> Picture:
    canvas = PixelCanvas(24, 24)
    canvas.limb(((15, 23), (15, 7)), (6.8, 6.2), THREE["bug"])
    canvas.limb(((20, 17), (22, 12)), (2.2, 2.0), THREE["bug"])
    canvas.limb(((10, 17), (4, 17), (3, 17)), (2.8, 2.8, 3.2), THREE["bug"])
    canvas.spot(2.2, 17, 2.2 if firing else 1.4, INK)
    for y in (5, 10, 15, 20):
        canvas.dot(17, y, WHITE)
        canvas.dot(20, y + 2, WHITE)
    canvas.spot(11.5, 9, 2.8, WHITE)
    canvas.spot(10.6, 9.2, 1.4, INK)
    canvas.limb(((8.5, 5), (14, 6.5)), (0.8, 0.8), (INK,))
    canvas.ball(15, 1.8, 3, 1.8, THREE["flow"][:2])
    return canvas.outline(INK)


def _lizard(jump: int) -> Picture:
    canvas = PixelCanvas(24, 24)
    base = -3 if jump else 0
    canvas.limb(((15, 17 + base), (20, 19 + base), (23, 14 + 2 * base)), (3, 2, 0.8), THREE["hot"])
    if jump:
        canvas.limb(((16, 16), (20, 22)), (2.2, 1.6), THREE["hot"])
        canvas.limb(((10, 16), (7, 22)), (1.8, 1.4), THREE["hot"])
    else:
        canvas.limb(((16, 18), (18, 21), (14, 22)), (2.6, 1.8, 1.5), THREE["hot"])
        canvas.limb(((9, 18), (7, 22)), (1.8, 1.5), THREE["hot"])
    canvas.ball(13, 15 + base, 7, 5, THREE["hot"])
    for x in (9, 13, 17):
        canvas.poly(((x - 2, 11 + base), (x, 6 + base), (x + 2, 11 + base)), int(THREE["flow"][1]))
    canvas.ball(6, 13 + base, 5.2, 4.2, THREE["hot"])
    canvas.spot(5.2, 11.6 + base, 2.0, WHITE)
    canvas.spot(4.6, 11.9 + base, 1.0, INK)
    canvas.limb(((1.5, 15 + base), (6, 15.3 + base)), (0.6, 0.6), (INK,))
    return canvas.outline(INK)


def zone() -> ZoneArt:
    """Draw the zone."""
    frames = range(2)
    sprites = {
        "patroller": tuple(_scorpion(i) for i in frames),
        "flyer": tuple(_vulture(i) for i in frames),
        "shooter": tuple(_cactus_gun(i) for i in frames),
        "hopper": tuple(_lizard(i) for i in frames),
        "shot": tuple(shot(THREE["flow"][:3], INK, i) for i in frames),
        "platform": (slab(THREE["bug"], THREE["flow"], INK),),
        "debris": tuple(debris(THREE["flow"][1:3], INK, i) for i in frames),
    }
    kit = ZoneDesign(
        name="Canyon",
        lines=(ONE, TWO, THREE),
        material=_material(),
        background=_background(),
        bands=((0, 12, 24), (86, 36, 0), (130, 60, 0), (181, 90, 0), (200, 112, 0)),
        decor=(_cactus(), _boulder(), _dry_grass(), _arch(), _ribs()),
        sprites=sprites,
        water=(30, 120, 170),
        cells={},
        seams=20,
    )
    return assemble(kit)
