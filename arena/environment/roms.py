"""Lists the ROMs that are present or missing, and imports the user's own ROM files.

No ROM is shipped or downloaded. Files are recognised by SHA-1, whatever their names. The six
custom games of the contest are built with the patches in stable-retro's data. A ROM is written
only if its SHA-1 is right.
"""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import stable_retro.data
from stable_retro.data import Integrations

from agent.command_line import option, parse
from agent.errors import UserError
from agent.files import write_atomically
from arena.environment.availability import PRESENT, rom_status
from arena.environment.levels import built_from, joined_from, level_sets
from arena.environment.rom_files import Log, rom_candidates, rom_forms, title
from arena.environment.vcdiff import PatchError, apply_patch

CONTEST_GAMES = Integrations.CONTRIB
ROM_FILE = "rom.md"
ROM_ENDINGS = (".md", ".gen", ".smd")  # .bin may be anything


class RomError(UserError):
    """A folder does not exist or contains no known ROM, or stable-retro's data is not writable."""


@dataclass(frozen=True)
class RomsOptions:
    """List the ROMs that are present or missing, or import your own from a folder."""

    command: str = option("action", "status", choices=("status", "import"), positional=True)
    folder: Path | None = option("folder of your ROM files", None, positional=True)


def main(argv: Sequence[str]) -> int:
    """Run `python -m arena roms` with arguments; see `list_or_import`."""
    return list_or_import(parse(RomsOptions, argv, prog="python -m arena roms"))


def list_or_import(options: RomsOptions) -> int:
    """Run `python -m arena roms [import DIR]`; return the exit code, 1 if a build failed.

    Raises:
        RomError: see `import_folder`; or a folder was given without `import`.
    """
    if options.command == "import":
        if options.folder is None:
            raise RomError("no folder is given: use python -m arena roms import FOLDER")
        return import_folder(options.folder, lambda line: print(line, flush=True))
    if options.folder is not None:
        folder = shlex.quote(str(options.folder))
        raise RomError(f"to import {folder}: python -m arena roms import {folder}")
    print(status())
    return 0


def status() -> str:
    """Return a table of every game in the level sets: its ROM's status, file, SHA-1 and levels."""
    rows = [("ROM", "file", "SHA-1", "unlocks")]
    missing = []
    for game in contest_games():
        found = _status(game)
        if found != PRESENT and game not in built_from():
            missing.append(game)
        file = f"{_folder(game).parent.name}/{game}/{ROM_FILE}"
        checksums = _accepted(game)
        rows.append((found, file, checksums[0], _unlocks(game)))
        rows += [("", "", f"or {other}", "") for other in checksums[1:]]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    lines = [
        "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[3]])
        for row in rows
    ]
    return "\n".join(
        [f"stable-retro's data: {_data()}", "", *map(str.rstrip, lines), *_todo(missing)]
    )


def import_folder(folder: Path, log: Log) -> int:
    """Import the Mega Drive ROMs of a folder that stable-retro knows, then build further games.

    Args:
        folder: searched with all its subfolders and .zip files; a single file is read too.
        log: called with one line for each file with a problem and each game that changes.

    Returns:
        0, or 1 if a game could not be built although everything it needs is present.

    Raises:
        RomError: the folder does not exist, contains no known ROM, or stable-retro's data folder
            is not writable.
    """
    if not folder.exists():
        raise RomError(f"there is no folder {str(folder)!r}")
    known = _known_checksums()
    files = 0
    recognised: set[Path] = set()
    for source, data in rom_candidates(folder, log):
        files += 1
        match = next((form for form in rom_forms(data) if _sha1(form) in known), None)
        if match is not None:
            target = known[_sha1(match)]
            if target not in recognised:
                _put(target, match, source, log)
            recognised.add(target)
        elif name := next(filter(None, map(title, rom_forms(data))), ""):
            log(f"not used  {source}: {name!r}, SHA-1 {_sha1(data)}: another revision or game")
        elif source.lower().endswith(ROM_ENDINGS):
            log(f"not used  {source}: no Mega Drive header in any known dump format")
    if not recognised:
        raise RomError(
            f"none of {files} files in {folder} is a ROM that stable-retro knows:"
            " `python -m arena roms` lists the SHA-1 of each"
        )
    return _build_all(log)


def contest_games() -> list[str]:
    """Return the games in the level sets whose data is stable-retro's own, in the sets' order."""
    known = (level for levels in level_sets().values() for level in levels)
    return list(dict.fromkeys(level.game for level in known if level.integration is None))


