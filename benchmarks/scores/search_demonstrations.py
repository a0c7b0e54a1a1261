"""Compares the search that finds demonstrations with the game's planner, level by level.

    python -m training.demonstrate --levels pangolin-train --out runs/position
    python -m training.demonstrate --levels pangolin-train --out runs/picture --cells picture
    python -m benchmarks.scores.search_demonstrations --runs runs/position,runs/picture
    python -m benchmarks.scores.search_demonstrations --show   prints the table

The planner knows each level's route, the search only its rewards. The planner is measured on all
levels of the runs; levels that the result file contains already are not measured again.
"""

from __future__ import annotations

import gzip
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from agent import command_line
from agent.command_line import option
from agent.command_line.ranges import PROCESSES
from agent.errors import UserError
from arena.environment.levels import Level, select
from arena.environment.roms import ROM_FILE
from arena.evaluation.score import FULL_PROGRESS_RETURN
from arena.progress_bar import ProgressBar
from arena.workers.pool import Pool
from benchmarks.measured import read_measured, show_measured, write_measured
from benchmarks.tables import markdown_table
from game.build import SOLVE_FRAMES
from game.levels.routes import read_routes
from game.native.engine import NativeEngine
from game.planning.console import FRAME_SKIP
from game.planning.emulator import Emulator
from game.planning.movies import replay
from game.planning.planner import plan
from training.runs.run_folder import read_result
from training.runs.stages import DEMONSTRATE

TABLE = "search demonstrations"  # its name in the documents
SEARCHES = ("position", "picture")
PLANNER = "planner"


@dataclass(frozen=True)
class Options:
    """Compare runs of training.demonstrate with the game's planner."""

    extra: ClassVar[str] = "train"

    runs: str = option("run folders of training.demonstrate, separated by commas", "")
    workers: int = option("number of processes of the planner", 1, within=PROCESSES)
    out: Path = option("file of the results", Path("results/search_demonstrations.json"))
    show: bool = option(
        "measure nothing: print the results in --out and update the documents", False
    )


def main(argv: Sequence[str] | None = None) -> None:
    """Read the runs, measure the planner, write the JSON, print the table."""
    options = command_line.parse(
        Options, argv, prog="python -m benchmarks.scores.search_demonstrations"
    )
    if options.show:
        show_measured(options.out, TABLE, table)
        return
    folders = [Path(part.strip()) for part in options.runs.split(",") if part.strip()]
    if not folders:
        raise UserError("--runs names no folder: give run folders of training.demonstrate")
    result = read_measured(options.out) or {"levels": {}}
    levels: dict[str, Level] = {}
    for folder in folders:
        levels |= add_run(result["levels"], folder)
    write_measured(options.out, result)
    missing = [level for name, level in levels.items() if PLANNER not in result["levels"][name]]
    with (
        Pool(_planner, options.workers) as pool,
        ProgressBar("levels", len(missing)) as progress,
    ):
        for count, (level, planned) in enumerate(pool.run(missing), 1):
            result["levels"][level.name][PLANNER] = planned
            write_measured(options.out, result)
            progress.update(count)
    print(table(result))


def add_run(found: dict[str, Any], folder: Path) -> dict[str, Level]:
    """Add the results of a run to those of its levels; return the levels by name."""
    run = read_result(folder, DEMONSTRATE)
    levels = {}
    for level in select(run["options"]["levels"]):
        entry = next((one for one in run["levels"] if one["level"] == level.name), None)
        if entry is None:
            continue
        levels[level.name] = level
        kept = {name: value for name, value in entry.items() if name not in ("level", "cell_kind")}
        found.setdefault(level.name, {})[entry["cell_kind"]] = kept
    return levels


def _planner() -> Any:
    return plan_level


def plan_level(level: Level) -> dict[str, Any]:
    """Search for a solution of a level with the planner, in a process without an emulator."""
    assert level.integration is not None
    folder = level.integration / level.game
    route = read_routes(folder)[level.state]
    state = gzip.decompress((folder / f"{level.state}.state").read_bytes())
    emulator = Emulator(level.integration, level.game, level.state)
    try:
        emulator.start(state)
        engine = NativeEngine.of(emulator.env, level.integration / level.game / ROM_FILE)
        found = plan(engine, route.start, route.waypoints, float("inf"), SOLVE_FRAMES)
        played = replay(emulator, state, found.actions)
    finally:
        emulator.close()
    return {
        "finished": played.won,
        "episode_return": played.total,
        "progress": found.progress * FULL_PROGRESS_RETURN,
        "play_steps": len(found.actions),
        "search_steps": found.frames // FRAME_SKIP,
        "core_seconds": found.seconds,
    }


def table(result: Mapping[str, Any]) -> str:
    """Return the result as Markdown: a row for each level, and one with the means."""
    levels: Mapping[str, Mapping[str, Any]] = result["levels"]
    kinds = [kind for kind in (*SEARCHES, PLANNER) if any(kind in row for row in levels.values())]
    rows = [[f"`{name}`", *(_cell(levels[name].get(kind)) for kind in kinds)] for name in levels]
    means = [_mean([row[kind] for row in levels.values() if kind in row]) for kind in kinds]
    headings = [
        "planner, which knows the route" if kind == PLANNER else f"search, {kind} cells"
        for kind in kinds
    ]
    return markdown_table(["level", *headings], [*rows, ["all", *means]])


def _cell(entry: Mapping[str, Any] | None) -> str:
    if entry is None:
        return "not measured"
    share = min(entry["progress"] / FULL_PROGRESS_RETURN, 1.0)
    way = "end" if entry["finished"] else f"{share:.0%}"
    seconds = entry["play_steps"] * FRAME_SKIP / 60
    return f"{way}, {_short(entry['core_seconds'])} core-s, play of {seconds:.0f} s"


def _mean(entries: Sequence[Mapping[str, Any]]) -> str:
    finished = sum(entry["finished"] for entry in entries)
    seconds = float(np.mean([entry["core_seconds"] for entry in entries]))
    return f"{finished} of {len(entries)} to the end, mean {_short(seconds)} core-s"


def _short(seconds: float) -> str:
    """Return seconds without decimals, or with two if there is less than one."""
    return f"{seconds:.0f}" if seconds >= 1 else f"{seconds:.2f}"


if __name__ == "__main__":
    command_line.run(main)
