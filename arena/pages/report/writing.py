"""Writes the pages: the report of a run, and the comparison of several runs."""

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
from arena.pages.page import NOTHING, render
from arena.pages.report.advice import AdviceSummary, summarize_advice
from arena.pages.report.comparison import ComparedLevel, Comparison, compare
from arena.pages.report.episode_ends import DrawMap, EpisodeEnds, episode_ends, no_map
from arena.pages.report.record_reader import read_record
from arena.pages.report.records import LevelRecord, ReportError, RunRecord
from arena.pages.report.reference_scores import ReferenceScore, read_reference_scores
from arena.pages.report.time_spent import time_spent
from arena.pages.report.videos import ReportVideo, choose_episodes, make_videos, model_changed
from arena.pages.traces import Figure

FILE_NAME = "report.html"
COMPARISON_NAME = "comparison.html"


@dataclass(frozen=True)
class LevelSection:
    """The page's section of one level.

    Attributes:
        id: HTML id of the plot and the heading.
        level: the level.
        before: mean return of the episodes before the lock-in; None if there are none.
        after: mean return of the locked-in episodes; None if there are none.
        dots: number of episodes that the plot draws as dots.
        ends: where the episodes ended; None if the reward is not progress.
        references: score of each other agent on the level.
    """

    id: str
    level: LevelRecord
    before: float | None
    after: float | None
    dots: int
    ends: EpisodeEnds | None
    references: dict[str, float]


def write_report(
    folder: Path, out: Path | None = None, draw_map: DrawMap = no_map, videos: bool = True
) -> Path:
    """Write the report of a run; the file appears only when it is complete.

    Args:
        folder: the run folder.
        out: the page. Default: FOLDER/report.html.
        draw_map: function that draws a level's map.
        videos: whether to render the best and a typical episode, which takes about ten
            seconds each.

    Raises:
        ReportError: the folder is not a run folder, or the page can't be written.
    """
    run = read_record(folder)
    with ThreadPoolExecutor(1) as pool:  # videos and advice take about the same time
        rendering = pool.submit(make_videos, run, choose_episodes(run) if videos else [])
        advice = summarize_advice(run)
        rendered = rendering.result()
    return _write(out or folder / FILE_NAME, report(run, advice, draw_map, rendered))


def write_comparison(folders: Sequence[Path], out: Path | None = None) -> Path:
    """Write the comparison of runs.

    Args:
        folders: the run folders; the first is the baseline.
        out: the page. Default: comparison.html in the first folder.

    Raises:
        ReportError: a folder is not a run folder or is named twice, or the page can't be written.
    """
    seen = [folder.resolve() for folder in folders]
    if len(set(seen)) != len(seen):
        raise ReportError("a run folder is named twice: name each folder once")
    compared = compare([read_record(folder) for folder in folders])
    return _write(out or folders[0] / COMPARISON_NAME, comparison_page(compared))


def report(
    run: RunRecord,
    advice: AdviceSummary,
    draw_map: DrawMap = no_map,
    videos: Sequence[ReportVideo] = (),
) -> bytes:
    """Build the report of a run, as HTML."""
    references = read_reference_scores([level.result.level for level in run.levels])
    sections = [
        _section(number, level, references, draw_map) for number, level in enumerate(run.levels)
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
        model_changed=model_changed(run),
        has_journal=bool(locked),
        locked_levels=sum(level.locked.any() for level in locked if level.locked is not None),
        episodes=sum(len(level.returns) for level in run.levels),
        seconds=sum(level.result.seconds or 0.0 for level in run.levels),
        method=INTERVAL_METHOD,
        settings=_flat(run.settings),
        provenance=_provenance(run),
    )


def comparison_page(comparison: Comparison) -> bytes:
    """Build the comparison of several runs, as HTML."""
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
    references: Sequence[ReferenceScore],
    recommended: float | None,
) -> dict[str, Figure]:
    plots = {
        section.id: figures.level(
            section.level, run.lock_in_score, recommended, run.results.budget_steps
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
    number: int, level: LevelRecord, references: Sequence[ReferenceScore], draw_map: DrawMap
) -> LevelSection:
    locked = np.zeros(len(level.returns), bool) if level.locked is None else level.locked
    return LevelSection(
        id=f"level-{number}",
        level=level,
        before=_mean(level.returns[~locked]),
        after=_mean(level.returns[locked]),
        dots=min(len(level.returns), MAX_DOTS),
        ends=episode_ends(level, draw_map),
        references={
            ref.name: ref.scores[level.result.level]
            for ref in references
            if level.result.level in ref.scores
        },
    )


def _mean(returns: np.ndarray) -> float | None:
    return float(returns.mean()) if len(returns) else None


def _flat(values: Any, prefix: str = "") -> list[tuple[str, str]]:
    """Flatten settings into the rows of a table, without the levels."""
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
    seeds = {f"random seed of {name}": value for name, value in _items(run.run, "seeds")}
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
