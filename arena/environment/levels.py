"""Level sets by name, and whether a level can be played here.

What the contest trained, validated and scored on is data (`levels.json`); a folder with a file of
the same form (`read_folder`) adds the levels of one's own game. Everything is checked before an
emulator starts: the contest's helper fell back to another reward in silence.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

import stable_retro.data
from stable_retro.data import Integrations

from agent.errors import UserError

LEVELS_FILE = "levels.json"
FORMAT_VERSION = 1
DEFAULT_SCENARIO = "scenario"
SLUG_LENGTH = 100  # bytes: a file name has 255, and evaluation adds to it


class LevelError(UserError):
    """A set, game, state or scenario that does not exist, or a level file that is not one."""


class MissingRomError(LevelError):
    """The game is known, but its ROM is not here; the text says how to get it."""


@dataclass(frozen=True)
class Level:
    """One start of a game, with the reward that it is scored by.

    Attributes:
        game: stable-retro's name; those of its stable set end in -v0.
        state: the saved state that an episode starts from.
        scenario: the file that defines reward and done.
        integration: the folder which holds the game's own folder; None: stable-retro's data.
    """

    game: str
    state: str
    scenario: str = DEFAULT_SCENARIO
    integration: Path | None = None

    @property
    def name(self) -> str:
        return f"{self.game}:{self.state}"

    @property
    def slug(self) -> str:
        """A name that any file system takes; two names never share one."""
        plain = f"{self.game}.{self.state}"
        safe = re.sub(r"[^A-Za-z0-9._-]", "-", plain).lstrip(".-")
        if safe == plain and len(safe) <= SLUG_LENGTH and "." not in self.game:
            return safe
        digest = hashlib.sha256(repr((self.game, self.state)).encode()).hexdigest()[:8]
        return f"{safe[: SLUG_LENGTH - 9]}-{digest}"


@cache
def level_sets() -> Mapping[str, tuple[Level, ...]]:
    """The contest's level sets and the bundled game's, by name."""
    return _read_sets(Path(__file__).with_name(LEVELS_FILE), None)


@cache
def built_from() -> Mapping[str, str]:
    """Custom contest game -> the game whose ROM its `rom.delta` applies to."""
    return dict(_read_json(Path(__file__).with_name(LEVELS_FILE))["built_from"])


@cache
def joined_from() -> Mapping[str, tuple[str, ...]]:
    """Lock-on game -> the games whose ROMs, one after the other, are its ROM."""
    joined = _read_json(Path(__file__).with_name(LEVELS_FILE))["joined_from"]
    return {game: tuple(parts) for game, parts in joined.items()}


def select(text: str) -> list[Level]:
    """The levels that a list names, in its order, each once.

    Args:
        text: parts separated by commas. Each is SET, GAME:STATE, DIR (all levels of a folder's
            `levels.json`), DIR:SET or DIR:GAME:STATE. A set's name wins over a folder's: write
            ./NAME for the folder.

    Raises:
        LevelError: a part that names nothing (the nearest names are offered), or nothing at all.
    """
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not parts:
        raise LevelError(f"no level is named: use one of the sets {_names(level_sets())}")
    chosen: dict[str, Level] = {}
    for part in parts:
        for level in _select_part(part):
            if chosen.setdefault(level.name, level) != level:
                raise LevelError(f"{level.name} is named twice, with different data: name one")
    return list(chosen.values())


def read_folder(folder: Path) -> Mapping[str, tuple[Level, ...]]:
    """The level sets of a folder of one's own game.

    The folder holds `levels.json` and one folder a game, laid out as stable-retro's are:

        levels.json            {"format_version": 1, "sets": {SET: {"about": TEXT,
                               "scenario": NAME, "levels": {GAME: [STATE, ...]}}}}
        GAME/rom.md            the ROM, and rom.sha, its SHA-1
        GAME/STATE.state       a saved state each
        GAME/data.json         the variables in memory
        GAME/NAME.json         the scenario (default: `scenario`)

    An optional "integration" in the file, or in a set, names the folder of the games, relative to
    the file.

    Raises:
        LevelError: no `levels.json`, or not of this form; the text says where.
    """
    return _read_sets(folder / LEVELS_FILE, folder.resolve())


def integrations(level: Level) -> Integrations:
    """Where the emulator has to look for the level's game: pass it as `inttype`.

    A folder of one's own game is registered with stable-retro in place of the one before; nothing
    of that name in stable-retro's own data can stand in for it.
    """
    if level.integration is None:
        return Integrations.CONTRIB  # the stable set and the contributed one
    Integrations.clear_custom_paths()
    Integrations.add_custom_path(str(level.integration))
    return Integrations.CUSTOM_ONLY


def available(level: Level) -> None:
    """Check all that the emulator needs for a level, before anything is started.

    Raises:
        MissingRomError: the ROM is not here, or is another one.
        LevelError: the game, the state or the scenario does not exist; the nearest are offered.
    """
    where = integrations(level)
    if not stable_retro.data.get_file_path(level.game, "data.json", where):
        _unknown("game", level.game, _games(where), level.integration)
    states = stable_retro.data.list_states(level.game, where)
    if level.state not in states:
        _unknown(f"state of {level.game}", level.state, states, level.integration)
    if not stable_retro.data.get_file_path(level.game, f"{level.scenario}.json", where):
        _unknown(f"scenario of {level.game}", level.scenario, _scenarios(level), level.integration)
    condition = rom_condition(level.game, where)
    if condition == "missing":
        raise MissingRomError(_how_to_get(level))
    if condition == "damaged":
        path = stable_retro.data.get_romfile_path(level.game, where)
        raise MissingRomError(
            f"{path} is damaged or another ROM: its SHA-1 is not in rom.sha; put the right one"
            " there (`python -m arena roms` says more)"
        )


def rom_condition(game: str, where: Integrations) -> str:
    """Say "there", "missing", or "damaged": its SHA-1 is not one that `rom.sha` accepts."""
    try:
        stable_retro.data.get_romfile_path(game, where)
        if not stable_retro.data.get_file_path(game, "rom.sha", where):
            return "there"  # a game of one's own may do without
        return "damaged" if stable_retro.data.verify_hash(game, where) else "there"
    except FileNotFoundError:
        return "missing"
    except OSError:
        return "damaged"


def describe_sets() -> str:
    """The level sets as text: name, number of levels, how many can be played here, what it is."""
    about = _read_json(Path(__file__).with_name(LEVELS_FILE))["sets"]
    lines = [f"{'set':18} {'levels':>6} {'playable':>8}  what it is"]
    for name, levels in level_sets().items():
        playable = sum(_is_available(level) for level in levels)
        lines.append(f"{name:18} {len(levels):6} {playable:8}  {about[name]['about']}")
    lines.append("Other levels: GAME:STATE, or a folder with a levels.json. Missing games:")
    lines.append("`python -m arena roms` says what is there and what to do.")
    return "\n".join(lines)


def describe_levels(levels: Iterable[Level]) -> str:
    """One line a level: name, scenario, and what keeps it from being played, if anything."""
    lines = []
    for level in levels:
        try:
            available(level)
            problem = ""
        except LevelError as error:
            problem = f"  {error}"
        lines.append(f"{level.name}  [{level.scenario}]{problem}")
    return "\n".join(lines)


def _select_part(part: str) -> Sequence[Level]:
    sets = level_sets()
    if part in sets:
        return sets[part]
    folder, rest = _split_folder(part)
    if folder is not None:
        return _select_in_folder(folder, rest)
    game, colon, state = part.partition(":")
    integration = _known(game, "integration", None)
    where = integrations(Level(game, state, integration=integration))
    if not colon:
        if stable_retro.data.get_file_path(game, "data.json", where):
            states = stable_retro.data.list_states(game, where)
            raise LevelError(f"{game} is a game: name a state of it, as in {game}:{states[0]}")
        _unknown("level set", part, [*sets, *_games(Integrations.CONTRIB)], None)
    if not stable_retro.data.get_file_path(game, "data.json", where):
        _unknown("game", game, _games(where), None)
    states = stable_retro.data.list_states(game, where)
    if state not in states:
        _unknown(f"state of {game}", state, states, None)
    scenario = _known(game, "scenario", DEFAULT_SCENARIO)
    return [Level(game, state, scenario, integration)]


def _known(game: str, attribute: str, otherwise: Any) -> Any:
    """A game of the sets has the scenario and the folder of its set, whichever way it is named."""
    known = (level for levels in level_sets().values() for level in levels)
    return next((getattr(level, attribute) for level in known if level.game == game), otherwise)


def _split_folder(part: str) -> tuple[Path | None, str]:
    """DIR, DIR:SET or DIR:GAME:STATE -> the folder and the rest; no folder: (None, "")."""
    pieces = part.split(":")
    for end in range(len(pieces), 0, -1):  # the longest first: a folder's name may hold a colon
        folder = ":".join(pieces[:end])
        if os.path.isdir(folder):  # unlike Path's, False for a name too long too
            return Path(folder), ":".join(pieces[end:])
    if "/" in pieces[0]:
        raise LevelError(f"{part!r}: there is no folder {pieces[0]!r}")
    return None, ""


def _select_in_folder(folder: Path, rest: str) -> Sequence[Level]:
    sets = read_folder(folder)
    levels = {level.name: level for levels in sets.values() for level in levels}
    if not rest:
        return list(levels.values())
    if rest in sets:
        return sets[rest]
    if rest in levels:
        return [levels[rest]]
    _unknown("set or level", rest, [*sets, *levels], folder)


def _read_sets(path: Path, folder: Path | None) -> dict[str, tuple[Level, ...]]:
    content = _read_json(path)
    try:
        if folder is not None:
            folder = (folder / content.get("integration", ".")).resolve()
        sets = {
            name: _read_set(entry, _games_of(entry, path, folder))
            for name, entry in content["sets"].items()
        }
        if not any(sets.values()):
            raise ValueError("it names no level")
        return sets
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise LevelError(
            f"{path} does not have the form of a levels.json ({type(error).__name__}: {error}): see"
            " the description of the folder in arena/environment/levels.py"
        ) from None


def _games_of(entry: Mapping[str, Any], path: Path, folder: Path | None) -> Path | None:
    """Where a set's games lie: a set of its own game names their folder, relative to the file."""
    if "integration" in entry:
        return Path(path.parent, str(entry["integration"])).resolve()
    return folder


