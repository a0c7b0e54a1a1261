"""Levels and level sets: what the contest trained, validated and scored on, selected by name.

The contest's sets are data (`levels.json`). A folder that contains a file of the same form adds
the levels of a user's own game (`read_folder`).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import stable_retro.data
from stable_retro.data import Integrations

from arena.environment.level_files import (
    DEFAULT_SCENARIO,
    LEVELS_FILE,
    LevelError,
    read_level_file,
    read_level_sets,
    shortened,
    unknown_name,
)
from arena.environment.level_names import (
    existing_folder,
    find_level,
    meant_games,
    meant_level,
    meant_set,
    split_parts,
)

CONTEST_FILE = Path(__file__).with_name(LEVELS_FILE)
SLUG_LENGTH = 100  # bytes: a file name has at most 255, and evaluation appends to it


@dataclass(frozen=True)
class Level:
    """One start of a game, with the reward that it is scored by.

    Attributes:
        game: stable-retro's name of the game; names in its stable set end in -v0.
        state: saved state that an episode starts from.
        scenario: name of the file that defines reward and done.
        integration: folder that contains the game's own folder; None for stable-retro's data.
    """

    game: str
    state: str
    scenario: str = DEFAULT_SCENARIO
    integration: Path | None = None

    @classmethod
    def parse(cls, name: str) -> Level:
        """Split a name of the form "GAME:STATE"; scenario and integration are the defaults.

        To look up a level with the scenario and folder of its set, use `select`.

        Raises:
            LevelError: the name has another form.
        """
        game, colon, state = name.partition(":")
        if not (game and colon):
            raise LevelError(f"{name!r} is not a level's name: give GAME:STATE")
        return cls(game, state)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Level:
        """Read what `to_json` returned.

        Raises:
            LevelError: a value is missing or has another type.
        """
        try:
            game, state, scenario = values["game"], values["state"], values["scenario"]
            integration = values["integration"]
        except (KeyError, TypeError) as error:
            raise LevelError(f"the level {values!r} has no {error}") from None
        named = all(isinstance(value, str) for value in (game, state, scenario))
        if not named or not isinstance(integration, str | None):
            raise LevelError(f"the level {values!r} has a value that is not text")
        return cls(game, state, scenario, Path(integration) if integration else None)

    def to_json(self) -> dict[str, str | None]:
        """Return the level as JSON values: game, state, scenario, integration."""
        integration = str(self.integration) if self.integration else None
        return {
            "game": self.game,
            "state": self.state,
            "scenario": self.scenario,
            "integration": integration,
        }

    @property
    def name(self) -> str:
        """GAME:STATE; `parse` is the inverse."""
        return f"{self.game}:{self.state}"

    @property
    def slug(self) -> str:
        """A file name that is valid on any file system; two levels never share one."""
        plain = f"{self.game}.{self.state}"
        safe = re.sub(r"[^A-Za-z0-9._-]", "-", plain).lstrip(".-")
        if safe == plain and len(safe) <= SLUG_LENGTH and "." not in self.game:
            return safe
        digest = hashlib.sha256(repr((self.game, self.state)).encode()).hexdigest()[:8]
        return f"{safe[: SLUG_LENGTH - 9]}-{digest}"


@cache
def level_sets() -> Mapping[str, tuple[Level, ...]]:
    """Return the contest's level sets and the bundled game's, by name."""
    return _levels_of(CONTEST_FILE, None)


@cache
def set_descriptions() -> Mapping[str, str]:
    """Return the description of each level set in a few words, by name."""
    sets = read_level_file(CONTEST_FILE)["sets"]
    return {name: str(entry["about"]) for name, entry in sets.items()}


@cache
def built_from() -> Mapping[str, str]:
    """Return, for each custom contest game, the game whose ROM its `rom.delta` applies to."""
    return dict(read_level_file(CONTEST_FILE)["built_from"])


@cache
def joined_from() -> Mapping[str, tuple[str, ...]]:
    """Return, for each lock-on game, the games whose concatenated ROMs are its ROM, in order."""
    joined = read_level_file(CONTEST_FILE)["joined_from"]
    return {game: tuple(parts) for game, parts in joined.items()}


def select(text: str) -> list[Level]:
    """Select levels by name, in the order given, each once.

    Args:
        text: parts separated by commas. Each is SET, a level, DIR (all levels of a folder's
            `levels.json`), DIR:SET or a level of a folder, DIR:LEVEL. A level is GAME:STATE. Where
            it is still unique, it may be STATE, or GAME may be a part of the game's name
            (`arena.environment.level_names`). If a set and a folder have the same name, the set is
            selected: write ./NAME for the folder.

    Raises:
        LevelError: a part names nothing or several levels (the message suggests the nearest
            names), or there is no part.
    """
    parts = list(split_parts(text))
    if not parts:
        raise LevelError(f"no level is named: use one of the sets {shortened(level_sets())}")
    chosen: dict[str, Level] = {}
    for part in parts:
        for level in _select_part(part):
            if chosen.setdefault(level.name, level) != level:
                raise LevelError(f"{level.name} is named twice, with different data: name one")
    return list(chosen.values())


def select_one(text: str) -> Level:
    """Select one level by its name, as `select` does.

    Raises:
        LevelError: the name means no level or several levels.
    """
    first, *others = select(text)
    if others:
        raise LevelError(f"{text!r} names {len(others) + 1} levels: name one, as in {first.name}")
    return first


def read_folder(folder: Path) -> Mapping[str, tuple[Level, ...]]:
    """Read the level sets of a folder of a user's own game.

    The folder contains `levels.json` and one folder per game, laid out as stable-retro's are:

        levels.json            {"format_version": 1, "sets": {SET: {"about": TEXT,
                               "scenario": NAME, "levels": {GAME: [STATE, ...]}}}}
        GAME/rom.md            the ROM, and rom.sha, its SHA-1
        GAME/STATE.state       one saved state per level
        GAME/data.json         the variables in memory
        GAME/NAME.json         the scenario (default: `scenario`)

    An optional "integration" in the file, or in a set, names the folder of the games, relative to
    the file.

    Raises:
        LevelError: `levels.json` is missing or has another form; the message says where.
    """
    return _levels_of(folder / LEVELS_FILE, folder.resolve())


def register_integration(level: Level) -> Integrations:
    """Register the folder of a level's game with stable-retro; pass the result as `inttype`.

    It replaces the folder registered before. A game of the same name in stable-retro's own data
    is not used instead.
    """
    if level.integration is None:
        return Integrations.CONTRIB  # the stable set and the contributed one
    Integrations.clear_custom_paths()
    Integrations.add_custom_path(str(level.integration))
    return Integrations.CUSTOM_ONLY


def known_games(where: Integrations) -> list[str]:
    """Return the games in stable-retro's data or in the registered folder; [] if it is missing."""
    try:
        games: list[str] = stable_retro.data.list_games(where)
    except OSError:
        return []
    return games


