"""Short levels that a search with save states finishes in seconds."""

from __future__ import annotations

from pathlib import Path

from arena.environment.levels import Level, select
from game.cartridge.integration import write_level_list
from game.format import Cell
from tests.helpers.game_world import FLOOR, flat, level, write_game

WALL_COLUMN = 26


def write_search_levels(folder: Path) -> list[Level]:
    """Write a game with two levels into a folder: "Wall" and "Open", 40 columns long.

    The wall is three cells high, so that the player must jump.
    """
    cells = flat(52)
    row = FLOOR // 16
    cells[row - 3 : row, WALL_COLUMN] = Cell.SOLID
    game = write_game(folder, {"Wall": level(cells), "Open": level(flat(52))})
    write_level_list(folder, {"short": ("two short levels", game.name, ["Wall", "Open"])})
    return select(str(folder))
