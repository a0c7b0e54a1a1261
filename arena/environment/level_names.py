"""Finds the level that a name means, even if it omits the game or a part of the game's name.

Upper and lower case count as equal. A name that means several levels is an error, never a guess.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from arena.environment.level_files import LevelError, shortened, unknown_name

LEVELS_HELP = (  # of each option that `arena.environment.levels.select` reads
    "level set, level or folder; separate several by commas (`python -m arena levels` lists them)"
)


def split_parts(text: str) -> Iterator[str]:
    """Split names of levels at the commas, except at those in the name of an existing folder."""
    pieces = text.split(",")
    while pieces:
        for end in range(len(pieces), 0, -1):
            part = ",".join(pieces[:end]).strip()
            folder, rest = existing_folder(part)
            if end == 1 or (folder is not None and "," not in rest):
                break
        if part:
            yield part
        pieces = pieces[end:]


def existing_folder(part: str) -> tuple[Path | None, str]:
    """Return the folder that a part of a name begins with, and the rest; (None, "") without one."""
    pieces = part.split(":")
    for end in range(len(pieces), 0, -1):  # the longest first: a folder's name may contain a colon
        folder = ":".join(pieces[:end])
        if os.path.isdir(folder):  # unlike Path's, False for a name that is too long
            return Path(folder), ":".join(pieces[end:])
    return None, ""


def meant_level(text: str, levels: Iterable[str]) -> str | None:
    """Return the level that a name means; None if it means none.

    Args:
        text: STATE or GAME:STATE. GAME may lack the endings -Genesis and -v0, or be only the
            first words of the game's name: pangolin:MeadowZone.Act3.
        levels: names of the existing levels, GAME:STATE.

    Raises:
        LevelError: the name means several levels.
    """
    game, _, state = text.rpartition(":")
    states = {name: _split(name)[1] for name in levels}
    games = set(meant_games(game, (_split(name)[0] for name in states)))
    states = {name: known for name, known in states.items() if _split(name)[0] in games}
    same = [name for name, known in states.items() if known == state]
    found = same or [name for name, known in states.items() if _equal(known, state)]
    if len(found) > 1:
        raise LevelError(f"{text!r} names {len(found)} levels: use {_one_of(found)}")
    return found[0] if found else None


def meant_games(text: str, games: Iterable[str]) -> list[str]:
    """Return the games whose names are closest to a name; [] if no game's name begins like this.

    From the closest on: the same name; the same in upper or lower case; the name without its
    ending, -Genesis or -v0; the first words of the name. A name that ends in the middle of a word
    counts as misspelled.
    """
    games = list(dict.fromkeys(games))
    same = [game for game in games if game == text]
    same = same or [game for game in games if _equal(game, text)]
    begun = [game for game in games if _equal(game[: len(text)], text)]
    same = same or [game for game in begun if game[len(text) :].startswith("-")]
    return same or [game for game in begun if not text or not game[len(text)].islower()]


def meant_set(text: str, sets: Iterable[str]) -> str | None:
    """Return the level set that a name means; None if it means none or several."""
    sets = list(sets)
    found = [text] if text in sets else [name for name in sets if _equal(name, text)]
    return found[0] if len(found) == 1 else None


def find_level(text: str, levels: Collection[str]) -> str:
    """Return the level that a name means, as `meant_level` does.

    Raises:
        LevelError: the name means no level (the message suggests the nearest names) or several.
    """
    found = meant_level(text, levels)
    if found is not None:
        return found
    game, _, state = text.rpartition(":")
    every_game = dict.fromkeys(_split(name)[0] for name in levels)
    games = meant_games(game, every_game)
    if not games:
        raise unknown_name("game", game, every_game, None)
    states = dict.fromkeys(_split(name)[1] for name in levels if _split(name)[0] in games)
    raise unknown_name(f"state of {_one_of(games)}", state, states, None)


def _split(name: str) -> tuple[str, str]:
    game, _, state = name.partition(":")
    return game, state


def _equal(one: str, other: str) -> bool:
    return one.casefold() == other.casefold()


def _one_of(names: list[str]) -> str:
    return " or ".join(names) if len(names) <= 3 else f"one of {shortened(names)}"
