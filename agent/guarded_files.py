"""Reads files that an untrusted agent may have written or replaced.

An agent can put a pipe, a device, a link or a file of any size where the arena expects a file. A
plain `open` would then wait forever, leave the folder, or fill the memory.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO


class GuardedFileError(OSError):
    """A file of another kind or size than expected; the text names the file and what it is."""


def open_guarded(path: Path, max_bytes: int | None = None) -> BinaryIO:
    """Open a regular file for reading; neither the file nor its folder may be a link.

    Args:
        path: path of the file.
        max_bytes: largest size that is accepted; None for any, if the caller limits its reads.

    Raises:
        FileNotFoundError: the file does not exist.
        GuardedFileError: it is a link, a pipe, a device, a folder or too large.
        OSError: it is not readable.
    """
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        folder = os.open(path.parent, flags | os.O_DIRECTORY)
        try:
            # Non-blocking, because opening a pipe would wait for its other end.
            descriptor = os.open(path.name, flags | os.O_NONBLOCK, dir_fd=folder)
        finally:
            os.close(folder)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENOTDIR):
            raise GuardedFileError(f"{path} or its folder is a link: it is not read") from None
        if error.errno in (errno.ENXIO, errno.ENODEV):
            raise GuardedFileError(f"{path} is not a regular file: it is not read") from None
        raise
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise GuardedFileError(f"{path} is not a regular file: it is not read")
        if max_bytes is not None and status.st_size > max_bytes:
            raise GuardedFileError(
                f"{path} has {status.st_size:,} bytes, more than {max_bytes:,}: it is not read"
            )
        return open(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def read_guarded(path: Path, max_bytes: int) -> bytes:
    """Return the content of a file, opened as `open_guarded` does.

    Raises:
        OSError: see `open_guarded`.
    """
    with open_guarded(path, max_bytes) as file:
        return file.read(max_bytes)  # the file may grow while it is read


def read_guarded_end(path: Path, max_bytes: int) -> bytes:
    """Return the last bytes of a file of any size, opened as `open_guarded` does.

    Raises:
        OSError: see `open_guarded`.
    """
    with open_guarded(path) as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - max_bytes))
        return file.read(max_bytes)
