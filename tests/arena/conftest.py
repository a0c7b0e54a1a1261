"""Folders that several tests of the arena use."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def base() -> Iterator[Path]:
    """A folder for a server's files, with a path that is short enough for a socket."""
    with tempfile.TemporaryDirectory(prefix="wm") as folder:
        yield Path(folder) / "sock"


@pytest.fixture
def level_dir(tmp_path: Path) -> Path:
    """The folder of a level in a run folder."""
    folder = tmp_path / "level"
    folder.mkdir()
    return folder
