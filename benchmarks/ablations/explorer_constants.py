"""Measures the effect of each constant of the explorer, on training levels.

    python -m benchmarks.ablations.explorer_constants          measures; the same command continues
    python -m benchmarks.ablations.explorer_constants --show   prints the table, updates documents

Changing one constant at a time needs as many plays for each constant as this needs for all of
them: here, each play draws every constant at random from a lower and a higher value, and a least
squares fit with one intercept per level separates their effects (a random balance design,
Satterthwaite 1959). The effect of a constant is the score at its higher value minus the score at
its lower one, averaged over the values of all others. The defaults may be changed by this
measurement, so it refuses validation and test levels.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from agent.command_line import option, parse, run
from agent.command_line.ranges import COUNT, PROCESSES
from agent.explore.settings import DEFAULT_SETTINGS
from agent.world_model.packed_model import load
from arena.environment.availability import check_available
from arena.environment.levels import Level, select
from arena.progress_bar import ProgressBar
from arena.workers.pool import Pool
from benchmarks.ablations.explorer_play import BudgetPlayer, BudgetTask
from benchmarks.identity import model_digest, rom_hashes
from benchmarks.measured_tables import update_documents
from benchmarks.scores.play_settings import LEVELS
from benchmarks.store import Values, check_same, load_rows, save_rows
from benchmarks.tables import markdown_table
from training.data.held_out import refuse_held_out

TABLE = "explorer constants"  # its name in the documents
KIND = "explorer-constants"
CONSTANTS: Mapping[str, tuple[Any, Any]] = {  # constant -> its lower and its higher value
    "cell_points": (100.0, 400.0),
    "stuck_steps": (22, 90),
    "record_points": (10.0, 40.0),
    "evidence_weight": (1.0, 4.0),
    "reliable_success": (0.5, 0.8),
    "shared_failure": (0.25, 1.0),
    "jump_prior_failures": (0.25, 1.0),
    "random_buttons_prior_failures": (0.5, 2.0),
    "trajectories_per_cell": (4, 16),
    "longest_trajectory_steps": (225, 900),
    "overlap_steps": (4, 16),
    "steps_behind": (4, 16),
    "steps_ahead": (12, 48),
    "speed_weight": (1.0, 4.0),
    "latent_weight": (5.0, 20.0),
    "shortest_loop_steps": (15, 60),
    "loop_points": (0.5, 2.0),
    "loop_latent": (0.25, 1.0),
    "exploring_share": (0.25, 0.75),
    "mean_cells_back": (1.25, 5.0),
    "recent_episodes": (3, 10),
    "initial_balance": (1000.0, 4000.0),
    "retry_chance": (0.015, 0.06),
    "mean_hold_steps": (4, 16),
    "random_buttons_steps": ((4, 30), (16, 120)),
    "jump_delay_steps": ((0, 7), (0, 28)),
    "jump_steps": ((2, 8), (8, 32)),
    "run_back_steps": ((5, 40), (20, 160)),
    "run_on_steps": ((15, 45), (60, 180)),
    "jump_chance": (0.05, 0.2),
}
NORMAL_95 = 1.96  # half the width of a normal 95% interval, in standard errors
FEWEST_SPARE = 30  # plays more than fitted numbers, below which the interval would be too narrow


@dataclass(frozen=True)
class Options:
    """Measure the effect of each constant of the explorer.

    If the measurement was interrupted, the same command continues it.
    """

    extra: ClassVar[str] = "train"

    levels: str = option("levels or a level set; validation and test levels are refused", LEVELS)
    steps: int = option("timesteps of each play, resets included", 20_000, within=COUNT)
    seeds: int = option("plays of each level, with random seeds 1, 2, ...", 16, within=COUNT)
    workers: int = option("number of processes, each with one emulator", 2, within=PROCESSES)
    pretrained: Path = option("folder of the packed model", Path("pretrained"))
    out: Path = option(
        "file of the results; finished plays in it are kept",
        Path("results/explorer_constants.json"),
    )
    show: bool = option(
        "measure nothing: print the results in --out and update the documents", False
    )


@dataclass(frozen=True)
class DrawnPlay:
    """A play with drawn constants.

    Attributes:
        level: name of the level.
        seed: random seed of the play and of the draw of its constants.
        higher: for each entry of CONSTANTS, whether it had its higher value.
        returns: returns of the finished episodes.
    """

    level: str
    seed: int
    higher: tuple[bool, ...]
    returns: tuple[float, ...]


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, and print the table."""
    options = parse(Options, argv, prog="python -m benchmarks.ablations.explorer_constants")
    if options.show:
        print(made := table(load_plays(options.out)))
        update_documents({TABLE: made})
        return
    levels = select(options.levels)
    refuse_held_out(level.name for level in levels)
    for level in levels:
        check_available(level)
    values = {
        "budget_steps": options.steps,
        "model": model_digest(load(options.pretrained)),
        "roms": rom_hashes(levels),
        "constants": json.loads(json.dumps(CONSTANTS)),
    }
    plays: list[DrawnPlay] = []
    if options.out.exists():
        known = load_rows(
            options.out, KIND, lambda known, _: {name: known[name] for name in values}
        )
        check_same(options.out, known, values)
        plays = load_plays(options.out)
    measure(options, levels, values, plays)
    print(table(plays))


