"""Cavern: violet rock under glowing moss, deep halls of crystal behind."""

from __future__ import annotations

import numpy as np

from game.art.drawing import Line, PixelCanvas, noise, stones
from game.art.zone_parts.background import Background, wave, zigzag
from game.art.zone_parts.common_sprites import debris, shot, slab
from game.art.zone_parts.design import ZoneDesign, assemble
from game.art.zone_parts.ground import Material
from game.format import Picture, ZoneArt

ONE = Line(
    1, outline="001", body="112 224 335 447", lip="032 054 275 577", plank="311 522 744",
    back="001 102", glow="757",
)  # fmt: skip
TWO = Line(
    2, backdrop="001", deep="002 013 113", rock="002 103 114", near="001 102",
    crystal="023 044 256", lamp="304 416", lake="013 025",
)  # fmt: skip
THREE = Line(
    3, ink="001", white="777", hot="500 730 764", bug="404 626 757", flow="240 450 672 450",
    ice="136 357 577",
)  # fmt: skip
INK, WHITE = int(THREE["ink"][0]), int(THREE["white"][0])


def _material() -> Material:
    gap, shade, which = stones(16, 4, 21)
    grain = noise(16, 16, 4, 9)
    facet = np.clip(np.rint(1.7 + shade * 1.9 + (which % 3 == 1) * 0.6), 1, 3)
    plain = np.where(gap < 1.2, 0, facet).astype(int)
    plain = np.where((plain == 2) & (grain < 0.3), 1, plain)
    y, x = np.mgrid[:16, :16]
    gem = np.zeros((16, 16), np.uint8)
    for cx, cy, size in ((7, 9, 5), (11, 10, 3)):
        inside = np.abs(x - cx) * 1.6 + np.abs(y - cy) < size
        gem[inside] = ONE["lip"][1]
        gem[inside & (x < cx)] = ONE["lip"][2]
        gem[inside & (x < cx) & (y < cy)] = ONE["lip"][3]
    tuft = np.zeros((16, 16), np.uint8)
    for cx in (4, 11):
        tuft[3:6, cx] = ONE["glow"][0]
        tuft[3, cx - 1 : cx + 2] = ONE["glow"][0]
    return Material(
        body=ONE["body"],
        textures=[plain, plain, np.where(grain > 0.6, np.clip(plain - 1, 0, 3), plain)],
        details=((1, gem),),
        lip=ONE["lip"][::-1],
        blades=[4, 5, 6, 5, 4, 4, 7, 8, 6, 4, 4, 5, 4, 6, 7, 5],
        outline=int(ONE["outline"][0]),
        tuft=tuft,
    )


def _crystal(ramp: Picture, height: int, width: int, outline: int) -> Picture:
    """A cluster of three crystals."""
    canvas = PixelCanvas(height, width)
    middle = width / 2
    for lean, top, half in ((-0.32, 0.35, 0.17), (0.34, 0.45, 0.16), (0.02, 0.04, 0.2)):
        x0, x1, y = middle + lean * width * 0.5, middle + lean * width, top * height
        half *= width
        canvas.poly(
            ((x0 - half, height), (x1 - half, y + half * 1.5), (x1, y), (x1 + half, y + half * 1.5),
             (x0 + half, height)), int(ramp[-2]),
        )  # fmt: skip
        canvas.poly(
            ((x0, height), (x1, y), (x1 + half, y + half * 1.5), (x0 + half, height)), int(ramp[0])
        )
        shine = (x0 - half * 0.6, height), (x1 - half * 0.7, y + half * 2)
        canvas.poly((*shine, (x1 - half * 0.2, y + half)), int(ramp[-1]))
    canvas.pixels[-1][canvas.pixels[-1] > 0] = ramp[0]
    return canvas.outline(outline)


