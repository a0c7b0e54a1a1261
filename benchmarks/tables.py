"""Formats the Markdown tables of all benchmarks, with the library tabulate."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def markdown_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table.

    Args:
        head: one heading for each column.
        rows: one text for each column. A vertical bar in a text is written as a slash.

    Raises:
        ValueError: the number of cells in a row differs from the head's.
    """
    from tabulate import DataRow, TableFormat, tabulate  # --help does not need it

    cells = [[cell.replace("|", "/") for cell in row] for row in (head, *rows)]
    if wrong := [row for row in cells if len(row) != len(head)]:
        raise ValueError(f"a row has {len(wrong[0])} cells, the table has {len(head)} columns")
    row = DataRow("|", "|", "|")
    # GitHub's Markdown without padding: a changed number changes one line of a diff, not the table.
    layout = TableFormat(
        lineabove=None,
        linebelowheader=_rule,
        linebetweenrows=None,
        linebelow=None,
        headerrow=row,
        datarow=row,
        padding=1,
        with_header_hide=None,
    )
    table: str = tabulate(
        cells[1:], cells[0], tablefmt=layout, disable_numparse=True, stralign=None
    )
    return table


def _rule(widths: Sequence[int], alignments: Sequence[str]) -> str:
    return "| " + " | ".join("---" for _ in widths) + " |"
