"""Writes files and folders atomically, and computes checksums."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file under a temporary name, fsync it and rename it into place.

    A reader sees the old file or the new one, but never a part. The folder must exist.

    Raises:
        OSError: the disk is full or the folder is not writable; the old file is unchanged.
    """
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        # mkstemp's 0600 would make the file unreadable for a container's user. File systems
        # without modes, such as FAT, may refuse the change and need none.
        with contextlib.suppress(PermissionError):
            os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


@contextlib.contextmanager
def replacing_folder(folder: Path) -> Iterator[Path]:
    """Yield an empty folder beside `folder`, which replaces it if the block raises no error.

    If the process is killed while the two are exchanged, the old folder is still beside it, as
    `.NAME.old`.

    Raises:
        OSError: the new folder can't be created or moved; the old one is unchanged.
    """
    building, old = (folder.parent / f".{folder.name}.{what}" for what in ("building", "old"))
    shutil.rmtree(building, ignore_errors=True)
    building.mkdir(parents=True)
    try:
        yield building
        shutil.rmtree(old, ignore_errors=True)
        if folder.exists():
            os.rename(folder, old)
        os.rename(building, folder)
        shutil.rmtree(old, ignore_errors=True)
    finally:
        shutil.rmtree(building, ignore_errors=True)


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file, in lower-case hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
