"""Where the console's video chip draws sprites: what moves, known without a game's variables.

A Mega Drive draws the scenery as planes, and player, enemies, items and shots as sprites. Their
table is in the state that the emulator saves. Each entry has four words: y + 128; size and the next
entry's number; priority, palette and tile; x + 128 (Sega's Genesis Software Manual).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

CELL = 8  # pixels a side
ROWS, COLUMNS = 28, 40  # cells of a screen of 224 x 320
CORE = b"GENPLUS-GX 1.7.5"  # what a state of the emulator's core begins with, and its version
# After that: the 68000's RAM, the Z80's with its two lines and its bank, the ports.
TABLE = len(CORE) + 0x10000 + 0x2000 + 1 + 4 + 0x10
ENTRIES = 80


def sprite_cells(state: bytes) -> NDArray[np.bool_] | None:
    """The cells of the screen that sprites touch, (28, 40); None: a state of another core.

    Sprites of priority are left out: games draw the score so, which does not move. A player who
    passes in front of all else is drawn so too, and then left out as well. What the table
    says may be a frame ahead of the picture.
    """
    if not state.startswith(CORE):
        return None
    cells = np.zeros((ROWS, COLUMNS), np.bool_)
    words = memoryview(state)[TABLE : TABLE + 8 * ENTRIES].cast("H")  # of this machine's order
    entry = 0
    for _ in range(ENTRIES):  # a list that runs in a circle is drawn once
        y, size, tile, x = words[4 * entry : 4 * entry + 4]
        if not tile & 0x8000:
            top, left = (y & 0x3FF) - 128, (x & 0x1FF) - 128
            bottom, right = top + CELL * (1 + (size >> 8 & 3)), left + CELL * (1 + (size >> 10 & 3))
            cells[
                max(0, top // CELL) : max(0, -(-bottom // CELL)),
                max(0, left // CELL) : max(0, -(-right // CELL)),
            ] = True
        entry = size & 0x7F
        if not 0 < entry < ENTRIES:
            break
    return cells
