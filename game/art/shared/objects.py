"""The objects that all zones share: rings, springs, the end post, bubbles, puffs."""

from __future__ import annotations

import numpy as np

from game.art.drawing import PixelCanvas
from game.art.shared.palette import (
    GOLD,
    INK,
    IRON,
    ORANGE,
    PALE,
    RED,
    RUST,
    STEEL,
    TEAL,
    TEAL_DARK,
    WHITE,
)
from game.art.shared.player import face
from game.format import Picture

METAL = (IRON, STEEL, WHITE)


def _ring(width: float) -> Picture:
    """Draw a turning gold ring, (16, 16); `width` is half its visible width in pixels."""
    canvas = PixelCanvas(16, 16)
    outer = canvas.ellipse(8, 8, width, 7.6)
    inner = canvas.ellipse(8, 8, width - 4, 3.7) if width > 4.5 else np.zeros_like(outer)
    band = outer & ~inner
    slope = (8 - canvas.x) / 14 + (8 - canvas.y) / 14 + 0.5
    canvas.paint(band, (ORANGE, GOLD, GOLD, GOLD, PALE), slope)
    canvas.edge(outer, RUST)
    if width > 4.5:
        canvas.pixels[canvas.ellipse(8, 8, width - 3.2, 4.4) & ~inner] = ORANGE
    if width > 6:
        canvas.spot(4.6, 4.4, 1.0, WHITE)
    return canvas.pixels


def _sparkle(size: float) -> Picture:
    canvas = PixelCanvas(16, 16)
    dx, dy = abs(canvas.x - 8), abs(canvas.y - 8)
    canvas.pixels[np.sqrt(dx) + np.sqrt(dy) < np.sqrt(size)] = GOLD
    canvas.pixels[np.sqrt(dx) + np.sqrt(dy) < np.sqrt(size) * 0.8] = PALE
    canvas.pixels[np.sqrt(dx) + np.sqrt(dy) < np.sqrt(size) * 0.5] = WHITE
    for x, y in ((3, 3), (12, 4), (4, 12), (12, 12)):
        canvas.dot(x, y, PALE)
    return canvas.pixels


def _spring(sprung: bool) -> Picture:
    """Draw a spring, (16, 32): a yellow cushion on a coil and a steel base."""
    canvas = PixelCanvas(16, 32)
    top = 0 if sprung else 6
    for y in range(top + 5, 13):
        turn = (y - top) % 3
        canvas.dot(8 + turn, y, STEEL if turn != 1 else WHITE, width=15 - turn)
        canvas.dot(8 + turn * 4, y, IRON, width=3)
        canvas.dot(7, y, INK)
        canvas.dot(24, y, INK)
    canvas.dot(3, 12, INK, 4, 26)
    canvas.dot(4, 13, STEEL, 2, 24)
    canvas.dot(5, 13, WHITE, 1, 18)
    canvas.dot(2, top, INK, 6, 28)
    canvas.dot(1, top + 1, INK, 4, 30)
    canvas.dot(2, top + 1, GOLD, 4, 28)
    canvas.dot(3, top + 1, PALE, 1, 22)
    canvas.dot(3, top + 4, ORANGE, 1, 26)
    for x in range(5, 27, 6):
        canvas.dot(x, top + 2, RED, 2, 3)
    return canvas.pixels


def _diagonal(sprung: bool) -> Picture:
    """Draw a diagonal spring on a wedge, (32, 32), which pushes up and right."""
    canvas = PixelCanvas(32, 32)
    push = 6.0 if sprung else 0.0
    mask = canvas.poly(((2, 32), (2, 15), (18, 32)), STEEL)
    canvas.edge(mask, INK)
    canvas.poly(((4, 30), (4, 21), (12, 30)), IRON)
    centre = (15.5 + push, 16.5 - push)
    canvas.limb(((9, 23), centre), (4.5, 4.5), (IRON, STEEL, STEEL, WHITE))
    for step in np.arange(0, 6 + push, 3.0):
        x, y = 10.5 + step * 0.7, 21.5 - step * 0.7
        canvas.limb(((x - 3.5, y - 3.5), (x + 3.5, y + 3.5)), (0.7, 0.7), (IRON,))
    x, y = centre
    canvas.limb(((x - 8, y - 8), (x + 8, y + 8)), (3.4, 3.4), (INK,))
    canvas.limb(((x - 8, y - 8), (x + 8, y + 8)), (2.5, 2.5), (ORANGE, GOLD, GOLD, PALE))
    for step in (-6, -2, 2, 6):
        canvas.spot(x + step, y + step, 1.1, RED)
    return canvas.outline(INK)


