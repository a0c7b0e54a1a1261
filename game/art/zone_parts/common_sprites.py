"""Sprites that the zones draw in their own colours: shots, debris, platforms."""

from __future__ import annotations

from game.art.drawing import PixelCanvas
from game.format import Picture


def shot(ramp: Picture, ink: int, frame: int) -> Picture:
    """Draw a glowing ball, (8, 8)."""
    canvas = PixelCanvas(8, 8)
    canvas.ball(4, 4, 3.6, 3.6, ramp)
    canvas.edge(canvas.pixels > 0, ink)
    canvas.spot(3.2 + frame, 3.2, 1.2, int(ramp[-1]))
    return canvas.pixels


def debris(ramp: Picture, ink: int, frame: int) -> Picture:
    """Draw a turning piece of a broken wall, (8, 8)."""
    corners = ((1, 2), (6, 1), (7, 6), (2, 7)) if frame else ((0, 4), (4, 0), (8, 4), (4, 8))
    canvas = PixelCanvas(8, 8)
    mask = canvas.poly(corners, int(ramp[1]))
    canvas.pixels[mask & (canvas.x + canvas.y < 7)] = ramp[-1]
    canvas.edge(mask, ink)
    return canvas.pixels


def slab(ramp: Picture, lamp: Picture, ink: int) -> Picture:
    """Draw a floating platform, (16, 48): a bevelled plate with lamps on a keel."""
    canvas = PixelCanvas(16, 48)
    canvas.poly(((4, 6), (44, 6), (36, 15), (12, 15)), int(ramp[0]))
    canvas.poly(((6, 6), (30, 6), (24, 13), (13, 13)), int(ramp[1]))
    canvas.edge(canvas.pixels > 0, ink)
    canvas.dot(0, 0, ink, 8, 48)
    canvas.dot(1, 1, int(ramp[1]), 6, 46)
    canvas.dot(1, 1, int(ramp[-1]), 2, 46)
    canvas.dot(1, 6, int(ramp[0]), 1, 46)
    for x in range(5, 45, 9):
        canvas.dot(x, 3, ink, 3, 4)
        canvas.dot(x + 1, 3, int(lamp[-1]), 2, 2)
    return canvas.pixels
