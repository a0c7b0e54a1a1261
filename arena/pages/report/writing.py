"""Writes the report of a run: its plots, its sections and the page."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from agent.files import write_atomically
from arena.evaluation.progress import no_episode
from arena.evaluation.score import INTERVAL_METHOD
from arena.pages import figures, learning_plots
from arena.pages.curves import MAX_DOTS
from arena.pages.figures import ScoreRow
from arena.pages.page import NOTHING, render
from arena.pages.report.advice import AdviceSummary, summarize_advice
from arena.pages.report.episode_ends import DrawMap, EpisodeEnds, episode_ends, no_map
from arena.pages.report.lock_in import lock_in_sentence
from arena.pages.report.record_reader import read_record
from arena.pages.report.records import LevelRecord, ReportError, RunRecord
from arena.pages.report.reference_scores import ReferenceScore, read_reference_scores
from arena.pages.report.time_spent import time_spent
from arena.pages.report.videos import ReportVideo, choose_episodes, make_videos, model_changed
from arena.pages.traces import Figure

FILE_NAME = "report.html"


@dataclass(frozen=True)
class LevelSection:
    """The page's section of one level.

    Attributes:
        id: HTML id of the plot and the heading.
        level: the level.
        before: mean return of the episodes before the lock-in; None if there are none.
        after: mean return of the locked-in episodes; None if there are none.
        lock_in: when the lock-in was, or why there was none; "" without a journal.
        dots: number of episodes that the plot draws as dots.
        ends: where the episodes ended; None if the reward is not progress.
        references: score of each other agent on the level.
    """

    id: str
    level: LevelRecord
    before: float | None
    after: float | None
    lock_in: str
    dots: int
    ends: EpisodeEnds | None
    references: dict[str, float]


def write_report(
    folder: Path,
    out: Path | None = None,
    draw_map: DrawMap = no_map,
    videos: bool = True,
    show: Callable[[str], None] = lambda _: None,
) -> Path:
    """Write the report of a run; the file appears only when it is complete.

    Args:
        folder: the run folder.
        out: the page. Default: FOLDER/report.html.
        draw_map: function that draws a level's map.
        videos: whether to render the best and a typical episode, which takes about ten
            seconds each.
        show: function that is called with what is done from then on, to show it to the user.

    Raises:
        ReportError: the folder is not a run folder, or the page can't be written.
    """
    out = out or folder / FILE_NAME
    check_page(out)
    run = read_record(folder)
    chosen = choose_episodes(run) if videos else []
    with ThreadPoolExecutor(1) as pool:  # videos and advice take about the same time
        rendering = pool.submit(make_videos, run, chosen)
        show("simulating lock-in rules for the report")
        advice = summarize_advice(run)
        show(f"rendering {len(chosen)} video{'s' if len(chosen) > 1 else ''} for the report")
        rendered = rendering.result()
    show("writing the report")
    return write_page(out, report(run, advice, draw_map, rendered))


def report(
    run: RunRecord,
    advice: AdviceSummary,
    draw_map: DrawMap = no_map,
    videos: Sequence[ReportVideo] = (),
) -> bytes:
    """Build the report of a run, as HTML."""
    names = [level.result.level for level in run.levels]
    references, problem = read_reference_scores(names, run.results.budget_steps)
    sections = [
        _section(number, level, run, references, draw_map)
        for number, level in enumerate(run.levels)
    ]
    spent = time_spent(run.levels)
    plots = _plots(run, sections, references, advice.threshold)
    if (learned := learning_plots.curve_of(run.levels)) is not None:
        plots["learning"] = learning_plots.of_runs({0: ("score so far", learned)})
    if spent is not None:
        plots["time"] = figures.time_parts(spent)
    locked = [level for level in run.levels if level.locked is not None]
    return render(
        "run.html",
        plots,
        run=run,
        results=run.results,
        notes=[*run.notes, *([problem] if problem else [])],
        sections=sections,
        references=references,
        advice=advice,
        best_video=next((video for video in videos if video.episode.title != "typical"), None),
        videos=[video for video in videos if video.episode.title == "typical"],
        no_score=_no_score(run),
        spent=spent,
        learned=learned,
        model_changed=model_changed(run),
        has_journal=bool(locked),
        locked_levels=sum(level.locked.any() for level in locked if level.locked is not None),
        episodes=sum(len(level.returns) for level in run.levels),
        seconds=sum(level.result.seconds or 0.0 for level in run.levels),
        method=INTERVAL_METHOD,
        settings=flat_settings(run.settings),
        provenance=_provenance(run),
    )


def flat_settings(values: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Flatten settings into the rows of a table, without the levels."""
    rows: list[tuple[str, str]] = []
    for key, value in values.items():
        if prefix == "" and key == "levels":
            continue
        if isinstance(value, dict):
            rows += flat_settings(value, f"{prefix}{key}: ")
        else:
            rows.append((f"{prefix}{key}".replace("_", " "), _text(value)))
    return rows


