"""A benchmark's result: written, read, shown; errors name the file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from agent.errors import UserError
from benchmarks import measured_tables
from benchmarks.measured import read_measured, show_measured, write_measured


def table(result: dict[str, Any]) -> str:
    return f"| {result['figure']:.1f} |"


def test_what_was_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "results" / "speed.json"
    assert read_measured(path) == {}
    write_measured(path, {"figure": 1.25})
    assert read_measured(path) == json.loads(path.read_text()) == {"figure": 1.25}
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_measured(path, {"figure": float("nan")})
    assert read_measured(path) == {"figure": 1.25}
    path.write_text("{")
    with pytest.raises(UserError, match=r"speed\.json can't be read .*give another --out"):
        read_measured(path)


def test_a_path_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"speed\.json can't be written .*give another --out"):
        write_measured(tmp_path / "file" / "speed.json", {"figure": 1.0})


def test_a_result_is_shown_and_written_into_the_documents(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    readme, path = tmp_path / "README.md", tmp_path / "speed.json"
    readme.write_text("<!-- speed -->\n<!-- end -->\n")
    monkeypatch.setattr(measured_tables, "ROOT", tmp_path)
    with pytest.raises(UserError, match=r"speed\.json is missing: measure first"):
        show_measured(path, "speed", table)
    for content in ({"of another": 1}, {"figure": None}):
        write_measured(path, content)
        with pytest.raises(UserError, match=r"speed\.json is not a file of this benchmark"):
            show_measured(path, "speed", table)
    assert readme.read_text() == "<!-- speed -->\n<!-- end -->\n"
    write_measured(path, {"figure": 1.25})
    show_measured(path, "speed", table)
    assert capsys.readouterr().out == "| 1.2 |\n"
    assert readme.read_text() == "<!-- speed -->\n| 1.2 |\n<!-- end -->\n"
