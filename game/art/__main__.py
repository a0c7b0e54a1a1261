"""Writes contact sheets and an example scene of each zone: `python -m game.art --out DIR`."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from agent.command_line import option, parse, run
from agent.errors import UserError
from agent.files import write_atomically
from game import art
from game.art import scene, sheet
from game.format import Picture, SharedArt, ZoneArt

BEHIND = (110, 146, 182)
PLAYER_ROWS = (
    ("stand", "walk"),
    ("run", "run45"),
    ("run90", "run135"),
    ("roll", "dash", "skid", "crouch"),
    ("rise", "fall", "hurt", "dead", "win"),
)


@dataclass(frozen=True)
class Options:
    """Draw contact sheets of all art and an example scene of each zone, as PNG."""

    out: Path = option("folder for the pictures, created if missing")
    scale: int = option("enlargement factor of the sheets, 1 to 8", 2, within=(1, 8))


def player_sheet(shared: SharedArt) -> Picture:
    """Arrange all frames of the player: (H, W) colours."""
    rows = [[p for name in names for p in shared.player[name]] for names in PLAYER_ROWS]
    return sheet.column([sheet.row(pictures) for pictures in rows])


def objects_sheet(shared: SharedArt) -> Picture:
    """Arrange all shared objects and the font: (H, W) colours."""
    rows = [sheet.row(frames) for frames in shared.sprites.values()]
    glyphs = list(shared.font.values())
    halves = [sheet.row(rows[i] for i in part) for part in (range(6), range(6, len(rows)))]
    return sheet.column([*halves, sheet.row(glyphs[:20], 0), sheet.row(glyphs[20:], 0)])


def zone_sheet(zone: ZoneArt) -> Picture:
    """Arrange a zone's cells, decoration, sprites, loop and background: (H, W) colours."""
    cells = [picture for _, picture in sorted(zone.cells.items())]
    rows = [sheet.row(cells[i : i + 20]) for i in range(0, len(cells), 20)]
    frames = [picture for pictures in zone.sprites.values() for picture in pictures]
    return sheet.column(
        [*rows, sheet.row(frames), sheet.row([zone.loop, *zone.decor]), zone.background]
    )


def _save(folder: Path, name: str, picture: Picture, scale: int = 1) -> None:
    path = folder / f"{name}.png"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(path, sheet.png(picture, scale))
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}; choose another --out") from error
    print(path)


def main() -> int:
    """Write all pictures."""
    options = parse(Options, sys.argv[1:], prog="python -m game.art")
    shared = art.draw_shared()
    lines = np.zeros((4, 16, 3), np.uint8)
    lines[0] = shared.palette
    for name, picture in (("player", player_sheet(shared)), ("objects", objects_sheet(shared))):
        _save(options.out, name, sheet.colours(picture, lines, BEHIND), options.scale)
    for index, zone in enumerate(art.draw_zones()):
        lines[1:] = zone.palettes
        name = zone.name.lower()
        _save(options.out, name, sheet.colours(zone_sheet(zone), lines, BEHIND), options.scale)
        whole = scene.scene(zone, index, shared)
        _save(options.out, f"{name}-scene", whole)
    return 0


if __name__ == "__main__":
    run(main)
