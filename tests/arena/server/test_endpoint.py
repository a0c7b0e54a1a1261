"""The server's files: their permissions, and folders that can't be used."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import numpy as np
import pytest

from arena.server.endpoint import Endpoint, EndpointError


def test_the_files_are_open_to_an_agent_of_another_user(base: Path) -> None:
    before = os.umask(0o077)
    try:
        endpoint = Endpoint(base, 60)
    finally:
        os.umask(before)
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (base, base / "sock", base / "ob")]
    assert modes == [0o755, 0o666, 0o666]
    assert (base / "ob").stat().st_size == 60
    endpoint.close()
    endpoint.close()
    assert not list(base.iterdir())


@pytest.mark.parametrize(
    ("folder", "reason"),
    [
        ("x" * 120, "the path of the socket has .* bytes, but at most 107 are allowed"),
        ("file", "can't serve in .*file"),
        ("file/under", "can't serve in .*Not a directory"),
    ],
)
def test_an_unusable_folder_gives_one_clear_line(base: Path, folder: str, reason: str) -> None:
    (base.parent / "file").touch()
    with pytest.raises(EndpointError, match=reason):
        Endpoint(base.parent / folder, 60)


def test_a_full_disk_gives_one_clear_line(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: object) -> int:
        raise OSError(28, "No space left on device")

    endpoint = Endpoint(base, 60)
    monkeypatch.setattr(os, "pwrite", full)
    with pytest.raises(EndpointError, match="No space left"):
        endpoint.write(np.zeros(60, np.uint8))
    endpoint.close()