def _build_all(log: Log) -> int:
    """Join the lock-on games, then apply patches: a joined ROM may be the base of a patch."""
    failed = 0
    for game, parts in joined_from().items():
        if _status(game) != PRESENT and all(_status(part) == PRESENT for part in parts):
            joined = b"".join(_rom_path(part).read_bytes() for part in parts)
            failed += not _build(game, joined, " + ".join(parts), log)
    for game, base in built_from().items():
        if _status(game) == PRESENT:
            continue
        if _status(base) != PRESENT:
            log(f"missing   {game}: it is built from {base}")
            continue
        try:
            delta = (_folder(game) / "rom.delta").read_bytes()
            patched = apply_patch(_rom_path(base).read_bytes(), delta)
        except (PatchError, OSError) as error:
            log(f"failed    {game}: {error}")
            failed += 1
            continue
        failed += not _build(game, patched, f"{base} and its patch", log)
    return 1 if failed else 0


def _build(game: str, data: bytes, source: str, log: Log) -> bool:
    if _sha1(data) not in _accepted(game):
        log(f"failed    {game}: SHA-1 {_sha1(data)} from {source} is not in rom.sha")
        return False
    _write(_rom_path(game), data)
    log(f"built     {game}, from {source}")
    return True


def _put(folder: Path, data: bytes, source: str, log: Log) -> None:
    path = folder / ROM_FILE
    if path.is_file() and _sha1(path.read_bytes()) == _sha1(data):
        log(f"present   {folder.name}: {source} is not needed")
        return
    _write(path, data)
    log(f"imported  {folder.name}, from {source}")


def _write(path: Path, data: bytes) -> None:
    try:
        write_atomically(path, data)
    except OSError as error:
        raise RomError(
            f"can't write {path} ({error.strerror}): copy {_data()} to a folder of your own and set"
            " RETRO_DATA_PATH to it"
        ) from None


def _known_checksums() -> dict[str, Path]:
    """Return SHA-1 -> folder of its game, for the Mega Drive games of stable-retro."""
    Integrations.clear_custom_paths()  # a user's own game needs no import
    for folder in ("contrib", "experimental", "stable"):
        if not (_data() / folder).is_dir():
            raise RomError(f"{_data()} has no folder {folder}: is RETRO_DATA_PATH a complete copy?")
    known = {}
    for checksum, (game, extension, folder) in stable_retro.data.get_known_hashes().items():
        if extension == Path(ROM_FILE).suffix:
            known[checksum.strip().lower()] = Path(folder) / game
    # If two games share a ROM, the contest's game gets it.
    return known | {sha: _folder(game) for game in contest_games() for sha in _accepted(game)}


def _status(game: str) -> str:
    return rom_status(game, CONTEST_GAMES)


def _unlocks(game: str) -> str:
    """Count levels by set, as text: the game's own, then those of the games built from it."""
    built = [other for other, base in built_from().items() if base == game]
    text = _count([game])
    if built:
        text += f"; by patches {_count(built)}"
    base = built_from().get(game)
    return f"{text} (built from {base})" if base else text


def _count(games: Sequence[str]) -> str:
    counts = {
        name: sum(level.game in games for level in levels) for name, levels in level_sets().items()
    }
    return ", ".join(f"{count} of {name}" for name, count in counts.items() if count)


def _todo(missing: Sequence[str]) -> list[str]:
    if not missing:
        return ["", "Every ROM that you have to provide is present."]
    lines = [
        "",
        "To do: dump your own cartridges, or take the ROM files of a collection you bought;",
    ]
    lines += [
        "`python -m arena roms import FOLDER` recognises them by SHA-1, whatever their names."
    ]
    for game, parts in joined_from().items():
        if game in missing:
            lines.append(f"{game} is also joined from {' and '.join(parts)}.")
    return lines


def _folder(game: str) -> Path:
    path = stable_retro.data.get_file_path(game, "rom.sha", CONTEST_GAMES)
    if path is None:
        raise RomError(f"{_data()} has no {game}: is RETRO_DATA_PATH a complete copy?")
    return Path(path).parent


def _accepted(game: str) -> list[str]:
    """Return the SHA-1s that a game accepts."""
    return (_folder(game) / "rom.sha").read_text(encoding="ascii").lower().split()


def _rom_path(game: str) -> Path:
    return _folder(game) / ROM_FILE


def _data() -> Path:
    return Path(stable_retro.data.path())


def _sha1(data: bytes) -> str:
    return hashlib.sha1(data, usedforsecurity=False).hexdigest()
