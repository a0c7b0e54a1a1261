"""The letters and digits of the HUD and the title: bold, white or gold, with a dark shadow."""

from __future__ import annotations

import numpy as np

from game.art.shared.palette import GOLD, INK, PALE, WHITE
from game.format import Picture

# Seven rows of five bits each.
_GLYPHS = {
    "0": "0E 11 13 15 19 11 0E", "1": "04 0C 04 04 04 04 0E", "2": "0E 11 01 06 08 10 1F",
    "3": "1F 02 04 02 01 11 0E", "4": "02 06 0A 12 1F 02 02", "5": "1F 10 1E 01 01 11 0E",
    "6": "06 08 10 1E 11 11 0E", "7": "1F 01 02 04 08 08 08", "8": "0E 11 11 0E 11 11 0E",
    "9": "0E 11 11 0F 01 02 0C", ":": "00 04 04 00 04 04 00", "A": "0E 11 11 1F 11 11 11",
    "B": "1E 11 11 1E 11 11 1E", "C": "0E 11 10 10 10 11 0E", "D": "1E 11 11 11 11 11 1E",
    "E": "1F 10 10 1E 10 10 1F", "F": "1F 10 10 1E 10 10 10", "G": "0E 11 10 17 11 11 0F",
    "H": "11 11 11 1F 11 11 11", "I": "0E 04 04 04 04 04 0E", "J": "07 02 02 02 02 12 0C",
    "K": "11 12 14 18 14 12 11", "L": "10 10 10 10 10 10 1F", "M": "11 1B 15 15 11 11 11",
    "N": "11 19 19 15 13 13 11", "O": "0E 11 11 11 11 11 0E", "P": "1E 11 11 1E 10 10 10",
    "Q": "0E 11 11 11 15 12 0D", "R": "1E 11 11 1E 14 12 11", "S": "0F 10 10 0E 01 01 1E",
    "T": "1F 04 04 04 04 04 04", "U": "11 11 11 11 11 11 0E", "V": "11 11 11 11 0A 0A 04",
    "W": "11 11 11 15 15 1B 11", "X": "11 11 0A 04 0A 11 11", "Y": "11 11 0A 04 04 04 04",
    "Z": "1F 01 02 04 08 10 1F", "-": "00 00 00 0E 00 00 00", "!": "04 04 04 04 04 00 04",
    ".": "00 00 00 00 00 0C 0C",
}  # fmt: skip


def _glyph(rows: str, upper: int, lower: int) -> Picture:
    bits = np.array([[int(row, 16) >> (4 - i) & 1 for i in range(5)] for row in rows.split()], bool)
    bold = np.zeros((8, 8), bool)
    bold[:7, 1:6] |= bits
    bold[:7, 2:7] |= bits
    shadow = np.zeros_like(bold)
    shadow[1:, 1:] = bold[:-1, :-1]
    shadow[1:] |= bold[:-1]
    shadow[:, 1:] |= bold[:, :-1]
    picture = np.where(shadow, INK, 0).astype(np.uint8)
    picture[:4][bold[:4]] = upper
    picture[4:][bold[4:]] = lower
    return picture


def font() -> dict[str, Picture]:
    """Draw the font: character -> (8, 8) picture; digits are white, all others gold."""
    colours = {True: (WHITE, WHITE), False: (PALE, GOLD)}
    return {c: _glyph(rows, *colours[c.isdigit() or c == ":"]) for c, rows in _GLYPHS.items()}
