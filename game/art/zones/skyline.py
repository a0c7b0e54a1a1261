"""Skyline: rooftops edged with neon, before a city at dusk under a big moon."""

from __future__ import annotations

import numpy as np

from game.art.drawing import Line, PixelCanvas
from game.art.zone_parts.background import Background
from game.art.zone_parts.common_sprites import debris, shot, slab
from game.art.zone_parts.design import ZoneDesign, assemble
from game.art.zone_parts.ground import Material
from game.format import Picture, ZoneArt

ONE = Line(
    1, outline="001", body="113 224 336 557", lip="304 617 747 777", plank="024 146 367",
    back="001 112", lamp="773",
)  # fmt: skip
TWO = Line(
    2, backdrop="102", sky="202 303 413 523 633", moon="765 654", far="213 323",
    mid="112 212", near="001 101", window="641 224",
)  # fmt: skip
THREE = Line(
    3, ink="001", white="777", hot="150 372 675", bug="503 715 747", flow="700 704 747 704",
    ice="136 357 577",
)  # fmt: skip
INK, WHITE = int(THREE["ink"][0]), int(THREE["white"][0])


def _material() -> Material:
    y, x = np.mgrid[:16, :16]
    row = y // 4
    column = (x + 4 * (row % 2)) % 8
    plain = np.full((16, 16), 1)
    plain[(y % 4 == 3) | (column == 7)] = 0
    plain[(y % 4 == 0) & (column < 6)] = 2
    pane = plain.copy()
    pane[3:13, 3:13] = 0
    pane[4:12, 4:12] = 2
    pane[4:12, 8] = 0
    pane[4:8, 4:8] = 3
    vent = plain.copy()
    vent[4:12, 2:14] = 0
    vent[5:12:2, 3:13] = 2
    tuft = np.zeros((16, 16), np.uint8)
    tuft[1:3, 2:6] = tuft[1:3, 10:14] = ONE["lamp"][0]
    return Material(
        body=ONE["body"],
        textures=[plain, pane, vent],
        lip=ONE["lip"][[3, 2, 1, 1, 0]],
        blades=[4] * 16,
        outline=int(ONE["outline"][0]),
        tuft=tuft,
        shade=1,
        ring=ONE["lip"][[3, 2, 1, 0]],
    )