def _read_set(entry: Mapping[str, Any], integration: Path | None) -> tuple[Level, ...]:
    scenario = entry.get("scenario", DEFAULT_SCENARIO)
    levels = []
    for game, states in entry["levels"].items():
        if not isinstance(states, list) or not states:
            raise ValueError(f"{game} has no list of states")
        for name in (game, scenario, *states):
            # A name is a part of a path: it must stay inside the folder.
            if not isinstance(name, str) or not re.fullmatch(r"[^/\\:,\0]+", name) or name == "..":
                raise ValueError(f"{name!r} is not a name")
        levels += [Level(game, state, scenario, integration) for state in states]
    if len(set(levels)) != len(levels):
        raise ValueError("a level is listed twice")
    return tuple(levels)


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise LevelError(
            f"{path.parent} is not a folder of levels: it has no {path.name}"
        ) from None
    except (OSError, ValueError, RecursionError) as error:
        raise LevelError(f"{path} can't be read as JSON: {error}") from None
    if not isinstance(content, dict) or content.get("format_version") != FORMAT_VERSION:
        raise LevelError(
            f'{path} does not say "format_version": {FORMAT_VERSION}: not a level file'
        )
    return content


def _is_available(level: Level) -> bool:
    try:
        available(level)
    except LevelError:
        return False
    return True


