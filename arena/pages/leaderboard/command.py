"""`local_eval.py leaderboard`: writes the page and the CSV of all runs, and prints the table."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from rich.console import Console
from rich.table import Table
from rich.text import Text

from agent.command_line import option
from agent.command_line.terminal import printable
from agent.errors import UserError
from agent.files import write_atomically
from arena.evaluation.printed import output
from arena.evaluation.run_folder import DEFAULT_ROOT
from arena.evaluation.score import INTERVAL_METHOD
from arena.pages.leaderboard.entries import Entry, read_entries
from arena.pages.page import NOTHING, count, number, pair, render

PAGE = "leaderboard.html"
CSV = "leaderboard.csv"
COLUMNS = (
    *("run", "agent", "levels", "budget_steps", "seed", "score", "interval_low"),
    *("interval_high", "levels_finished", "levels_scored", "levels_total", "status", "started"),
)
WIDE = 120  # terminal width in columns from which seeds and intervals are shown


@dataclass(frozen=True)
class LeaderboardOptions:
    """Rank all runs of a folder: a sortable page, a CSV file and a table."""

    runs: Path = option("folder that contains run folders", DEFAULT_ROOT, positional=True)
    out: Path | None = option(f"folder for {PAGE} and {CSV} [the folder of the runs]", None)


def leaderboard(options: LeaderboardOptions) -> int:
    """Run the command."""
    if not options.runs.is_dir():
        raise UserError(f"there is no folder {options.runs}: give a folder that contains runs")
    entries, notes = read_entries(options.runs)
    if not entries:
        reason = f" ({notes[0]})" if notes else ""
        raise UserError(
            f"{options.runs} contains no run folder with a readable results.json{reason}: run"
            " `local_eval.py run` first"
        )
    out = options.out or options.runs
    write(out, entries, notes)
    console = output()
    for note in notes:
        console.print(Text(printable(f"note: {note}"), style="yellow"), soft_wrap=True)
    show(console, entries)
    for word, name in (("page", PAGE), ("numbers", CSV)):
        line = printable(f"{word:<8} {out / name}")
        console.print(line, soft_wrap=True, highlight=False, markup=False)
    return 0


def write(out: Path, entries: Sequence[Entry], notes: Sequence[str]) -> None:
    """Write the page and the CSV file into a folder, which is created if it does not exist.

    Raises:
        UserError: the folder is not writable.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        write_atomically(out / CSV, csv_of(entries).encode(errors="backslashreplace"))
        write_atomically(out / PAGE, page_of(entries, notes, out))
    except OSError as error:
        raise UserError(f"{out} can't be written ({error.strerror}): use another --out") from None


def page_of(entries: Sequence[Entry], notes: Sequence[str], out: Path) -> bytes:
    """Build the page, as HTML; links to reports are relative to the folder `out`."""
    links = {
        entry: quote(os.path.relpath(entry.report, out)) if entry.report else None
        for entry in entries
    }
    return render(
        "leaderboard.html",
        {},
        entries=entries,
        links=links,
        notes=notes,
        csv=CSV,
        method=INTERVAL_METHOD,
    )


def csv_of(entries: Sequence[Entry]) -> str:
    """Build the CSV file; numbers are unrounded, and a missing one is empty."""
    file = io.StringIO()
    rows = csv.writer(file, lineterminator="\n")
    rows.writerow(COLUMNS)
    for entry in entries:
        low, high = entry.interval or (None, None)
        rows.writerow(
            [
                *map(_cell, (entry.name, entry.agent, entry.levels)),
                *(entry.budget_steps, entry.seed, entry.score, low, high, entry.finished),
                *(entry.levels_scored, entry.levels_total, entry.status, _cell(entry.started)),
            ]
        )
    return file.getvalue()


def show(console: Console, entries: Sequence[Entry]) -> None:
    """Print a table for each level set and budget."""
    wide = console.width >= WIDE
    for levels, budget in dict.fromkeys((entry.levels, entry.budget_steps) for entry in entries):
        console.print(Text(printable(f"{levels}, {budget:,} timesteps per level"), style="bold"))
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
        table.add_column("run", overflow="fold", ratio=1 if wide else None)
        table.add_column("agent", overflow="fold")
        more = ("seed", "95% interval") if wide else ()
        for header in ("score", *more, "levels finished"):
            table.add_column(header, justify="right", no_wrap=True)
        for entry in entries:
            if (entry.levels, entry.budget_steps) == (levels, budget):
                table.add_row(
                    Text(printable(entry.name)),
                    Text(printable(entry.agent)),
                    number(entry.score) if entry.score is not None else entry.status,
                    *((count(entry.seed), pair(entry.interval)) if wide else ()),
                    finished_of(entry),
                )
        console.print(table)
        console.print()


def finished_of(entry: Entry) -> str:
    """Return the number of levels finished with the number of all levels."""
    return NOTHING if entry.finished is None else f"{entry.finished} of {entry.levels_total}"


def _cell(value: str) -> str:
    """Return a text that a spreadsheet does not take for a formula."""
    return f"'{value}" if value.startswith(("=", "+", "-", "@", "\t", "\r")) else value
