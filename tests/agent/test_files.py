"""Atomic writing: a failed write leaves the old file unchanged."""

from __future__ import annotations

import errno
import hashlib
import os
from pathlib import Path

import pytest

from agent.files import replacing_folder, sha256, write_atomically


def test_a_file_is_written_and_replaced_without_leftovers(tmp_path: Path) -> None:
    path = tmp_path / "state"
    write_atomically(path, b"old")
    write_atomically(path, b"new")
    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o777 == 0o644
    assert list(tmp_path.iterdir()) == [path]


def test_a_failed_write_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "state"
    write_atomically(path, b"old")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_system_without_modes_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "chmod", refuse)
    write_atomically(tmp_path / "state", b"new")
    assert (tmp_path / "state").read_bytes() == b"new"


def test_a_folder_is_replaced_only_by_a_complete_one(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    for content in ("old", "new"):
        with replacing_folder(folder) as building:
            (building / content).touch()
    assert [path.name for path in folder.iterdir()] == ["new"]
    with pytest.raises(OSError, match="No space left"), replacing_folder(folder) as building:
        (building / "partial").touch()
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert [path.name for path in folder.iterdir()] == ["new"]
    assert list(tmp_path.iterdir()) == [folder]


def test_sha256_equals_hashlib(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"pangolin")
    assert sha256(tmp_path / "file") == hashlib.sha256(b"pangolin").hexdigest()