def _how_to_get(level: Level) -> str:
    if level.integration is not None:
        return f"no ROM of {level.game}: {level.integration / level.game} has no rom.md"
    base = built_from().get(level.game, level.game)
    what = f"the ROM of {base}" if base == level.game else f"the ROM of {base}, which it patches"
    return (
        f"no ROM of {level.game}: put your own dump of it into a folder (needed: {what}) and run"
        " `python -m arena roms import FOLDER`; `python -m arena roms` lists the SHA-1 it must have"
    )


def _games(where: Integrations) -> list[str]:
    try:
        games: list[str] = stable_retro.data.list_games(where)
    except OSError:  # a folder of games that is gone
        return []
    return games


def _scenarios(level: Level) -> list[str]:
    folder = Path(stable_retro.data.get_file_path(level.game, "data.json", integrations(level)))
    names = sorted(path.stem for path in folder.parent.glob("*.json"))
    return [name for name in names if name not in ("data", "metadata")]


def _unknown(kind: str, name: str, known: Iterable[str], folder: Path | None) -> NoReturn:
    known = list(known)
    lower = {candidate.lower(): candidate for candidate in known}
    near = [lower[match] for match in difflib.get_close_matches(name.lower(), lower, 3, 0.6)]
    hint = f"did you mean {' or '.join(near)}?" if near else f"there is {_names(known)}"
    place = f" in {folder}" if folder else ""
    raise LevelError(f"no {kind} is called {name!r}{place}: {hint}")


def _names(names: Iterable[str]) -> str:
    names = list(names)
    shown = ", ".join(names[:8])
    return f"{shown} and {len(names) - 8} more" if len(names) > 8 else shown or "none"
