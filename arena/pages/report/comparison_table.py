"""Prints a comparison in the terminal: scores, differences, levels finished, differing settings."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from agent.command_line.terminal import printable
from arena.evaluation.progress import short_names
from arena.pages.page import NOTHING, number, signed, signed_pair
from arena.pages.report.comparison import ComparedLevel, Comparison, Difference
from arena.pages.report.comparison_page import differing_settings

STYLES = {"better": "green", "worse": "red"}


def show_comparison(console: Console, comparison: Comparison) -> None:
    """Print the runs, their levels, and the settings that differ; a letter stands for each run."""
    for run in comparison.runs:
        _say(console, run.label)
    for warning in comparison.warnings:
        console.print(Text(printable(f"note: {warning}"), style="yellow"), soft_wrap=True)
    console.print()
    _print(console, _runs(comparison))
    _print(console, _levels(comparison))
    settings = differing_settings(comparison)
    if settings:
        table = _table("setting", *(run.letter for run in comparison.runs), justify="left")
        for name, values in settings:
            table.add_row(*(Text(printable(value)) for value in (name, *values)))
        _print(console, table)
    else:
        _say(console, "all settings are the same")
        console.print()


def _runs(comparison: Comparison) -> Table:
    headers = ("score", "levels\nfinished", "difference", "95% interval", "verdict")
    table = _table("run", *headers)
    for run in comparison.runs:
        finished = run.finished
        table.add_row(
            run.letter,
            number(run.shared),
            f"{finished[0]} of {finished[1]}" if finished else NOTHING,
            *_difference(run.difference),
            Text(
                run.difference.verdict if run.difference else "",
                style=STYLES.get(run.difference.verdict, "") if run.difference else "",
            ),
        )
    return table


def _levels(comparison: Comparison) -> Table:
    """Scores by level; with two runs there is room for the interval of their difference."""
    labels = [run.label for run in comparison.runs]
    two = len(labels) == 2
    more = ("difference", "95% interval") if two else ()
    table = _table("level", *(run.letter for run in comparison.runs), *more)
    names = short_names([level.level for level in comparison.levels])
    for level in comparison.levels:
        scores = [_score(level, label) for label in labels]
        table.add_row(
            Text(names[level.level]),
            *scores,
            *(_difference(level.differences.get(labels[1])) if two else ()),
        )
    return table


def _score(level: ComparedLevel, label: str) -> str:
    record = level.records.get(label)
    if record is None:
        return "not played"
    score = record.result.score
    return record.result.outcome if score is None else number(score)


def _difference(difference: Difference | None) -> tuple[str, str]:
    if difference is None:
        return "", ""
    return signed(difference.value), signed_pair(difference.interval)


def _table(first: str, *others: str, justify: str = "right") -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column(first, overflow="fold")
    for name in others:
        table.add_column(name, justify="left" if justify == "left" else "right", overflow="fold")
    return table


def _print(console: Console, table: Table) -> None:
    console.print(table)
    console.print()


def _say(console: Console, text: str) -> None:
    console.print(printable(text), soft_wrap=True, highlight=False, markup=False)