def measure(
    options: Options, levels: Sequence[Level], values: Values, plays: list[DrawnPlay]
) -> None:
    """Make the plays that are missing, seed by seed, and save after each of them.

    Args:
        options: the number of plays and the file of the results.
        levels: the levels to play.
        values: what all plays have in common, for the file.
        plays: the plays so far; new ones are added.
    """
    known = {(play.level, play.seed) for play in plays}
    tasks = [
        BudgetTask(level, seed, constants(drawn(level.name, seed)))
        for seed in range(1, options.seeds + 1)
        for level in levels
        if (level.name, seed) not in known
    ]
    make = functools.partial(BudgetPlayer, options.pretrained.absolute(), options.steps)
    total = len(plays) + len(tasks)
    with (
        Pool(make, options.workers, task_seconds=3600.0) as pool,
        ProgressBar("plays", total, len(plays)) as progress,
    ):
        for task, returns in pool.run(tasks):
            higher = drawn(task.level.name, task.seed)
            plays.append(DrawnPlay(task.level.name, task.seed, higher, tuple(returns)))
            plays.sort(key=lambda play: (play.seed, play.level))
            save_rows(options.out, KIND, values, (_row(play) for play in plays))
            progress.update(len(plays))


def load_plays(path: Path) -> list[DrawnPlay]:
    """Read a file of plays.

    Raises:
        StoreError: the file is missing, damaged or of another kind.
    """
    return load_rows(path, KIND, _plays)


def drawn(level: str, seed: int) -> tuple[bool, ...]:
    """Return, for each entry of CONSTANTS, whether a play uses the higher value."""
    random = np.random.default_rng([seed, *level.encode()])
    return tuple(bool(one) for one in random.integers(2, size=len(CONSTANTS)))


def constants(higher: Sequence[bool]) -> dict[str, Any]:
    """Return the values of the constants of a play."""
    return {name: pair[one] for (name, pair), one in zip(CONSTANTS.items(), higher, strict=True)}


def effects(plays: Sequence[DrawnPlay]) -> list[tuple[str, float, float]]:
    """Return each constant with its effect and half the width of its 95% interval, in points.

    Least squares with one intercept per level and one effect per constant. The interval treats the
    plays as independent of each other. The list is empty if there are too few plays for the fit.
    """
    played = [play for play in plays if play.returns]
    levels = sorted({play.level for play in played})
    spare = len(played) - len(levels) - len(CONSTANTS)
    if spare < FEWEST_SPARE:
        return []
    scores = np.array([np.mean(play.returns) for play in played])
    intercepts = np.array([[play.level == level for level in levels] for play in played])
    design = np.hstack([intercepts, np.array([play.higher for play in played])]).astype(float)
    fitted, *_ = np.linalg.lstsq(design, scores, rcond=None)
    variance = float(np.sum((scores - design @ fitted) ** 2)) / spare
    errors = np.sqrt(variance * np.diag(np.linalg.pinv(design.T @ design)))
    first = len(levels)
    return [
        (name, float(fitted[first + number]), NORMAL_95 * float(errors[first + number]))
        for number, name in enumerate(CONSTANTS)
    ]


def table(plays: Sequence[DrawnPlay]) -> str:
    """Return Markdown: each constant with both values and its effect, the largest effect first."""
    if not (found := effects(plays)):
        return f"{len(plays)} plays are too few to separate the effects: measure more."
    rows = [
        [
            f"`{name}`" + ("" if abs(effect) <= half else " *"),
            _value(CONSTANTS[name][0]),
            _value(getattr(DEFAULT_SETTINGS, name)),
            _value(CONSTANTS[name][1]),
            f"{effect:+,.0f} ({effect - half:+,.0f} to {effect + half:+,.0f})",
        ]
        for name, effect, half in sorted(found, key=lambda row: -abs(row[1]))
    ]
    mean = np.mean([np.mean(play.returns) for play in plays if play.returns])
    levels = len({play.level for play in plays})
    head = ["constant", "lower", "default", "higher", "higher minus lower, 95% interval"]
    about = f"{len(plays)} plays on {levels} levels, mean return {mean:,.0f}"
    return f"**{about}**\n\n{markdown_table(head, rows)}"


def _value(value: Any) -> str:
    """Return a constant's value as the table shows it; a range with its last value included."""
    return f"{value[0]} to {value[1] - 1}" if isinstance(value, tuple) else f"{value:g}"


def _row(play: DrawnPlay) -> dict[str, Any]:
    higher = [name for name, one in zip(CONSTANTS, play.higher, strict=True) if one]
    returns = [round(value, 2) for value in play.returns]
    return {"level": play.level, "seed": play.seed, "higher": higher, "returns": returns}


def _plays(_: Values, rows: list[Values]) -> list[DrawnPlay]:
    return [
        DrawnPlay(
            str(row["level"]),
            int(row["seed"]),
            tuple(name in row["higher"] for name in CONSTANTS),
            tuple(float(value) for value in row["returns"]),
        )
        for row in rows
    ]


if __name__ == "__main__":
    run(main)