def check_page(path: Path) -> None:
    """Check that a page would not replace a file of another kind, such as a run's results.

    Raises:
        ReportError: the path is a file of another kind.
    """
    if path.exists() and path.suffix.lower() not in (".html", ".htm"):
        raise ReportError(f"{path} exists and is not a page (.html): give another --out")


def write_page(path: Path, page: bytes) -> Path:
    """Write a page atomically and return its path.

    Raises:
        ReportError: the file can't be written, or it exists and is not a page.
    """
    check_page(path)
    try:
        write_atomically(path, page)
    except OSError as error:
        raise ReportError(f"can't write {path}: {error.strerror}; give another --out") from error
    return path


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
    figures.share_axes(list(plots.values()))
    played = [level for level in run.levels if len(level.returns)]
    if played:
        plots["before-after"] = figures.before_and_after(played)
    rows = [ScoreRow(ref.name, ref.mean, ref.interval) for ref in references]
    if run.results.mean is not None:
        name = f"{run.results.agent} (this run)"
        rows.append(ScoreRow(name, run.results.mean, run.results.interval, "--accent", "circle"))
    if rows:
        plots["agents"] = figures.agents(sorted(rows, key=lambda row: row.mean))
    return plots


def _section(
    number: int,
    level: LevelRecord,
    run: RunRecord,
    references: Sequence[ReferenceScore],
    draw_map: DrawMap,
) -> LevelSection:
    locked = np.zeros(len(level.returns), bool) if level.locked is None else level.locked
    before, after = _mean(level.returns[~locked]), _mean(level.returns[locked])
    return LevelSection(
        id=f"level-{number}",
        level=level,
        before=before,
        after=after,
        lock_in=lock_in_sentence(level, run.lock_in_score, before, after),
        dots=min(len(level.returns), MAX_DOTS),
        ends=episode_ends(level, draw_map),
        references={
            ref.name: ref.scores[level.result.level]
            for ref in references
            if level.result.level in ref.scores
        },
    )


def _no_score(run: RunRecord) -> str:
    """Say why a run has no score."""
    results = run.results
    if results.levels and len(results.failed) == len(results.levels):
        return "There is no score: every level failed. The reason is below, level by level."
    without = [level for level in results.levels if level.outcome == "no episode"]
    if without:
        return f"There is no score. {no_episode(results.budget_steps, without)}"
    return "There is no score yet: no level has been played to the end of its budget."


def _mean(returns: np.ndarray) -> float | None:
    return float(returns.mean()) if len(returns) else None


def _provenance(run: RunRecord) -> list[tuple[str, str]]:
    seeds = {f"random seed of {name}": value for name, value in _items(run.run, "seeds")}
    rows = {"commit": run.commit, "started": run.started, **seeds}
    return flat_settings(
        {**rows, **dict(_items(run.run, "packages")), **dict(_items(run.run, "device"))}
    )


def _items(run: Mapping[str, Any], key: str) -> list[tuple[str, Any]]:
    value = run.get(key)
    return list(value.items()) if isinstance(value, dict) else []


def _text(value: Any) -> str:
    if value is None:
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return shlex.join(map(str, value))
    return f"{value:,.10g}" if isinstance(value, int | float) else str(value)
