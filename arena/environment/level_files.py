"""Reads levels.json, the file that lists level sets: the contest's, and those of a user's own game.

The whole file is checked before any of its levels is used.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from agent.errors import UserError, nearest_names

LEVELS_FILE = "levels.json"
FORMAT_VERSION = 1
DEFAULT_SCENARIO = "scenario"
NAMES_SHOWN = 8  # in an error message that lists what exists
NAME = re.compile(r"[^/\\:,\0]+")  # a name is a part of a path: it must stay inside the folder


class LevelError(UserError):
    """A set, game, state or scenario that does not exist, or an invalid level file."""


class ListedLevel(NamedTuple):
    """A level as levels.json lists it; see `arena.environment.levels.Level`."""

    game: str
    state: str
    scenario: str
    integration: Path | None


def read_level_sets(path: Path, folder: Path | None) -> dict[str, tuple[ListedLevel, ...]]:
    """Read the sets of a levels.json, by name.

    Args:
        path: the file.
        folder: folder of its games; None for the games of stable-retro's data.

    Raises:
        LevelError: the file is missing or invalid; the message says where and why.
    """
    content = read_level_file(path)
    try:
        if folder is not None:
            folder = (folder / content.get("integration", ".")).resolve()
        sets = {
            name: _read_set(entry, _integration_of(entry, path, folder))
            for name, entry in content["sets"].items()
        }
        if not any(sets.values()):
            raise ValueError("it lists no level")
        return sets
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise LevelError(
            f"{path} does not have the form of a levels.json ({type(error).__name__}: {error}): see"
            " the description of the folder in arena/environment/levels.py"
        ) from None


def read_level_file(path: Path) -> dict[str, Any]:
    """Read a levels.json and check its version.

    Raises:
        LevelError: the file is missing, not JSON, or of another version.
    """
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
            f'{path} does not contain "format_version": {FORMAT_VERSION}: it is not a level file'
        )
    return content


def unknown_name(kind: str, name: str, known: Iterable[str], folder: Path | None) -> LevelError:
    """Return the error for a name that does not exist; it suggests the nearest names that do.

    Args:
        kind: what the name stands for, such as "level set".
        name: the name given.
        known: the names that exist.
        folder: folder in which they were looked up; None for stable-retro's data.
    """
    known = list(known)
    near = nearest_names(name, known)
    existing = f"choose from {shortened(known)}" if known else "there is none"
    hint = f"did you mean {' or '.join(near)}?" if near else existing
    where = f" in {folder}" if folder else ""
    return LevelError(f"no {kind} is called {name!r}{where}: {hint}")


def shortened(names: Iterable[str]) -> str:
    """Join names with commas; after the first eight, give the number of the others."""
    names = list(names)
    shown = ", ".join(names[:NAMES_SHOWN])
    if len(names) > NAMES_SHOWN:
        return f"{shown} and {len(names) - NAMES_SHOWN} more"
    return shown or "none"


def _integration_of(entry: Mapping[str, Any], path: Path, folder: Path | None) -> Path | None:
    """Return the folder of a set's games: a set can name its own, relative to the file."""
    if "integration" in entry:
        return Path(path.parent, str(entry["integration"])).resolve()
    return folder


def _read_set(entry: Mapping[str, Any], integration: Path | None) -> tuple[ListedLevel, ...]:
    scenario = entry.get("scenario", DEFAULT_SCENARIO)
    levels = []
    for game, states in entry["levels"].items():
        if not isinstance(states, list) or not states:
            raise ValueError(f"{game} has no list of states")
        for name in (game, scenario, *states):
            if not isinstance(name, str) or not NAME.fullmatch(name) or name == "..":
                raise ValueError(f"{name!r} is not a name")
        levels += [ListedLevel(game, state, scenario, integration) for state in states]
    if len(set(levels)) != len(levels):
        raise ValueError("a level is listed twice")
    return tuple(levels)
