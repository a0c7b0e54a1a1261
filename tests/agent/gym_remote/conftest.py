"""Fixtures of the client's tests: a short folder for the socket, and a scripted server."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers.scripted_server import Server


@pytest.fixture
def base() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="wm") as folder:  # short: a socket's path is limited
        yield Path(folder)


@pytest.fixture
def server(base: Path) -> Iterator[Server]:
    server = Server(base)
    yield server
    server.stop()
