"""Folders of other commands, other files and running processes are left alone."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from arena.evaluation.run_folder import RunFolder, RunFolderError, open_run

SETTINGS = {"budget_steps": 100, "agent": {"kind": "command"}}


def open_folder(out: Path, settings: dict[str, object] = SETTINGS) -> RunFolder:
    return open_run(out, settings, name="x", seeds={}, argv=["the", "command"])


def finish(run: RunFolder) -> None:
    (run.path / "results.json").touch()
    run.close()


def test_a_run_without_any_result_leaves_no_folder(tmp_path: Path) -> None:
    run = open_folder(tmp_path / "a" / "b")
    run.close()
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "mine").mkdir()
    open_folder(tmp_path / "mine").close()
    assert list((tmp_path / "mine").iterdir()) == []
    finish(open_folder(tmp_path / "a"))
    open_folder(tmp_path / "a").close()
    assert {path.name for path in (tmp_path / "a").iterdir()} == {
        "run.json",
        ".lock",
        "results.json",
    }


def test_the_folder_of_another_command_is_left_alone(tmp_path: Path) -> None:
    out = tmp_path / "run"
    finish(open_folder(out))
    before = (out / "run.json").read_bytes()
    with pytest.raises(RunFolderError, match="budget_steps: 100 -> 200.*the command"):
        open_folder(out, SETTINGS | {"budget_steps": 200})
    assert (out / "run.json").read_bytes() == before


def test_a_folder_without_a_run_is_left_alone(tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").touch()
    with pytest.raises(RunFolderError, match="contains other files"):
        open_folder(mine)
    with pytest.raises(RunFolderError, match="is a file"):
        open_folder(mine / "thesis.txt")
    with pytest.raises(RunFolderError, match="can't write"):
        open_folder(Path("/proc/nothing/here"))
    (mine / "run.json").write_text("{}")
    with pytest.raises(RunFolderError, match=r"run\.json is not a"):
        open_folder(mine)


def test_a_folder_whose_name_is_not_utf8_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match=r"\\xff' is not UTF-8.*give another --out"):
        open_folder(tmp_path / os.fsdecode(b"\xff"))
    assert list(tmp_path.iterdir()) == []


def test_a_folder_in_use_is_left_alone(tmp_path: Path) -> None:
    first = open_folder(tmp_path / "run")
    with pytest.raises(RunFolderError, match="in use by another process"):
        open_folder(tmp_path / "run")
    first.close()
    open_folder(tmp_path / "run").close()
