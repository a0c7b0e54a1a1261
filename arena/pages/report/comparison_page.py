"""Writes the page of a comparison: every run has one colour in all of its plots and tables."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from arena.evaluation.learning_curve import LearningCurve
from arena.evaluation.score import INTERVAL_METHOD
from arena.pages import figures, learning_plots
from arena.pages.figures import ScoreRow
from arena.pages.page import render
from arena.pages.report.comparison import ComparedLevel, Comparison, compare
from arena.pages.report.record_reader import read_record
from arena.pages.report.records import ReportError
from arena.pages.report.writing import flat_settings, write_page
from arena.pages.traces import Figure

FILE_NAME = "comparison.html"
ABSENT = "(not set)"


def compare_folders(folders: Sequence[Path]) -> Comparison:
    """Read and compare runs; the first is the baseline.

    Raises:
        ReportError: a folder is not a run folder, or is named twice.
    """
    named: dict[Path, Path] = {}
    for folder in folders:
        first = named.setdefault(folder.resolve(), folder)
        if first is not folder:
            raise ReportError(f"{folder} is named twice: name each run folder once")
    return compare([read_record(folder) for folder in folders])


def write_comparison(comparison: Comparison, out: Path | None = None) -> Path:
    """Write the page of a comparison; by default comparison.html in the first run's folder.

    Raises:
        ReportError: the page can't be written.
    """
    return write_page(out or comparison.runs[0].run.folder / FILE_NAME, comparison_page(comparison))


def comparison_page(comparison: Comparison) -> bytes:
    """Build the comparison of several runs, as HTML."""
    numbers = {run.label: number for number, run in enumerate(comparison.runs)}
    plots: dict[str, Figure] = {}
    rows = [
        ScoreRow(
            *(run.letter, run.shared, run.shared_interval),
            *(figures.colour_of(number), "circle", run.label),
        )
        for number, run in enumerate(comparison.runs)
        if run.shared is not None
    ]
    games = {level.level.partition(":")[0] for level in comparison.levels}
    if rows:
        plots["agents"] = figures.agents(rows[::-1])
    if curves := _learning_curves(comparison):
        plots["learning"] = learning_plots.of_runs(curves)
    levels: list[tuple[str, ComparedLevel]] = []
    for number, level in enumerate(comparison.levels):
        played = {
            numbers[label]: (label, record)
            for label, record in level.records.items()
            if len(record.returns)
        }
        if len(played) > 1:
            plots[f"level-{number}"] = figures.runs_of_level(played)
            levels.append((f"level-{number}", level))
    figures.share_axes([plots[plot] for plot, _ in levels])
    return render(
        "comparison.html",
        plots,
        comparison=comparison,
        plotted=levels,
        curves={label: curve for label, curve in curves.values()},
        one_game=len(games) == 1,
        colours={label: figures.colour_of(number) for label, number in numbers.items()},
        method=INTERVAL_METHOD,
        settings=differing_settings(comparison),
    )


def _learning_curves(comparison: Comparison) -> dict[int, tuple[str, LearningCurve]]:
    """Return number of a run -> label and learning curve on the shared levels."""
    found = {}
    for number, compared in enumerate(comparison.runs):
        levels = [level for level in compared.run.levels if level.result.level in comparison.shared]
        if (curve := learning_plots.curve_of(levels)) is not None:
            found[number] = (compared.label, curve)
    return found


def differing_settings(comparison: Comparison) -> list[tuple[str, list[str]]]:
    """Return the settings whose values are not the same in all runs: name and value by run."""
    tables = [
        {**dict(flat_settings(compared.run.settings)), "commit": compared.run.commit}
        for compared in comparison.runs
    ]
    rows = [
        (name, [table.get(name, ABSENT) for table in tables])
        for name in dict.fromkeys(name for table in tables for name in table)
    ]
    return [(name, values) for name, values in rows if len(set(values)) > 1]
