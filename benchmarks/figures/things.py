"""Finds rings and enemies on a screen, by template matching with the game's art.

The game has no variables with their positions, so they are found by their pixels.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from game import art
from game.format import ZONES, Picture, SharedArt, ZoneArt

RING = "ring"
ELSEWHERE = "elsewhere"  # outside of all things
ENEMIES = ("patroller", "flyer", "shooter", "hopper")
# Largest root mean square difference of a thing's pixels, of 255. The same thing differs by 14,
# because the emulator's colours are a little darker than the art's; others differ by 40 or more.
MATCH = 28.0
GREEN = 1  # the channel that is searched; the other channels confirm a match
LINE = 16  # colours of a palette line; the first of each is transparent


@dataclass(frozen=True)
class Thing:
    """A thing on the native screen: its kind and its box in pixels."""

    kind: str  # "ring" or "enemy"
    left: int
    top: int
    width: int
    height: int


@dataclass(frozen=True)
class _Template:
    kind: str
    colours: NDArray[np.uint8]  # (h, w, 3)
    mask: NDArray[np.uint8]  # (h, w, 3), 1 where it is not transparent


class Finder:
    """Finds things on screens of the game's zones."""

    def __init__(self) -> None:
        """Compute the game's art, which takes one or two seconds."""
        shared, zones = art.draw_shared(), art.draw_zones()
        rings = [_template("ring", picture, _palette(shared, None)) for picture in _rings(shared)]
        self._templates = {
            name: rings + _enemies(shared, zone) for name, zone in zip(ZONES, zones, strict=True)
        }

    def find(self, frame: NDArray[np.uint8], state: str) -> list[Thing]:
        """Return the things that are completely on a screen, uint8 (224, 320, 3) RGB.

        Args:
            frame: screen of the game.
            state: name of the level, such as "MeadowZone.Act3"; no thing is found for other games.
        """
        zone = state.partition("Zone")[0]
        found: list[Thing] = []
        for template in self._templates.get(zone, []):
            for left, top in _matches(frame, template):
                height, width = template.colours.shape[:2]
                thing = Thing(template.kind, left, top, width, height)
                if not any(_same(thing, other) for other in found):
                    found.append(thing)
        return found


def _matches(frame: NDArray[np.uint8], template: _Template) -> list[tuple[int, int]]:
    """Return left and top of each match of a template."""
    green = [np.ascontiguousarray(a[:, :, GREEN]) for a in (frame, template.colours, template.mask)]
    squares = cv2.matchTemplate(green[0], green[1], cv2.TM_SQDIFF, mask=green[2])
    matches = np.argwhere(squares <= (1.5 * MATCH) ** 2 * int(green[2].sum()))
    return [(int(x), int(y)) for y, x in matches if _difference(frame, template, x, y) <= MATCH]


def _difference(frame: NDArray[np.uint8], template: _Template, left: int, top: int) -> float:
    height, width = template.colours.shape[:2]
    there = frame[top : top + height, left : left + width].astype(np.float64)
    squares = np.square(there - template.colours)[template.mask > 0]
    return math.sqrt(squares.mean())


def _same(thing: Thing, other: Thing) -> bool:
    """Return whether two matches are one thing: frames of an animation match nearby."""
    return (
        thing.kind == other.kind
        and abs(thing.left - other.left) < 8
        and abs(thing.top - other.top) < 8
    )


def _rings(shared: SharedArt) -> Sequence[Picture]:
    return shared.sprites[RING]


def _enemies(shared: SharedArt, zone: ZoneArt) -> list[_Template]:
    palette = _palette(shared, zone)
    pictures = [picture for name in ENEMIES for picture in zone.sprites[name]]
    flipped = [np.ascontiguousarray(picture[:, ::-1]) for picture in pictures]
    return [_template("enemy", picture, palette) for picture in (*pictures, *flipped)]


def _palette(shared: SharedArt, zone: ZoneArt | None) -> NDArray[np.uint8]:
    """Return all 64 colours, uint8 (64, 3); without a zone only those of the shared line."""
    colours = np.zeros((4 * LINE, 3), np.uint8)
    colours[:LINE] = shared.palette
    if zone is not None:
        colours[LINE:] = zone.palettes.reshape(-1, 3)
    return colours


def _template(kind: str, picture: Picture, palette: NDArray[np.uint8]) -> _Template:
    mask = (picture % LINE > 0).astype(np.uint8)
    return _Template(kind, palette[picture], np.repeat(mask[:, :, None], 3, 2))
