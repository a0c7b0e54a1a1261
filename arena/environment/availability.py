"""Checks whether a level can be played on this machine: its game, state, scenario and ROM.

Everything is checked before an emulator starts. The contest's own code silently used another reward
if a scenario was missing.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import stable_retro
import stable_retro.data
from stable_retro.data import Integrations

from arena.environment.level_files import LevelError, unknown_name
from arena.environment.levels import (
    Level,
    built_from,
    known_games,
    level_sets,
    register_integration,
    set_descriptions,
)

PRESENT, MISSING, DAMAGED = "present", "missing", "damaged"  # what `rom_status` returns


class MissingRomError(LevelError):
    """The game is known, but its ROM is missing; the message says how to get it."""


def check_available(level: Level) -> None:
    """Check that everything the emulator needs for a level exists.

    Raises:
        MissingRomError: the ROM is missing, or its SHA-1 is not one that the game accepts.
        LevelError: the game, the state or the scenario does not exist; the message suggests the
            nearest names.
    """
    where = register_integration(level)
    if not stable_retro.data.get_file_path(level.game, "data.json", where):
        raise unknown_name("game", level.game, known_games(where), level.integration)
    states = stable_retro.data.list_states(level.game, where)
    if level.state not in states:
        raise unknown_name(f"state of {level.game}", level.state, states, level.integration)
    if not stable_retro.data.get_file_path(level.game, f"{level.scenario}.json", where):
        scenarios = _scenarios(level)
        kind = f"scenario of {level.game}"
        raise unknown_name(kind, level.scenario, scenarios, level.integration)
    check_rom(level)


def check_rom(level: Level) -> None:
    """Check that the ROM of a level's game exists and is the right one.

    Raises:
        MissingRomError: the ROM is missing, or its SHA-1 is not one that the game accepts.
    """
    where = register_integration(level)
    status = rom_status(level.game, where)
    if status == MISSING:
        raise MissingRomError(_how_to_get_rom(level))
    if status == DAMAGED:
        path = stable_retro.data.get_romfile_path(level.game, where)
        raise MissingRomError(
            f"{path} is damaged or another ROM: its SHA-1 is not in rom.sha; replace it with the"
            " right one (`python -m arena roms` lists the SHA-1)"
        )


def number_of_buttons(level: Level) -> int:
    """Return the number of buttons of the console of a level whose ROM is present."""
    rom = stable_retro.data.get_romfile_path(level.game, register_integration(level))
    return len(stable_retro.get_system_info(stable_retro.get_romfile_system(rom))["buttons"])


def rom_status(game: str, where: Integrations) -> str:
    """Return whether the ROM of a game is "present", "missing" or "damaged".

    "damaged" means that its SHA-1 is not in the game's `rom.sha`, or that it can't be read.
    """
    try:
        stable_retro.data.get_romfile_path(game, where)
        if not stable_retro.data.get_file_path(game, "rom.sha", where):
            return PRESENT  # a user's own game needs no checksum
        return DAMAGED if stable_retro.data.verify_hash(game, where) else PRESENT
    except FileNotFoundError:
        return MISSING
    except OSError:
        return DAMAGED


def describe_sets() -> str:
    """Format a table of the level sets: name, number of levels, playable ones, description."""
    descriptions = set_descriptions()
    lines = [f"{'set':18} {'levels':>6} {'playable':>8}  description"]
    for name, levels in level_sets().items():
        playable = sum(_is_available(level) for level in levels)
        lines.append(f"{name:18} {len(levels):6} {playable:8}  {descriptions[name]}")
    lines.append("One level: GAME:STATE, or a part that only this level has (MeadowZone.Act3).")
    lines.append("Your own game: a folder that contains a levels.json.")
    lines.append("`python -m arena roms` lists the missing games and says how to add them.")
    return "\n".join(lines)


def describe_levels(levels: Iterable[Level]) -> str:
    """Format a line for each level: its name, its scenario, and why it can't be played, if so."""
    lines = []
    for level in levels:
        try:
            check_available(level)
            problem = ""
        except LevelError as error:
            problem = f"  {error}"
        lines.append(f"{level.name}  [{level.scenario}]{problem}")
    return "\n".join(lines)


def _is_available(level: Level) -> bool:
    try:
        check_available(level)
    except LevelError:
        return False
    return True


def _how_to_get_rom(level: Level) -> str:
    if level.integration is not None:
        return f"no ROM of {level.game}: put it at {level.integration / level.game / 'rom.md'}"
    base = built_from().get(level.game, level.game)
    what = f"the ROM of {base}" if base == level.game else f"the ROM of {base}, which it patches"
    return (
        f"no ROM of {level.game}: put your own dump of it into a folder (needed: {what}) and run"
        " `python -m arena roms import FOLDER`; `python -m arena roms` lists the SHA-1 it must have"
    )


def _scenarios(level: Level) -> list[str]:
    where = register_integration(level)
    folder = Path(stable_retro.data.get_file_path(level.game, "data.json", where))
    names = sorted(path.stem for path in folder.parent.glob("*.json"))
    return [name for name in names if name not in ("data", "metadata")]
