"""Draws the contest's scores: bars with intervals, and where episodes end on the maps."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from PIL import Image

from agent.errors import UserError
from agent.files import write_atomically
from arena.environment.levels import Level
from arena.evaluation.score import FULL_PROGRESS_RETURN
from benchmarks.scores.contest_players import SHIPPED
from benchmarks.scores.contest_plays import ContestPlays, Play
from benchmarks.scores.contest_summary import (
    DIED,
    FINISHED,
    TIME,
    budget_of_ends,
    budgets,
    how_ended,
    summarize,
    title,
    zones,
)
from benchmarks.scores.contest_tables import PICTURE, ends_picture
from game.cartridge.maps import Map, draw

matplotlib.use("agg")  # no display

from matplotlib import pyplot  # noqa: E402

INK, OTHERS, OURS = "#1d2321", "#8a9793", "#0a7d6b"
ENDS = {DIED: "#a8480c", TIME: "#3a5ba0", FINISHED: "#0a7d6b"}
BINS = 120  # bins over a level's length
COLOURS = 128  # few, because maps have few colours and the files are committed


def draw_all(folder: Path, plays: ContestPlays, levels: Sequence[Level]) -> list[Path]:
    """Draw the bars, and for each zone a picture of where the shipped agent's episodes ended.

    Args:
        folder: folder for the pictures; it is made if it does not exist.
        plays: the measured plays.
        levels: levels whose maps are drawn, if their ROM is there.

    Returns:
        The files written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if not budgets(plays):
        return []
    written = [folder / PICTURE]
    draw_scores(written[0], plays)
    steps = budget_of_ends(plays)
    if steps is None:
        return written
    shipped = next(row for row in summarize(plays, steps) if row.agent == SHIPPED)
    by_name = {level.name: level for level in levels}
    for zone, names in zones(list(shipped.plays)).items():
        strips = {
            name: (map_of(by_name.get(name)), list(shipped.plays[name].values())) for name in names
        }
        written.append(folder / ends_picture(zone))
        draw_ends(
            written[-1],
            strips,
            f"{zone}: where episodes of {SHIPPED} end, {steps:,} timesteps a level",
        )
    return written


def map_of(level: Level | None) -> Map | None:
    """Return the map of a level of our own games; None for other games or a missing ROM."""
    if level is None or level.integration is None:
        return None
    try:
        return draw(level.integration / level.game / "rom.md", level.state)
    except (UserError, OSError):
        return None


def draw_scores(path: Path, plays: ContestPlays) -> None:
    """Draw a bar with its interval for each agent's mean, in one panel for each budget."""
    known = budgets(plays)
    rows = {steps: summarize(plays, steps) for steps in known}
    heights = [1.1 + 0.3 * len(rows[steps]) for steps in known]
    figure, panels = pyplot.subplots(
        len(known),
        figsize=(7, sum(heights) + 0.4),
        dpi=110,
        layout="constrained",
        height_ratios=heights,
        squeeze=False,
        sharex=True,
    )
    for axes, steps in zip(panels[:, 0], known, strict=True):
        for y, row in enumerate(reversed(rows[steps])):
            mean = row.mean or 0.0
            low, high = row.interval or (mean, mean)
            ours = row.agent == SHIPPED
            axes.barh(y, mean, color=OURS if ours else OTHERS, height=0.7)
            axes.plot([low, high], [y, y], color=INK, linewidth=1.4)
            axes.text(max(mean, high), y, f"  {mean:,.0f}", va="center", fontsize=8, color=INK)
        axes.set_yticks(range(len(rows[steps])), [row.agent for row in reversed(rows[steps])])
        axes.set_title(title(rows[steps], steps), fontsize=10, color=INK)
        axes.margins(x=0.12)
        axes.spines[["top", "right"]].set_visible(False)
    panels[-1, 0].set_xlim(left=0)  # shared by all panels, so it is set after all bars are drawn
    panels[-1, 0].set_xlabel("mean return, 95% interval (9,000: the whole level)")
    write_png(path, figure)


def draw_ends(path: Path, strips: dict[str, tuple[Map | None, list[Play]]], heading: str) -> None:
    """Draw where the episodes of some levels ended: a histogram of x above each level's map.

    Args:
        path: the PNG file.
        strips: level -> its map, or None, and its plays.
        heading: title of the picture.
    """
    figure, panels = pyplot.subplots(
        2 * len(strips),
        figsize=(9, 0.4 + 1.65 * len(strips)),
        dpi=100,
        layout="constrained",
        height_ratios=[1.0, 0.5] * len(strips),
        squeeze=False,
    )
    figure.suptitle(heading, fontsize=10, color=INK)
    for number, (name, (level_map, plays)) in enumerate(strips.items()):
        above, below = panels[2 * number, 0], panels[2 * number + 1, 0]
        _draw_counts(above, name, plays)
        # Progress is x from 0 to 1 in both panels, so that they line up.
        left, right = 0.0, 1.0
        if level_map is not None:
            length = max(1, level_map.end_x - level_map.start_x)
            left = -level_map.start_x / length
            right = (level_map.width - level_map.start_x) / length
            below.imshow(level_map.picture, extent=(left, right, 0, 1), aspect="auto")
        below.set_yticks([])
        below.set_xticks(np.linspace(0, 1, 11), [f"{share:.0%}" for share in np.linspace(0, 1, 11)])
        below.tick_params(labelsize=7, length=2)
        for axes in (above, below):
            axes.set_xlim(left, right)
    write_png(path, figure)


def _draw_counts(axes: Any, name: str, plays: Sequence[Play]) -> None:
    episodes = [pair for play in plays for pair in zip(play.returns, play.lengths, strict=True)]
    progress = {
        how: np.clip(
            [a / FULL_PROGRESS_RETURN for a, b in episodes if how_ended(a, b) == how], 0, 1
        )
        for how in ENDS
    }
    labels = [f"{how} ({len(values)})" for how, values in progress.items()]
    edges = np.linspace(0, 1, BINS + 1)
    axes.hist(list(progress.values()), edges, stacked=True, color=list(ENDS.values()), label=labels)
    # A locked-in candidate often ends at the same position; a log scale shows the others too.
    axes.set_yscale("symlog")
    axes.set_ylabel("episodes", fontsize=7)
    axes.set_xticks([])
    axes.tick_params(labelsize=7)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_title(name.rpartition(":")[2], loc="left", fontsize=9, color=INK)
    axes.legend(
        frameon=False, fontsize=7, ncols=3, loc="lower right", bbox_to_anchor=(1, 0.97), borderpad=0
    )


def write_png(path: Path, figure: Any) -> None:
    """Write a figure as a PNG with few colours."""
    whole = io.BytesIO()
    figure.savefig(whole, format="png")
    pyplot.close(figure)
    small = io.BytesIO()
    Image.open(whole).convert("RGB").quantize(COLOURS).save(small, format="PNG", optimize=True)
    write_atomically(path, small.getvalue())