def _levels_of(path: Path, folder: Path | None) -> dict[str, tuple[Level, ...]]:
    sets = read_level_sets(path, folder)
    return {name: tuple(Level(*entry) for entry in entries) for name, entries in sets.items()}


def _select_part(part: str) -> Sequence[Level]:
    sets = level_sets()
    if part in sets:
        return sets[part]
    folder, rest = _split_folder(part)
    if folder is not None:
        return _select_in_folder(folder, rest)
    chosen_set = meant_set(part, sets)
    if chosen_set is not None:
        return sets[chosen_set]
    if part.startswith(":"):
        raise LevelError(f"{part!r} is not a level's name: give GAME:STATE")
    levels = {level.name: level for levels in sets.values() for level in levels}
    name = meant_level(part, levels)
    if name is not None:
        return [levels[name]]
    return [_select_in_data(part, levels)]


def _select_in_data(part: str, in_sets: Mapping[str, Level]) -> Level:
    """Select a level of stable-retro's data that is in no level set."""
    where = Integrations.CONTRIB
    names = {
        f"{game}:{state}": None
        for game in known_games(where)
        for state in stable_retro.data.list_states(game, where)
    }
    if ":" not in part:  # other games are not searched: many of their states have the same name
        raise _unknown_part(part, [*in_sets, *names])
    name = find_level(part, {**dict.fromkeys(in_sets), **names})
    return _with_known_data(Level.parse(name), in_sets.values())


def _unknown_part(part: str, levels: Sequence[str]) -> LevelError:
    """Return the error for a name without a colon that is neither a set nor a level of one."""
    games = meant_games(part, (name.partition(":")[0] for name in levels))
    if len(games) == 1:
        example = next(name for name in levels if name.startswith(f"{games[0]}:"))
        return LevelError(f"{games[0]} is a game: add a state of it, as in {example}")
    in_sets = {level.state: None for levels in level_sets().values() for level in levels}
    every_game = {name.partition(":")[0]: None for name in levels}
    return unknown_name("level set or level", part, [*level_sets(), *in_sets, *every_game], None)


def _with_known_data(level: Level, levels: Iterable[Level]) -> Level:
    """Give a level the scenario and folder that its game has in a level set, if it is in one."""
    for known in levels:
        if known.game == level.game:
            return Level(level.game, level.state, known.scenario, known.integration)
    return level


def _split_folder(part: str) -> tuple[Path | None, str]:
    """Split DIR, DIR:SET or DIR:LEVEL into the folder and the rest; (None, "") without one."""
    folder, rest = existing_folder(part)
    first = part.split(":")[0]
    if folder is None and "/" in first:
        raise LevelError(f"{part!r}: there is no folder {first!r}")
    return folder, rest


def _select_in_folder(folder: Path, rest: str) -> Sequence[Level]:
    sets = read_folder(folder)
    levels = {level.name: level for levels in sets.values() for level in levels}
    if not rest:
        return list(levels.values())
    chosen_set = meant_set(rest, sets)
    if chosen_set is not None:
        return sets[chosen_set]
    name = meant_level(rest, levels)
    if name is not None:
        return [levels[name]]
    states = dict.fromkeys(level.state for level in levels.values())
    raise unknown_name("set or level", rest, [*sets, *levels, *states], folder)
