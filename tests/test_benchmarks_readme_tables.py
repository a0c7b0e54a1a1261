"""Measured tables in a README: they are replaced, and nothing else is."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.readme_tables import renew, renewed

TEXT = "a\n<!-- one -->\nold\n<!-- end -->\nb\n<!-- two -->\n<!-- end -->\nc <!-- end -->\n"


def test_only_what_stands_between_a_tables_markers_is_replaced() -> None:
    made = {"one": r"new \1", "two": "| two |\n| --- |", "three": "of another README"}
    changed = renewed(TEXT, made)
    assert changed == TEXT.replace("old", r"new \1").replace(
        "two -->\n", f"two -->\n{made['two']}\n"
    )
    assert renewed(changed, made) == changed


def test_a_file_is_written_only_where_something_changed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    readme = tmp_path / "README.md"
    readme.write_text(TEXT)
    renew(readme, {"one": "new"})
    assert readme.read_text() == TEXT.replace("old", "new")
    assert capsys.readouterr().err == f"written into {readme}\n"
    renew(readme, {"one": "new"})
    assert capsys.readouterr().err == ""
    renew(readme, {"three": "new"})
    assert capsys.readouterr().err == f"note: {readme} has no markers <!-- three -->\n"
