"""Finds the game that a recording (.bk2) was made with.

A recording holds only the game's name. OpenAI's recordings for the contest were made before
stable-retro added -v0 to the names of its games.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import stable_retro.data

from arena.environment.level_files import NAME, LevelError
from arena.environment.levels import Level, level_sets, register_integration

VERSION = "-v0"


def current_name(game: str) -> str:
    """Return the name that stable-retro now gives a game, or the same name if it has none.

    Recordings of 2018 name `SonicTheHedgehog-Genesis`, which is `SonicTheHedgehog-Genesis-v0` now.
    """
    if _has_data(Level(game, "")) or not _has_data(Level(game + VERSION, "")):
        return game
    return game + VERSION


def recorded_names(level: Level) -> tuple[str, ...]:
    """Return the names that recordings of a level's game use: today's, then that of 2018."""
    if level.integration is not None or not level.game.endswith(VERSION):
        return (level.game,)
    return level.game, level.game.removesuffix(VERSION)


def recorded_level(movie: Path, game: str, integration: Path | None = None) -> Level:
    """Return the game of a recording as a level without a state.

    The game's own folder is searched in `integration`, in all folders above the recording
    (`game.build` writes both into one folder), among the games of this project, and in
    stable-retro's data, in this order.

    Args:
        movie: path of the recording.
        game: name of the game that the recording holds.
        integration: folder of the game according to the recording's run; None if unknown.

    Raises:
        LevelError: no folder contains this game.
    """
    if not NAME.fullmatch(game) or game.startswith("."):
        raise LevelError(f"it names the game {game[:100]!r}, which is not a name of a game")
    for folder in _folders(movie, game, integration):
        level = Level(game, "", integration=folder)
        if _has_data(level):
            return level
    level = Level(current_name(game), "")
    if not _has_data(level):
        raise LevelError(
            f"it shows the game {game[:100]!r}, which is neither in stable-retro's data nor in a"
            " folder above the recording: move the recording into the folder that contains the"
            " game's folder"
        )
    return level


def _folders(movie: Path, game: str, integration: Path | None) -> Iterator[Path]:
    if integration is not None:
        yield integration
    yield from movie.absolute().parents
    known = (level for levels in level_sets().values() for level in levels)
    yield from (level.integration for level in known if level.game == game and level.integration)


def _has_data(level: Level) -> bool:
    where = register_integration(level)
    return bool(stable_retro.data.get_file_path(level.game, "data.json", where))