def _towers(
    art: Background,
    seed: int,
    heights: tuple[int, int],
    widths: tuple[int, int],
    last: int,
    ramp: Picture,
    windows: Picture,
    share: float,
) -> None:
    """A row of buildings with lit windows, repeated every 256 pixels; widths in tiles."""
    period = 256
    rng = np.random.default_rng(seed)
    start = 0
    while start < period:
        width = min(8 * int(rng.integers(widths[0], widths[1] + 1)), period - start)
        top = last - 8 * int(rng.integers(heights[0] // 8, heights[1] // 8 + 1))
        lit = rng.random((32, 32)) < share
        colour = rng.choice(windows, (32, 32))
        for offset in range(start, 512, period):
            art.pixels[top:last, offset : offset + width] = ramp[1]
            art.pixels[top:last, offset + width - 3 : offset + width] = ramp[0]
            art.pixels[top, offset : offset + width] = windows[-1]
            for row in range((last - top) // 8):
                for part in range(width // 4 - 1):
                    if lit[row, part]:
                        y, x = top + 3 + row * 8, offset + 2 + part * 4
                        art.pixels[y : y + 3, x : x + 2] = colour[row, part]
        start += width


def _background() -> Picture:
    art = Background()
    art.sky(0, 176, TWO["sky"])
    art.stars(80, TWO["moon"], 16, 5)
    art.disc(404, 48, 24, TWO["moon"][::-1])
    for x, y, r in ((396, 42, 5), (412, 56, 4), (407, 36, 3)):
        art.disc(x, y, r, TWO["moon"][1:])
    for i, (x, y, width) in enumerate(((80, 74, 80), (280, 60, 60), (480, 72, 70))):
        art.cloud(x, y, width, TWO["sky"][[2, 3]], i + 80)
    _towers(art, 3, (24, 56), (2, 4), 144, TWO["far"], TWO["sky"][[4, 3]], 0.35)
    art.sky(
        142, 190, TWO["far"][::-1]
    )  # haze without details, because two bands with different speeds meet here
    _towers(art, 8, (24, 64), (3, 5), 208, TWO["mid"], TWO["window"], 0.4)
    art.pixels[204:256] = TWO["mid"][0]
    _towers(art, 5, (16, 48), (4, 7), 256, TWO["near"], TWO["window"], 0.3)
    return art.picture(TWO.palette)


def _antenna() -> Picture:
    canvas = PixelCanvas(64, 32)
    for x0, x1 in ((6, 14), (26, 18)):
        canvas.limb(((x0, 64), (x1, 14)), (1.4, 1.0), ONE["body"][1:])
    for y in range(20, 62, 8):
        reach = (y - 10) * 0.17
        canvas.limb(((16 - reach, y), (16 + reach, y + 6)), (0.8, 0.8), ONE["body"][1:])
        canvas.limb(((16 + reach, y), (16 - reach, y + 6)), (0.8, 0.8), ONE["body"][1:])
    canvas.limb(((16, 14), (16, 5)), (1, 0.8), ONE["body"][1:])
    canvas.spot(16, 4, 2.6, int(ONE["lip"][1]))
    canvas.spot(15.5, 3.5, 1, int(ONE["lip"][3]))
    return canvas.outline(int(ONE["outline"][0]))


def _sign() -> Picture:
    """A neon sign: a star between two bars."""
    canvas = PixelCanvas(32, 48)
    canvas.dot(10, 18, int(ONE["body"][1]), 14, 3)
    canvas.dot(35, 18, int(ONE["body"][1]), 14, 3)
    canvas.dot(2, 1, int(ONE["body"][0]), 18, 44)
    points = []
    for i in range(10):
        reach, angle = (8.0, 3.4)[i % 2], i * np.pi / 5 - np.pi / 2
        points.append((24 + reach * np.cos(angle), 10.5 + reach * np.sin(angle)))
    star = canvas.poly(points, int(ONE["lamp"][0]))
    canvas.edge(star, int(ONE["lip"][1]))
    for x in (6, 34):
        canvas.dot(x, 5, int(ONE["lip"][1]), 2, 9)
        canvas.dot(x, 13, int(ONE["lip"][1]), 2, 9)
        canvas.dot(x, 9, int(ONE["lip"][2]), 2, 9)
    return canvas.outline(int(ONE["outline"][0]))


def _fan() -> Picture:
    canvas = PixelCanvas(16, 32)
    canvas.dot(1, 2, int(ONE["body"][1]), 14, 30)
    canvas.dot(1, 2, int(ONE["body"][3]), 1, 30)
    canvas.ball(10, 9, 5.6, 5.6, (int(ONE["outline"][0]),))
    canvas.limb(((6, 7), (14, 11)), (1.2, 1.2), ONE["body"][1:])
    canvas.limb(((12, 5), (8, 13)), (1.2, 1.2), ONE["body"][1:])
    for y in range(5, 14, 3):
        canvas.dot(19, y, int(ONE["outline"][0]), 1, 10)
    return canvas.outline(int(ONE["outline"][0]))


def _water_tank() -> Picture:
    canvas = PixelCanvas(64, 48)
    outline, wood = int(ONE["outline"][0]), ONE["body"]
    for x in (9, 22, 35):
        canvas.dot(x, 42, int(wood[2]), 22, 3)
    canvas.limb(((10, 44), (36, 62)), (0.9, 0.9), wood[1:])
    canvas.limb(((36, 44), (10, 62)), (0.9, 0.9), wood[1:])
    for x in range(6, 41):
        light = 1 - abs(x - 16) / 27
        canvas.pixels[18:43, x] = wood[min(3, int(light * 4))] if x % 5 else wood[0]
    for y in (23, 36):
        canvas.dot(6, y, outline, 1, 35)
        canvas.dot(6, y + 1, int(ONE["plank"][1]), 1, 35)
    canvas.poly(((3, 19), (23, 4), (44, 19)), int(ONE["plank"][0]))
    canvas.poly(((3, 19), (23, 4), (20, 19)), int(ONE["plank"][1]))
    return canvas.outline(outline)


def _plant() -> Picture:
    canvas = PixelCanvas(32, 16)
    canvas.poly(((3, 22), (13, 22), (11, 32), (5, 32)), int(ONE["lip"][0]))
    canvas.poly(((3, 22), (7, 22), (7, 32), (5, 32)), int(ONE["lip"][1]))
    for tip in ((2, 10), (6, 4), (10, 5), (14, 11)):
        canvas.limb(((8, 22), ((8 + tip[0]) / 2, tip[1] + 6), tip), (1.6, 1.5, 0.6), ONE["plank"])
    return canvas.outline(int(ONE["outline"][0]))


def _rat(step: int) -> Picture:
    canvas = PixelCanvas(24, 24)
    canvas.limb(((19, 17), (22, 13), (21, 8)), (1.4, 1, 0.7), THREE["bug"])
    for i, x in enumerate((9, 17)):
        canvas.limb(((x, 18), (x + (2 if (i + step) % 2 else -2), 22.4)), (1.8, 1.4), THREE["bug"])
    canvas.ball(14, 15, 8, 6.4, THREE["hot"])
    canvas.ball(6.5, 15.5, 5.6, 4.6, THREE["hot"])
    canvas.ball(9.5, 9.5, 3.4, 3.4, THREE["bug"])
    canvas.spot(5.4, 14, 2.2, WHITE)
    canvas.spot(4.8, 14.3, 1.2, INK)
    canvas.spot(1.6, 17, 1.4, int(THREE["bug"][1]))
    canvas.limb(((3, 19), (8, 18.5)), (0.6, 0.6), (INK,))
    return canvas.outline(INK)


def _pigeon(step: int) -> Picture:
    canvas = PixelCanvas(24, 32)
    canvas.poly(((22, 11), (31, 9), (31, 16), (22, 16)), int(THREE["hot"][0]))
    canvas.ball(15, 13.5, 9, 5.8, THREE["hot"], -8)
    tip = (23, 2) if step else (24, 22)
    canvas.limb(((14, 12), (18, 8 if step else 17), tip), (4, 3.4, 1.6), THREE["bug"])
    canvas.ball(7, 9, 4.4, 4.2, THREE["hot"])
    canvas.limb(((5, 12.5), (10, 13)), (1.2, 1.2), THREE["bug"][1:])
    canvas.poly(((3.5, 8), (0, 10.5), (4, 11)), int(THREE["flow"][0]))
    canvas.spot(6, 8, 1.9, WHITE)
    canvas.spot(5.5, 8.2, 1.0, INK)
    return canvas.outline(INK)


def _lantern(firing: int) -> Picture:
    canvas = PixelCanvas(24, 24)
    canvas.dot(10, 16, int(THREE["ice"][0]), 7, 5)
    canvas.dot(6, 21, int(THREE["ice"][1]), 3, 13)
    canvas.dot(5, 1, int(THREE["bug"][0]), 17, 15)
    canvas.dot(5, 1, int(THREE["bug"][1]), 16, 13)
    canvas.dot(5, 1, int(THREE["bug"][2]), 1, 13)
    for y, ramp in ((5.5, THREE["hot"]), (13.0, THREE["flow"])):
        on = (y > 8) == bool(firing)
        canvas.spot(10.5, y, 3.5, INK)
        canvas.spot(10.0, y, 2.8, WHITE if on else int(ramp[0]))
        canvas.spot(9.4, y, 1.3, INK if on else int(ramp[1]))
    canvas.poly(((5, 10), (0, 10), (0, 15), (5, 14)), INK)
    return canvas.outline(INK)


def _cat(jump: int) -> Picture:
    canvas = PixelCanvas(24, 24)
    drop = 0 if jump else 2
    canvas.limb(((19, 15 + drop), (22, 10 + drop), (20, 4 + drop)), (1.6, 1.4, 1.1), THREE["hot"])
    canvas.ball(15, 15 + drop, 6.6, 5.2, THREE["hot"], 20 if jump else 0)
    if jump:
        canvas.limb(((18, 17), (22, 22)), (2, 1.5), THREE["hot"])
        canvas.limb(((10, 17), (4, 21)), (1.8, 1.4), THREE["hot"])
    else:
        canvas.limb(((18, 19), (17, 22.4)), (2.2, 1.6), THREE["hot"])
        canvas.limb(((10, 19), (9, 22.4)), (1.8, 1.6), THREE["hot"])
    for x in (4.5, 11.0):
        canvas.poly(((x - 2.5, 9 + drop), (x, 2 + drop), (x + 2.5, 9 + drop)), int(THREE["hot"][0]))
    canvas.ball(8, 11 + drop, 6, 5, THREE["hot"])
    for x in (5.5, 10.3):
        canvas.spot(x, 10.5 + drop, 2, WHITE)
        canvas.spot(x - 0.4, 10.7 + drop, 1.1, INK)
    canvas.spot(7, 13.6 + drop, 1.0, int(THREE["bug"][1]))
    return canvas.outline(INK)


def zone() -> ZoneArt:
    """Draw the zone."""
    frames = range(2)
    sprites = {
        "patroller": tuple(_rat(i) for i in frames),
        "flyer": tuple(_pigeon(i) for i in frames),
        "shooter": tuple(_lantern(i) for i in frames),
        "hopper": tuple(_cat(i) for i in frames),
        "shot": tuple(shot(THREE["flow"][:3], INK, i) for i in frames),
        "platform": (slab(THREE["ice"], THREE["bug"], INK),),
        "debris": tuple(debris(THREE["ice"], INK, i) for i in frames),
    }
    kit = ZoneDesign(
        name="Skyline",
        lines=(ONE, TWO, THREE),
        material=_material(),
        background=_background(),
        bands=((0, 8, 0), (80, 32, 0), (142, 64, 0), (206, 112, 0)),
        decor=(_antenna(), _sign(), _fan(), _water_tank(), _plant()),
        sprites=sprites,
        water=(60, 40, 160),
        cells={},
        seams=28,
    )
    return assemble(kit)
