"""Draws the background of a zone, 512x256 pixels: skies, ridges, clouds; limits its tiles."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from game.art.drawing import Mask, dither, grid
from game.format import Picture

HEIGHT, WIDTH = 256, 512
Curve = npt.NDArray[np.float64]


def wave(base: float, *parts: tuple[int, float, float]) -> Curve:
    """Return a height for each column: base + sines of (periods, amplitude, phase)."""
    x = np.arange(WIDTH) * 2 * np.pi / WIDTH
    return base + sum((a * np.sin(n * x + p) for n, a, p in parts), np.zeros(WIDTH))


def zigzag(points: Sequence[tuple[float, float]], period: int) -> Curve:
    """Return a height for each column: lines through (x, y) corners, repeated with a period."""
    x, y = np.array(points, float).T
    once = np.interp(np.arange(period), x, y, period=period)
    return np.tile(once, WIDTH // period)


class Background:
    """A background during drawing, with layers from far to near."""

    def __init__(self) -> None:
        self.pixels = np.zeros((HEIGHT, WIDTH), np.uint8)
        self.y, self.x = grid(HEIGHT, WIDTH)

    def sky(self, first: int, last: int, ramp: Picture, amount: float = 1.0) -> None:
        """Draw a dithered vertical gradient over the rows first .. last-1."""
        value = (self.y[first:last] - first) / (last - first)
        self.pixels[first:last] = ramp[dither(value, len(ramp), amount)]

    def below(self, top: Curve, last: int = HEIGHT) -> Mask:
        """Return the mask of the pixels below a curve and above row `last`."""
        return (self.y > top[None, :]) & (self.y < last)

    def ridge(
        self, top: Curve, last: int, ramp: Picture, deep: float = 40.0, rim: int | None = None
    ) -> Mask:
        """Draw hills with a gradient over `deep` pixels from their top, and a lit rim."""
        mask = self.below(top, last)
        depth = (self.y - top[None, :]) / deep
        self.pixels[mask] = ramp[dither(np.clip(depth, 0, 1), len(ramp))][mask]
        if rim is not None:
            self.pixels[mask & (self.y - top[None, :] <= 2)] = rim
        return mask

    def peaks(
        self,
        top: Curve,
        last: int,
        lit: Picture,
        dark: Picture,
        snow: tuple[int, int] | None = None,
        deep: float = 60.0,
        snow_line: float = 14.0,
    ) -> None:
        """Draw mountains with lit left faces, shaded right faces and snow on the tops."""
        mask = self.below(top, last)
        depth = self.y - top[None, :]
        jag = np.rint(2.5 * np.sin(depth * 0.5) + 2 * np.sin(depth * 0.21 + 1))
        falling = np.roll(top, -2) > np.roll(top, 2)
        behind_peak, to_valley, valley = np.zeros(WIDTH), np.zeros(WIDTH), top.copy()
        for step in range(2 * WIDTH):  # twice around, because the picture wraps
            here, back = step % WIDTH, -step % WIDTH
            behind_peak[here] = behind_peak[here - 1] + 1 if falling[here] else 0
            if falling[back]:
                after = (back + 1) % WIDTH
                to_valley[back], valley[back] = to_valley[after] + 1, valley[after]
        # The next mountain covers the shaded face of this one.
        covered = to_valley[None, :] < (self.y - valley[None, :]) * 0.8 + jag
        left_face = (behind_peak[None, :] <= jag + depth * 0.1) | covered
        level = np.clip(depth / deep, 0, 1)
        self.pixels[mask] = np.where(
            left_face, lit[dither(level, len(lit))], dark[dither(level, len(dark))]
        )[mask]
        if snow is not None:
            height = top.max() - top
            line = height[None, :] * 0.3 - (depth + 2.5 * np.sin(self.x * np.pi / 4))
            cap = mask & (line > -2) & (height[None, :] > snow_line)
            self.pixels[cap] = np.where(left_face, snow[0], snow[1])[cap]

    def cloud(self, x: float, y: float, width: float, ramp: Picture, seed: int = 0) -> None:
        """Draw a cloud of balls with a flat base; it wraps at the ends of the picture."""
        rng = np.random.default_rng(seed)
        bright = np.full(self.pixels.shape, -1.0)
        for i in range(6):
            part = (i + 0.5) / 6 - 0.5
            radius = width * (0.24 - 0.3 * part**2) * rng.uniform(0.8, 1.15)
            middle = x + part * width * 0.8
            dx = (self.x - middle + WIDTH / 2) % WIDTH - WIDTH / 2
            dy = (self.y - (y - radius * 0.35)) * 1.25
            inside = (np.hypot(dx, dy) < radius) & (self.y < y)
            bright = np.where(
                inside, np.maximum(bright, 0.75 - dy / radius * 0.4 - dx / radius * 0.2), bright
            )
        mask = bright > -1
        level = dither(np.clip(bright, 0, 1), len(ramp), 0.5)
        self.pixels[mask] = ramp[level][mask]

    def disc(self, x: float, y: float, radius: float, ramp: Picture) -> None:
        """Draw a sun or a moon, lit from the upper left."""
        distance = np.hypot(self.x - x, self.y - y)
        value = 0.6 - (self.x - x + self.y - y) / radius / 4
        mask = distance < radius
        self.pixels[mask] = ramp[dither(np.clip(value, 0, 1), len(ramp), 0.6)][mask]

    def stars(self, last: int, colours: Picture, count: int, seed: int, period: int = 128) -> None:
        """Draw single bright pixels in the rows 0 .. last-1, repeated with a period."""
        rng = np.random.default_rng(seed)
        for _ in range(count):
            x, y = int(rng.integers(period)), int(rng.integers(last))
            self.pixels[y, x::period] = rng.choice(colours)

    def stamp(self, picture: Picture, x: int, y: int, period: int = WIDTH) -> None:
        """Draw a picture with its lower left corner at (x, y), repeated with a period."""
        height, width = picture.shape
        rows = np.arange(y - height, y)
        for start in range(x, x + WIDTH, period):
            columns = np.arange(start, start + width) % WIDTH
            area = np.ix_(rows, columns)
            self.pixels[area] = np.where(picture > 0, picture, self.pixels[area])

    def picture(self, palette: Picture, limit: int = 380) -> Picture:
        """Return the finished picture with at most `limit` different tiles."""
        return fit_tiles(self.pixels, palette, limit)


def _tiles(picture: Picture) -> npt.NDArray[np.uint8]:
    height, width = picture.shape
    blocks = picture.reshape(height // 8, 8, width // 8, 8).swapaxes(1, 2)
    return np.ascontiguousarray(blocks.reshape(-1, 8, 8))


def _canonical(tile: Picture) -> tuple[bytes, bool, bool]:
    """Return the smallest of a tile's four mirrored forms, and the flips that lead to it."""
    forms = [(tile[:: -1 if v else 1, :: -1 if h else 1].tobytes(), v, h)
             for v in (False, True) for h in (False, True)]  # fmt: skip
    return min(forms)


