"""Drawing in palette colours: ramps, noise, dither, and shaded shapes on small canvases.

Every picture of the game is computed from these; light comes from the upper left everywhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from game.format import Picture

Mask = npt.NDArray[np.bool_]
Field = npt.NDArray[np.float64]
Shades = npt.NDArray[np.int64]
Point = tuple[float, float]

LIGHT = (-0.52, -0.62, 0.59)
_BAYER = np.array([[0, 8, 2, 10], [12, 4, 14, 6], [3, 11, 1, 9], [15, 7, 13, 5]]) / 16 + 1 / 32


def rgb(code: str) -> tuple[int, int, int]:
    """Return the colour of three digits 0-7 (red, green, blue), the three bits of each channel."""
    red, green, blue = (round(int(digit) * 255 / 7) for digit in code)
    return red, green, blue


class Line:
    """A palette line whose colours form named ramps, from dark to light.

    `line["grass"]` returns the colours of a ramp as numbers: palette line * 16 + colour.
    """

    def __init__(self, number: int, backdrop: str = "000", **ramps: str) -> None:
        """Place the ramps one after the other behind colour 0, which is `backdrop`."""
        self.number = number
        self.palette = np.zeros((16, 3), np.uint8)
        self.palette[0] = rgb(backdrop)
        self._ramps: dict[str, Picture] = {}
        at = 1
        for name, codes in ramps.items():
            colours = codes.split()
            assert at + len(colours) <= 16, f"palette line {number} overflows at {name}"
            self.palette[at : at + len(colours)] = [rgb(code) for code in colours]
            numbers = np.arange(at, at + len(colours)) + 16 * number
            self._ramps[name] = numbers.astype(np.uint8)
            at += len(colours)

    def __getitem__(self, name: str) -> Picture:
        """Return the colour numbers of a ramp, from dark to light."""
        return self._ramps[name]

    def first(self, name: str) -> int:
        """Return the first colour 0-15 of a ramp in its line, for palette cycles."""
        return int(self._ramps[name][0]) % 16

    def join(self, *names: str) -> Picture:
        """Join several ramps."""
        return np.concatenate([self._ramps[name] for name in names])


def grid(height: int, width: int) -> tuple[Field, Field]:
    """Return the rows and the columns of the centres of all pixels."""
    y, x = np.indices((height, width)) + 0.5
    return np.asarray(y), np.asarray(x)


def noise(height: int, width: int, step: int, seed: int) -> Field:
    """Draw smooth noise 0-1 with `step` pixels between grid points, periodic in both directions."""
    rng = np.random.default_rng(seed)
    lattice = rng.random((height // step, width // step))
    y, x = np.mgrid[:height, :width] / step
    row, column = y.astype(int), x.astype(int)
    fy, fx = ((f * f * (3 - 2 * f)) for f in (y - row, x - column))
    rows, columns = lattice.shape

    def at(dy: int, dx: int) -> Field:
        return np.asarray(lattice[(row + dy) % rows, (column + dx) % columns])

    upper = at(0, 0) * (1 - fx) + at(0, 1) * fx
    lower = at(1, 0) * (1 - fx) + at(1, 1) * fx
    return np.asarray(upper * (1 - fy) + lower * fy)


def dither(value: Field, count: int, amount: float = 1.0) -> Shades:
    """Quantise a field 0-1 to shades 0 .. count-1 with an ordered 4x4 pattern."""
    height, width = value.shape
    pattern = np.tile(_BAYER, (height // 4 + 1, width // 4 + 1))[:height, :width] - 0.5
    scaled = value * count - 0.5 + pattern * amount
    return np.clip(np.rint(scaled), 0, count - 1).astype(int)


def stones(size: int, count: int, seed: int) -> tuple[Field, Field, Shades]:
    """Draw a periodic pattern of stones.

    Returns:
        For each pixel the distance to the joint, the shade -1..1, and the index of the stone.
    """
    rng = np.random.default_rng(seed)
    points = rng.random((count, 2)) * size
    for _ in range(6):  # push the points apart, so that the stones get similar sizes
        delta = (points[:, None] - points[None] + size / 2) % size - size / 2
        distance = np.hypot(delta[..., 0], delta[..., 1]) + np.eye(count) * size
        points += (delta / distance[..., None] ** 3).sum(1) * size * 0.6
        points %= size
    y, x = grid(size, size)
    delta_y, delta_x = (
        (axis[..., None] - points[:, i] + size / 2) % size - size / 2
        for i, axis in ((0, y), (1, x))
    )
    distance = np.hypot(delta_y, delta_x)
    order = np.argsort(distance, axis=-1)
    near = np.take_along_axis(distance, order, -1)
    which = order[..., 0]
    shade = -(
        np.take_along_axis(delta_x, order[..., :1], -1)
        + np.take_along_axis(delta_y, order[..., :1], -1)
    )[..., 0]
    return near[..., 1] - near[..., 0], shade / (near[..., 0].max() + 1), which


def shift(mask: Mask, dy: int, dx: int) -> Mask:
    """Move a mask; pixels that leave the picture are lost."""
    out = np.zeros_like(mask)
    height, width = mask.shape
    out[max(0, dy) : height + min(0, dy), max(0, dx) : width + min(0, dx)] = mask[
        max(0, -dy) : height + min(0, -dy), max(0, -dx) : width + min(0, -dx)
    ]
    return out


def grown(mask: Mask) -> Mask:
    """Add the four neighbours of each pixel to a mask."""
    return mask | shift(mask, 1, 0) | shift(mask, -1, 0) | shift(mask, 0, 1) | shift(mask, 0, -1)


class PixelCanvas:
    """A small picture for shaded shapes, which may all be turned about a point."""

    def __init__(
        self, height: int, width: int, turn: float = 0.0, about: Point = (20.0, 20.0)
    ) -> None:
        """Create an empty picture; all shapes are turned by `turn` degrees counter-clockwise."""
        self.pixels = np.zeros((height, width), np.uint8)
        y, x = grid(height, width)
        self.turn = np.deg2rad(turn)
        cos, sin = np.cos(self.turn), np.sin(self.turn)
        dx, dy = x - about[0], y - about[1]
        self.x = about[0] + dx * cos - dy * sin
        self.y = about[1] + dx * sin + dy * cos

    def ellipse(self, x: float, y: float, rx: float, ry: float, tilt: float = 0.0) -> Mask:
        """Return the mask of an ellipse, tilted counter-clockwise by degrees."""
        u, v = self._local(x, y, tilt)
        return (u / rx) ** 2 + (v / ry) ** 2 <= 1

    def _local(self, x: float, y: float, tilt: float) -> tuple[Field, Field]:
        cos, sin = np.cos(np.deg2rad(tilt)), np.sin(np.deg2rad(tilt))
        dx, dy = self.x - x, self.y - y
        return dx * cos - dy * sin, dx * sin + dy * cos

    def polygon(self, points: Sequence[Point]) -> Mask:
        """Return the mask of a polygon with (x, y) corners."""
        inside = np.zeros(self.pixels.shape, bool)
        for (x0, y0), (x1, y1) in zip(points, [*points[1:], points[0]], strict=True):
            if y0 == y1:
                continue
            crosses = (self.y < y0) != (self.y < y1)
            inside ^= crosses & (self.x < (x1 - x0) * (self.y - y0) / (y1 - y0) + x0)
        return inside

    def light(self, dx: Field, dy: Field) -> Field:
        """Return the brightness 0-1 of a round surface with the normal (dx, dy), at most 1 long."""
        cos, sin = np.cos(self.turn), np.sin(self.turn)
        nx, ny = dx * cos + dy * sin, -dx * sin + dy * cos
        nz = np.sqrt(np.clip(1 - nx**2 - ny**2, 0, 1))
        bright = nx * LIGHT[0] + ny * LIGHT[1] + nz * LIGHT[2]
        return np.asarray(np.clip(0.5 + 0.5 * bright, 0, 1))

    def paint(self, mask: Mask, ramp: Sequence[int] | Picture, value: Field | float = 1.0) -> None:
        """Fill a mask with colours of a ramp, by brightness 0-1."""
        numbers = np.asarray(ramp, np.uint8)
        level = np.clip(np.asarray(value) * len(numbers), 0, len(numbers) - 1).astype(int)
        self.pixels[mask] = np.broadcast_to(numbers[level], self.pixels.shape)[mask]

    def ball(
        self,
        x: float,
        y: float,
        rx: float,
        ry: float,
        ramp: Sequence[int] | Picture,
        tilt: float = 0,
    ) -> Mask:
        """Draw a shaded ellipse; return its mask."""
        mask = self.ellipse(x, y, rx, ry, tilt)
        self.paint(mask, ramp, self.light((self.x - x) / rx, (self.y - y) / ry) * 1.15 - 0.1)
        return mask

    def limb(
        self, points: Sequence[Point], widths: Sequence[float], ramp: Sequence[int] | Picture
    ) -> tuple[Mask, Field, Field]:
        """Draw a tapered, shaded tube through points.

        Returns:
            The mask, the distance along the tube and the signed offset from its axis, in pixels.
        """
        best = np.full(self.pixels.shape, np.inf)
        along, across = np.zeros_like(best), np.zeros_like(best)
        lean_x, lean_y = np.zeros_like(best), np.zeros_like(best)
        start = 0.0
        for (x0, y0), (x1, y1), r0, r1 in zip(points, points[1:], widths, widths[1:], strict=False):
            length = max(1e-6, float(np.hypot(x1 - x0, y1 - y0)))
            ux, uy = (x1 - x0) / length, (y1 - y0) / length
            t = np.clip((self.x - x0) * ux + (self.y - y0) * uy, 0, length)
            dx, dy = self.x - x0 - ux * t, self.y - y0 - uy * t
            radius = r0 + (r1 - r0) * t / length
            depth = np.hypot(dx, dy) / radius
            nearer = depth < best
            best = np.where(nearer, depth, best)
            along = np.where(nearer, start + t, along)
            across = np.where(nearer, (ux * dy - uy * dx), across)
            lean_x, lean_y = (
                np.where(nearer, d / radius, lean) for d, lean in ((dx, lean_x), (dy, lean_y))
            )
            start += length
        mask = best <= 1
        self.paint(mask, ramp, self.light(lean_x, lean_y) * 1.15 - 0.1)
        return mask, along, across

    def poly(self, points: Sequence[Point], colour: int) -> Mask:
        """Draw a polygon in one colour; return its mask."""
        mask = self.polygon(points)
        self.pixels[mask] = colour
        return mask

    def dot(self, x: int, y: int, colour: int, height: int = 1, width: int = 1) -> None:
        """Draw a rectangle with its upper left corner at (x, y); it is not turned."""
        self.pixels[y : y + height, x : x + width] = colour

    def spot(self, x: float, y: float, radius: float, colour: int) -> None:
        """Draw a disc in one colour."""
        self.pixels[self.ellipse(x, y, radius, radius)] = colour

    def edge(self, mask: Mask, colour: int) -> None:
        """Draw the inner outline of a mask."""
        inner = mask & shift(mask, 1, 0) & shift(mask, -1, 0)
        inner &= shift(mask, 0, 1) & shift(mask, 0, -1)
        self.pixels[mask & ~inner] = colour

    def outline(self, colour: int) -> Picture:
        """Surround the drawing with a dark line; return the picture."""
        opaque = self.pixels % 16 != 0
        self.pixels[grown(opaque) & ~opaque] = colour
        return self.pixels


def text_picture(rows: Iterable[str], colours: dict[str, int]) -> Picture:
    """Draw a picture from characters; unknown characters are transparent."""
    return np.array([[colours.get(c, 0) for c in row] for row in rows], np.uint8)


def tint(palettes: Picture, towards: tuple[int, int, int], share: float) -> Picture:
    """Mix all colours with one (of water), with three bits per channel."""
    mixed = palettes.astype(float) * (1 - share) + np.array(towards) * share
    steps = np.rint(mixed * 7 / 255)
    return np.rint(steps * 255 / 7).astype(np.uint8)
