"""Short levels that a search with save states finishes in seconds."""

from __future__ import annotations

from pathlib import Path

from arena.environment.levels import Level, select
from game.cartridge.integration import write_level_list
from game.format import Cell
from tests.helpers.game_world import FLOOR, flat, level, write_game

WALL_COLUMNS = [26, 40, 54, 68, 82]


def write_search_levels(folder: Path) -> list[Level]:
    """Write a game with two levels into a folder: "Walls" and "Open".

    The walls are three cells high, so that the player must jump over each of them.
    """
    cells = flat(110)
    row = FLOOR // 16
    cells[row - 3 : row, WALL_COLUMNS] = Cell.SOLID
    game = write_game(folder, {"Walls": level(cells), "Open": level(flat(52))})
    write_level_list(folder, {"short": ("two short levels", game.name, ["Walls", "Open"])})
    return select(str(folder))