def _background() -> Picture:
    art = Background()
    art.sky(0, 256, TWO.join("near", "deep", "deep")[[0, 2, 3, 4, 3]])
    # Pillars of the hall, a far and a near row.
    for x, width, name in ((20, 26, 1), (84, 18, 1), (150, 30, 1), (214, 16, 1)):
        half = width / 2 + np.abs(art.y - 110) ** 2 / 420 + 2 * np.sin(art.y / 5)
        off = (art.x - x + 128) % 256 - 128
        mask = (np.abs(off) < half) & (art.y < 186)
        art.pixels[mask] = np.where(off < -half * 0.35, TWO["rock"][2], TWO["rock"][name])[mask]
        art.pixels[mask & (off > half * 0.4)] = TWO["rock"][0]
    roof = zigzag([(0, 34), (14, 50), (22, 30), (48, 26), (58, 74), (66, 28), (92, 40), (100, 62),
                   (110, 24), (128, 34)], 128)  # fmt: skip
    mask = art.y < roof[None, :]
    art.pixels[mask] = TWO["near"][1]
    art.pixels[mask & (roof[None, :] - art.y < 5) & (np.roll(roof, 3) > roof)[None, :]] = TWO[
        "rock"
    ][2]
    art.pixels[mask & (art.y < roof[None, :] - 14)] = TWO["near"][0]
    floor = zigzag(
        [(0, 144), (20, 138), (40, 147), (74, 143), (90, 136), (104, 145), (128, 144)], 128
    )
    art.ridge(floor, 192, TWO["rock"][::-1], 40, int(TWO["rock"][2]))
    for x, size in ((20, 34), (76, 38), (104, 24)):
        art.stamp(_crystal(TWO["crystal"], size, size // 2 + 8, int(TWO["near"][0])), x, 188, 128)
    phase = ((art.x[188:204] // 4 + art.y[188:204] * 3) % 8).astype(int)
    art.pixels[188:204] = np.concatenate([TWO["lake"], TWO["deep"][1:2].repeat(6)])[phase]
    near = wave(204, (4, 3, 1), (8, 2, 0))
    art.ridge(near, 256, TWO["near"][::-1], 40, int(TWO["rock"][1]))
    for x in (16, 60, 92):
        art.stamp(_far_mushroom(), x, 236 - x % 3 * 5, 128)
    return art.picture(TWO.palette)


def _far_mushroom() -> Picture:
    canvas = PixelCanvas(22, 18)
    canvas.limb(((9, 22), (9, 8)), (2.5, 2), (int(TWO["rock"][2]),))
    canvas.ball(9, 8, 8.6, 6.5, TWO["lamp"])
    canvas.pixels[10:14, :6] = canvas.pixels[10:14, 12:] = 0
    return canvas.pixels


def _mushroom(height: int, width: int) -> Picture:
    canvas = PixelCanvas(height, width)
    middle = width / 2
    canvas.limb(((middle, height), (middle, height * 0.4)), (width * 0.13, width * 0.1), ONE["lip"])
    cap = canvas.ball(middle, height * 0.42, width * 0.46, height * 0.36, ONE.join("plank", "glow"))
    canvas.pixels[(canvas.y > height * 0.5) & cap] = ONE["plank"][0]
    for dx, dy in ((-0.2, 0.3), (0.05, 0.18), (0.24, 0.34)):
        canvas.spot(middle + dx * width, dy * height, width * 0.06, int(ONE["glow"][0]))
    return canvas.outline(int(ONE["outline"][0]))


def _stalagmite() -> Picture:
    canvas = PixelCanvas(32, 16)
    canvas.limb(((8, 34), (7.5, 20), (8, 2)), (7, 4, 0.6), ONE["body"])
    for y in (12, 19, 26):
        canvas.limb(((5, y), (8, y + 1.5), (11, y)), (0.6, 0.6, 0.6), (int(ONE["body"][0]),))
    return canvas.outline(int(ONE["outline"][0]))


def _spider(step: int) -> Picture:
    canvas = PixelCanvas(24, 24)
    for i, x in enumerate((6, 10, 15, 19)):
        bend = 2 if (i + step) % 2 else -1
        out = -4 if x < 12 else 4
        canvas.limb(
            ((12, 15), (x + out * 0.4, 11 + bend), (x + out * 0.7, 22.6)), (1, 1, 0.9), (INK,)
        )
    canvas.ball(15, 13, 7.5, 7.5, THREE["hot"])
    canvas.poly(((15, 8), (19, 13), (15, 18), (11, 13)), int(THREE["bug"][0]))
    canvas.ball(6.5, 15, 5, 4.6, THREE["bug"])
    for x, y in ((4, 13.5), (8, 13)):
        canvas.spot(x, y, 1.9, WHITE)
        canvas.spot(x - 0.4, y + 0.3, 0.9, INK)
    canvas.poly(((3, 19), (4, 22), (5.5, 19)), WHITE)
    return canvas.outline(INK)


def _bat(step: int) -> Picture:
    canvas = PixelCanvas(24, 32)
    up = -8 if step else 7
    for side in (-1, 1):
        x = 16 + side * 15
        canvas.poly(
            ((16, 9), (16 + side * 8, 9 + up * 0.9), (x, 12 + up), (16 + side * 11, 14 + up * 0.5),
             (16 + side * 7, 15 + up * 0.6), (16, 17)), int(THREE["bug"][1]),
        )  # fmt: skip
        canvas.limb(
            ((16, 10), (16 + side * 8, 9 + up * 0.9), (x, 12 + up)), (1.2, 1, 0.7), THREE["bug"][:1]
        )
    for ear in (12.5, 19.5):
        canvas.poly(((ear - 2.5, 8), (ear, 1), (ear + 2.5, 8)), int(THREE["hot"][0]))
    canvas.ball(16, 12, 6, 6.4, THREE["hot"])
    for eye in (13.4, 17.8):
        canvas.spot(eye, 10.8, 1.9, WHITE)
        canvas.spot(eye - 0.5, 11, 0.9, INK)
    canvas.poly(((13, 15), (14, 18), (15, 15)), WHITE)
    canvas.poly(((16, 15), (17, 18), (18, 15)), WHITE)
    return canvas.outline(INK)


def _eye_stalk(firing: int) -> Picture:
    canvas = PixelCanvas(24, 24)
    for lean in (-6, 0, 6):
        canvas.limb(((13 + lean, 23), (13, 15)), (2.4, 2), THREE["bug"])
    canvas.ball(12, 10, 9, 8.6, THREE["hot"])
    canvas.ball(8.5, 10.5, 5.6, 5.6, (int(THREE["ice"][1]), WHITE, WHITE))
    canvas.spot(6.8, 10.8, 3.2 if firing else 2.2, int(THREE["flow"][1]))
    canvas.spot(6.4, 10.8, 1.5, INK)
    canvas.limb(((3, 4.6), (12, 4 if firing else 6)), (1.2, 1.4), THREE["hot"][:1])
    return canvas.outline(INK)


def _slime(jump: int) -> Picture:
    canvas = PixelCanvas(24, 24)
    rx, ry, y = (7.5, 9.5, 12) if jump else (10.5, 7.5, 16.5)
    body = canvas.ball(12, y, rx, ry, THREE["flow"][:3])
    canvas.pixels[(canvas.y > 23.2) & body] = 0
    canvas.spot(12 - rx * 0.45, y - ry * 0.5, 1.8, WHITE)
    for x in (8.0, 13.0):
        canvas.spot(x, y + 0.5, 2.2, WHITE)
        canvas.spot(x - 0.6, y + 0.8, 1.2, INK)
    canvas.limb(((6, y + 4.5), (10, y + 5.4), (15, y + 4.5)), (0.7, 0.7, 0.7), (INK,))
    return canvas.outline(INK)


def zone() -> ZoneArt:
    """Draw the zone."""
    frames = range(2)
    sprites = {
        "patroller": tuple(_spider(i) for i in frames),
        "flyer": tuple(_bat(i) for i in frames),
        "shooter": tuple(_eye_stalk(i) for i in frames),
        "hopper": tuple(_slime(i) for i in frames),
        "shot": tuple(shot(THREE["hot"], INK, i) for i in frames),
        "platform": (slab(THREE["bug"], THREE["hot"], INK),),
        "debris": tuple(debris(THREE["bug"], INK, i) for i in frames),
    }
    kit = ZoneDesign(
        name="Cavern",
        lines=(ONE, TWO, THREE),
        material=_material(),
        background=_background(),
        bands=((0, 36, 0), (148, 60, 0), (188, 76, 24), (200, 104, 0)),
        decor=(
            _crystal(ONE["lip"], 48, 32, int(ONE["outline"][0])),
            _mushroom(32, 32),
            _mushroom(16, 16),
            _mushroom(48, 48),
            _stalagmite(),
        ),
        sprites=sprites,
        water=(20, 60, 170),
        cells={},
        cycles=((2, TWO.first("lake"), 2, 30),),
        seams=18,
    )  # fmt: skip
    return assemble(kit)
