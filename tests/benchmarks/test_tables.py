"""Markdown tables of the benchmarks."""

from __future__ import annotations

import pytest

from benchmarks.tables import markdown_table


def test_cells_are_written_as_they_are() -> None:
    assert markdown_table(["agent", "score"], [["JERK", "1,600"], ["a | b", ""]]) == (
        "| agent | score |\n| --- | --- |\n| JERK | 1,600 |\n| a / b |  |"
    )
    assert markdown_table(["agent"], []) == "| agent |\n| --- |"


def test_a_row_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="1 cells, the table has 2 columns"):
        markdown_table(["agent", "score"], [["JERK"]])
