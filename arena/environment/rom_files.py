"""Reads the possible ROM files of a folder and its .zip files, in every known dump format.

Dumps may have a copier's header, be interleaved or byte-swapped, or have bytes after the ROM.
`arena.environment.roms` recognises a ROM by its SHA-1.
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
ROM_END = 0x1A4  # in a ROM's header: the address of its last byte, 4 bytes
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
    """Yield the ROMs that a dump may contain, the file itself first.

    A dump may have a copier's header, may be interleaved or byte-swapped, and may have further
    bytes after the ROM. The ROM's own header gives its length. stable-retro's `parse_smd` is not
    used, because it converts nothing under Python 3.
    """
    yield data
    for body in (data, data[COPIER_HEADER_BYTES:]):
        even, whole = len(body) - len(body) % 2, len(body) - len(body) % SMD_BLOCK_BYTES
        for form in (body, _swap(body[:even]), _deinterleave(body[:whole])):
            length = int.from_bytes(form[ROM_END : ROM_END + 4], "big") + 1
            yield from (part for part in (form, form[:length]) if part)


def _swap(body: bytes) -> bytes:
    """Exchange the two bytes of each 16-bit word."""
    rom = bytearray(body)
    rom[::2], rom[1::2] = body[1::2], body[::2]
    return bytes(rom)


def _deinterleave(body: bytes) -> bytes:
    """Convert the Super Magic Drive format, whose 16 KiB blocks have odd bytes, then even bytes."""
    rom = bytearray(len(body))
    half = SMD_BLOCK_BYTES // 2
    for start in range(0, len(body), SMD_BLOCK_BYTES):
        rom[start + 1 : start + SMD_BLOCK_BYTES : 2] = body[start : start + half]
        rom[start : start + SMD_BLOCK_BYTES : 2] = body[start + half : start + SMD_BLOCK_BYTES]
    return bytes(rom)


def title(data: bytes) -> str:
    """Return the overseas title in a ROM's header (0x150, 48 characters); "" if there is none."""
    if data[0x100:0x104] != b"SEGA":
        return ""
    return " ".join(data[0x150:0x180].decode("ascii", "replace").split()) or "untitled"
