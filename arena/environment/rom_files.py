"""Reads the possible ROM files of a folder and its .zip files, in every known dump format.

Dumps may have a copier's header or be interleaved. `arena.environment.roms` recognises a ROM by its
SHA-1.
"""

from __future__ import annotations

import lzma
import os
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

MAX_FILE_BYTES = 32 << 20  # as in stable-retro's own importer: no cartridge is larger
MAX_ZIP_DEPTH = 2
COPIER_HEADER_BYTES = 512
SMD_BLOCK_BYTES = 16 << 10
ARCHIVES = (".7z", ".rar", ".gz", ".xz", ".tar")
# RuntimeError: an encrypted file, or (a subclass) an unknown compression. The rest: damaged files.
ZIP_ERRORS = (
    zipfile.BadZipFile,
    RuntimeError,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    ValueError,
)

Log = Callable[[str], None]


def rom_candidates(folder: Path, log: Log) -> Iterator[tuple[str, bytes]]:
    """Yield the name and the bytes of every file that may be a ROM, also inside .zip files.

    Args:
        folder: searched with all its subfolders; a single file is read too.
        log: called with one line for each file that can't be read.
    """
    for path in _files(folder):
        name = str(path.relative_to(folder)) if path != folder else path.name
        try:
            if path.suffix.lower() in ARCHIVES:
                log(f"not read  {name}: unpack it first")
            elif path.suffix.lower() == ".zip":
                with path.open("rb") as file:
                    yield from _zipped(name, file, MAX_ZIP_DEPTH, log)
            elif path.stat().st_size <= MAX_FILE_BYTES:
                yield name, path.read_bytes()
        except OSError as error:
            log(f"not read  {name}: {error.strerror or error}")


def _files(folder: Path) -> Iterator[Path]:
    if folder.is_file():
        yield folder
    for root, folders, names in os.walk(folder):
        folders.sort()
        for path in (Path(root, name) for name in sorted(names)):
            if path.is_file():  # reading a pipe or a device might never end
                yield path


def _zipped(name: str, file: IO[bytes], depth: int, log: Log) -> Iterator[tuple[str, bytes]]:
    try:
        with zipfile.ZipFile(file) as archive:
            for entry in archive.infolist():
                if entry.filename.endswith("/") or entry.file_size > MAX_FILE_BYTES:
                    continue
                inside = f"{name}:{entry.filename}"
                with archive.open(entry) as member:
                    if not entry.filename.lower().endswith(".zip"):
                        yield inside, member.read(MAX_FILE_BYTES)
                    elif depth > 1:
                        yield from _zipped(inside, member, depth - 1, log)
    except ZIP_ERRORS as error:
        log(f"not read  {name}: {error}")


def rom_forms(data: bytes) -> Iterator[bytes]:
    """Yield the ROMs that a dump may contain: the file, or the part after a copier's header.

    That part is yielded as it is and, if its size allows, de-interleaved. stable-retro's own
    `parse_smd` never converts anything under Python 3.
    """
    yield data
    body = data[COPIER_HEADER_BYTES:]
    if body and len(body) % COPIER_HEADER_BYTES == 0:
        yield body
        if len(body) % SMD_BLOCK_BYTES == 0:
            yield _deinterleave(body)


def _deinterleave(body: bytes) -> bytes:
    """Super Magic Drive format: in each 16 KiB block, odd bytes come first, then even bytes."""
    rom = bytearray(len(body))
    half = SMD_BLOCK_BYTES // 2
    for start in range(0, len(body), SMD_BLOCK_BYTES):
        rom[start + 1 : start + SMD_BLOCK_BYTES : 2] = body[start : start + half]
        rom[start : start + SMD_BLOCK_BYTES : 2] = body[start + half : start + SMD_BLOCK_BYTES]
    return bytes(rom)


def title(data: bytes) -> str:
    """The overseas title in a Mega Drive ROM's header (0x150, 48 characters); "" if none."""
    if data[0x100:0x104] != b"SEGA":
        return ""
    return " ".join(data[0x150:0x180].decode("ascii", "replace").split()) or "untitled"
