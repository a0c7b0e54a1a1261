"""Makes the pages: a run's report, and the comparison of several runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from agent.files import write_atomically
from arena.evaluation.score import INTERVAL_METHOD
from arena.pages import figures
from arena.pages.curves import MAX_DOTS
from arena.pages.figures import Figure
from arena.pages.page import NOTHING, render
from arena.pages.report.advice import Advice, advise
from arena.pages.report.comparison import ComparedLevel, Comparison, compare
from arena.pages.report.endings import Endings, MapOf, endings, no_map
from arena.pages.report.records import LevelRecord, ReportError, RunRecord, read_record
from arena.pages.report.references import Reference, read_references
from arena.pages.report.time_spent import time_spent
from arena.replay import footage
from arena.replay.footage import Video

FILE_NAME = "report.html"
COMPARISON_NAME = "comparison.html"


@dataclass(frozen=True)
class LevelSection:
    """What the page tells of one level.

    Attributes:
        id: of its plot and its heading.
        level: the level.
        before: mean return of the episodes before the lock-in; None where there is none.
        after: of those played locked in.
        dots: how many episodes the plot shows as dots.
        endings: where they ended, where that can be told.
        references: agent -> its score on the level.
    """

    id: str
    level: LevelRecord
    before: float | None
    after: float | None
    dots: int
    endings: Endings | None
    references: dict[str, float]


def write_report(
    folder: Path, out: Path | None = None, map_of: MapOf = no_map, videos: bool = True
) -> Path:
    """Make a run folder's page, whole or not at all.

    Args:
        folder: the run folder.
        out: where the page goes; left out, FOLDER/report.html.
        map_of: draws a level's map.
        videos: play the best and a typical episode again and film them: some ten seconds each.

    Raises:
        ReportError: no run folder, or the page can't be written.
    """
    run = read_record(folder)
    with ThreadPoolExecutor(1) as beside:  # the cameras are processes, and the tuner takes as long
        filming = beside.submit(footage.film, run, footage.takes(run) if videos else [])
        advice = advise(run)
        filmed = filming.result()
    return _write(out or folder / FILE_NAME, report(run, advice, map_of, filmed))


def write_comparison(folders: Sequence[Path], out: Path | None = None) -> Path:
    """Compare runs: the page goes to `out`, by default into the first run's folder.

    Raises:
        ReportError: one is no run folder, the same one twice, or the page can't be written.
    """
    seen = [folder.resolve() for folder in folders]
    if len(set(seen)) != len(seen):
        raise ReportError("a run folder is named twice: name each once")
    compared = compare([read_record(folder) for folder in folders])
    return _write(out or folders[0] / COMPARISON_NAME, comparison_page(compared))


def report(
    run: RunRecord, advice: Advice, map_of: MapOf = no_map, videos: Sequence[Video] = ()
) -> bytes:
    """The page of a run."""
    references = read_references([level.result.level for level in run.levels])
    sections = [
        _section(number, level, references, map_of) for number, level in enumerate(run.levels)
    ]
    spent = time_spent(run.levels)
    plots = _plots(run, sections, references, advice.threshold)
    if spent is not None:
        plots["time"] = figures.time_parts(spent)
    locked = [level for level in run.levels if level.locked is not None]
    return render(
        "run.html",
        plots,
        run=run,
        results=run.results,
        sections=sections,
        references=references,
        advice=advice,
        videos=videos,
        spent=spent,
        repacked=footage.repacked(run),
        has_journal=bool(locked),
        locked_levels=sum(level.locked.any() for level in locked if level.locked is not None),
        episodes=sum(len(level.returns) for level in run.levels),
        seconds=sum(level.result.seconds or 0.0 for level in run.levels),
        method=INTERVAL_METHOD,
        settings=_flat(run.settings),
        provenance=_provenance(run),
    )


def comparison_page(comparison: Comparison) -> bytes:
    """The page of several runs."""
    plots: dict[str, Figure] = {}
    rows = [
        (run.label, run.shared, run.shared_interval, number == 0)
        for number, run in enumerate(comparison.runs)
        if run.shared is not None
    ]
    if rows:
        plots["agents"] = figures.agents([row for row in reversed(rows) if row[1] is not None])
    levels: list[tuple[str, ComparedLevel]] = []
    for number, level in enumerate(comparison.levels):
        played = [(label, rec) for label, rec in level.records.items() if len(rec.returns)]
        if len(played) > 1:
            plots[f"level-{number}"] = figures.runs_of_level(level.level, played)
            levels.append((f"level-{number}", level))
    return render(
        "comparison.html",
        plots,
        comparison=comparison,
        plotted=levels,
        method=INTERVAL_METHOD,
        settings=[_flat(run.run.settings) for run in comparison.runs],
    )


def _plots(
    run: RunRecord,
    sections: Sequence[LevelSection],
    references: Sequence[Reference],
    advised: float | None,
) -> dict[str, Figure]:
    plots = {
        section.id: figures.level(
            section.level, run.lock_in_score, advised, run.results.budget_steps
        )
        for section in sections
        if len(section.level.returns)
    }
    played = [level for level in run.levels if len(level.returns)]
    if played:
        plots["before-after"] = figures.before_and_after(played)
    rows = [(ref.name, ref.mean, ref.interval, False) for ref in references]
    if run.results.mean is not None:
        rows.append(
            (f"{run.results.agent} (this run)", run.results.mean, run.results.interval, True)
        )
    if rows:
        plots["agents"] = figures.agents(sorted(rows, key=lambda row: row[1]))
    return plots


def _section(
    number: int, level: LevelRecord, references: Sequence[Reference], map_of: MapOf
) -> LevelSection:
    locked = np.zeros(len(level.returns), bool) if level.locked is None else level.locked
    return LevelSection(
        id=f"level-{number}",
        level=level,
        before=_mean(level.returns[~locked]),
        after=_mean(level.returns[locked]),
        dots=min(len(level.returns), MAX_DOTS),
        endings=endings(level, map_of),
        references={
            ref.name: ref.scores[level.result.level]
            for ref in references
            if level.result.level in ref.scores
        },
    )


def _mean(returns: np.ndarray) -> float | None:
    return float(returns.mean()) if len(returns) else None


def _flat(values: Any, prefix: str = "") -> list[tuple[str, str]]:
    """Settings as rows of a table; the levels are told elsewhere."""
    rows: list[tuple[str, str]] = []
    for key, value in values.items():
        if prefix == "" and key == "levels":
            continue
        if isinstance(value, dict):
            rows += _flat(value, f"{prefix}{key}: ")
        else:
            rows.append((f"{prefix}{key}".replace("_", " "), _text(value)))
    return rows


def _provenance(run: RunRecord) -> list[tuple[str, str]]:
    seeds = {f"seed of the {name}": value for name, value in _items(run.run, "seeds")}
    rows = {"commit": run.commit, "started": run.started, **seeds}
    return _flat({**rows, **dict(_items(run.run, "packages")), **dict(_items(run.run, "device"))})


def _items(run: Mapping[str, Any], key: str) -> list[tuple[str, Any]]:
    value = run.get(key)
    return list(value.items()) if isinstance(value, dict) else []


def _text(value: Any) -> str:
    if value is None:
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return " ".join(map(str, value))
    return f"{value:,}" if isinstance(value, int) else str(value)


def _write(path: Path, page: bytes) -> Path:
    try:
        write_atomically(path, page)
    except OSError as error:
        raise ReportError(f"can't write {path}: {error.strerror}; give another --out") from error
    return path