def _post(view: int) -> Picture:
    """Draw the sign of the end post, (32, 32): chequered, from the side or with a head."""
    canvas = PixelCanvas(32, 32)
    canvas.dot(14, 24, INK, 8, 4)
    canvas.dot(15, 24, STEEL, 8, 2)
    if view == 1:
        canvas.dot(13, 1, INK, 25, 6)
        canvas.dot(14, 2, GOLD, 23, 2)
        canvas.dot(16, 2, ORANGE, 23, 2)
        return canvas.pixels
    canvas.dot(1, 1, INK, 25, 30)
    canvas.dot(2, 2, GOLD, 23, 28)
    canvas.dot(2, 2, PALE, 1, 28)
    canvas.dot(2, 24, ORANGE, 1, 28)
    if view == 0:
        for y in range(4):
            for x in range(6):
                canvas.dot(4 + 4 * x, 4 + 5 * y, WHITE if (x + y) % 2 else RED, 5, 4)
        return canvas.pixels
    canvas.dot(4, 4, TEAL, 19, 24)
    canvas.dot(4, 17, TEAL_DARK, 6, 24)
    head = face()
    canvas.pixels[6:22, 8:24][head > 0] = head[head > 0]
    return canvas.pixels


def _pole() -> Picture:
    canvas = PixelCanvas(16, 8)
    canvas.dot(2, 0, INK, 16, 4)
    canvas.dot(3, 0, STEEL, 15, 1)
    canvas.dot(4, 0, IRON, 15, 1)
    canvas.dot(0, 13, INK, 3, 8)
    canvas.dot(1, 14, STEEL, 1, 6)
    return canvas.pixels


def _bubble(size: int, radius: float) -> Picture:
    canvas = PixelCanvas(size, size)
    middle = size / 2
    rim = canvas.ellipse(middle, middle, radius, radius)
    inner = canvas.ellipse(middle, middle, radius - 1.2, radius - 1.2)
    canvas.pixels[rim & ~inner] = STEEL
    shine = canvas.ellipse(middle - radius * 0.35, middle - radius * 0.4, radius / 3, radius / 4)
    canvas.pixels[shine] = WHITE
    glow = inner & ~canvas.ellipse(middle - 1, middle - 1, radius - 1.4, radius - 1.4)
    canvas.pixels[glow] = TEAL
    return canvas.pixels


def _vent() -> Picture:
    canvas = PixelCanvas(16, 16)
    canvas.ball(8, 15, 7.5, 6, METAL)
    canvas.ball(8, 10.5, 3.6, 1.8, (INK,))
    for x, y, r in ((8, 7, 1.5), (5, 4, 1.2), (10, 2.5, 1.2)):
        canvas.spot(x, y, r, WHITE)
    return canvas.outline(INK)


def _puff(stage: int) -> Picture:
    canvas = PixelCanvas(24, 24)
    radius = (5.0, 4.6, 2.2)[stage]
    for i in range(7):
        angle = i * 2 * np.pi / 7 + stage
        reach = (2.0, 6.0, 9.0)[stage]
        canvas.ball(
            12 + reach * np.cos(angle), 12 + reach * np.sin(angle), radius, radius,
            (ORANGE, GOLD, PALE, WHITE) if stage == 0 else (STEEL, WHITE, WHITE),
        )  # fmt: skip
    if stage == 0:
        canvas.spot(12, 12, 4, WHITE)
    return canvas.pixels


def _dust(stage: int) -> Picture:
    canvas = PixelCanvas(16, 16)
    for x, y, r in ((5, 11, 3.0), (10, 12, 2.4), (8, 8, 2.0)):
        spread = 1 + 0.25 * stage
        canvas.ball(
            8 + (x - 8) * spread, y - 2 * stage, r - stage * 0.8, r - stage * 0.8, (STEEL, WHITE)
        )
    return canvas.pixels


def sprites() -> dict[str, tuple[Picture, ...]]:
    """Draw all objects: name -> frames, as `format.SHARED_SPRITES` lists them."""
    up = (_spring(False), _spring(True))
    side = tuple(np.ascontiguousarray(np.rot90(p, -1)) for p in up)
    return {
        "ring": tuple(_ring(w) for w in (7.6, 5.6, 2.4, 5.2)),
        "sparkle": (_sparkle(5.5), _sparkle(9.0)),
        "spring_up": up,
        "spring_side": side,
        "spring_diag": (_diagonal(False), _diagonal(True)),
        "post": tuple(_post(view) for view in range(3)),
        "pole": (_pole(),),
        "bubble": (_bubble(8, 3.2),),
        "air": (_bubble(32, 14.5),),
        "vent": (_vent(),),
        "puff": tuple(_puff(stage) for stage in range(3)),
        "dust": tuple(_dust(stage) for stage in range(2)),
        "life": (face(),),
    }