def count_tiles(picture: Picture) -> int:
    """Count the tiles that a picture needs in video memory; mirrored tiles count once."""
    found = {_canonical(tile % 16)[0] for tile in _tiles(picture)}
    return len(found - {bytes(64)})


def fit_tiles(picture: Picture, palette: Picture, limit: int) -> Picture:
    """Replace the least noticeable tiles by similar ones until `limit` tiles are left.

    Args:
        picture: (H, W) colour numbers of one palette line.
        palette: (16, 3) RGB of that line.
        limit: the largest number of different tiles.
    """
    forms = [_canonical(tile) for tile in _tiles(picture)]
    names = sorted({form[0] for form in forms})
    if len(names) <= limit:
        return picture
    index = {name: i for i, name in enumerate(names)}
    uses = np.bincount([index[form[0]] for form in forms], minlength=len(names)).astype(float)
    pixels = np.stack([np.frombuffer(name, np.uint8) for name in names])
    seen = palette[pixels % 16].astype(float).reshape(len(names), 8, 8, 3)
    seen = (
        seen + (seen.reshape(-1, 4, 2, 4, 2, 3).mean((2, 4)).repeat(2, 1).repeat(2, 2))
    ).reshape(len(names), -1)
    squares = (seen**2).sum(1)
    apart = squares[:, None] + squares[None, :] - 2 * seen @ seen.T
    np.fill_diagonal(apart, np.inf)
    heir = np.arange(len(names))
    for _ in range(len(names) - limit):
        cost = apart.min(1) * uses
        loser = int(np.argmin(cost))
        winner = int(np.argmin(apart[loser]))
        heir[heir == loser] = winner
        uses[winner] += uses[loser]
        uses[loser] = np.inf
        apart[:, loser] = np.inf
        apart[loser, :] = np.inf
    out = []
    for name, flip_v, flip_h in forms:
        tile = pixels[heir[index[name]]].reshape(8, 8)
        out.append(tile[:: -1 if flip_v else 1, :: -1 if flip_h else 1])
    height, width = picture.shape
    blocks = np.stack(out).reshape(height // 8, width // 8, 8, 8).swapaxes(1, 2)
    return np.ascontiguousarray(blocks.reshape(height, width))
