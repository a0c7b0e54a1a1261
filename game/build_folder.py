"""Protects the folders of built games: a build replaces another game only if the user asks for it.

FOLDER/build.json     the options of the build, random seed included
FOLDER/levels.json    the level list
FOLDER/GAME/          the ROM, its integration and its states
FOLDER/movies/        a movie of each level's solution
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from agent.errors import UserError
from agent.files import replacing_folder, write_atomically
from arena.evaluation.differences import differences

BUILD_FILE = "build.json"
MOVIES = "movies"


class BuildFolderError(UserError):
    """The folder contains another game or other files, or can't be written."""


def is_built(folder: Path, settings: Mapping[str, Any], replace: bool) -> bool:
    """Return whether a folder contains exactly this game; check that a build may write there.

    Args:
        folder: folder of the game.
        settings: options that the game depends on; JSON values, with the name `game`.
        replace: whether another game may be replaced; then the result is False.

    Raises:
        BuildFolderError: the folder contains other files, or another game without `replace`.
    """
    if folder.exists() and not folder.is_dir():
        raise BuildFolderError(f"--out {folder} is not a folder")
    entries = {entry.name for entry in folder.iterdir()} if folder.exists() else set()
    if not entries:
        return False
    there = _read_settings(folder)
    if others := entries - {BUILD_FILE, "levels.json", MOVIES, there.get("game")}:
        raise BuildFolderError(
            f"--out {folder} contains other files ({min(others)}): give an empty or a new folder"
        )
    if replace:
        return False
    if different := differences(there, settings):
        raise BuildFolderError(
            f"--out {folder} contains another game ({different}): give another --out, or --replace"
            " to replace it"
        )
    return True


@contextmanager
def writing_game(folder: Path, settings: Mapping[str, Any]) -> Iterator[Path]:
    """Yield a folder to build in, which becomes `folder` if the block raises no error.

    Raises:
        BuildFolderError: the folder can't be written; an earlier game there is unchanged.
    """
    try:
        with replacing_folder(folder) as building:
            yield building
            write_atomically(building / BUILD_FILE, json.dumps(settings, indent=2).encode() + b"\n")
    except OSError as error:
        raise BuildFolderError(f"--out {folder} can't be written: {error.strerror}") from None


def _read_settings(folder: Path) -> dict[str, Any]:
    """Read the settings of an earlier build; empty if the folder contains none."""
    try:
        settings = json.loads((folder / BUILD_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return settings if isinstance(settings, dict) else {}
