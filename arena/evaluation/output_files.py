"""Finds the files that an agent has written and that are safe to copy.

An untrusted agent must not choose what is read on this machine, so links and special files are
left out, and the size and the number of the files are limited.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from agent.guarded_files import open_guarded

MAX_OUTPUT_BYTES = 256 * 2**20
MAX_OUTPUT_FILES = 10_000


def regular_files(
    folder: Path, max_bytes: int = MAX_OUTPUT_BYTES, max_files: int = MAX_OUTPUT_FILES
) -> Iterator[tuple[Path, BinaryIO]]:
    """Open the regular files of a folder and its subfolders one after the other, in sorted order.

    Links, special files and unreadable files are excluded. A file is also excluded if the total
    size would exceed `max_bytes` with it.

    Returns:
        Pairs of a path relative to the folder, and the open file; it is closed after its turn.
    """
    for parent, folders, names in os.walk(folder):
        folders.sort()
        for path in (Path(parent, name) for name in sorted(names)):
            if max_files == 0:
                return
            try:
                file = open_guarded(path, max_bytes)
            except OSError:
                continue
            with file:
                max_bytes -= os.fstat(file.fileno()).st_size
                max_files -= 1
                yield path.relative_to(folder), file
