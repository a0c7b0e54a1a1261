"""Trains and scores a model on any level set: the stages of the shipped model, one after the other.

    sh training/recipe.sh sonic-train runs/sonic

The levels' demonstrations are recordings of people, or plays that a search finds, or both. Rounds
follow in which the agent plays and the expert's actions are stored for the states that it
reached: DAgger (Ross et al. 2011).
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

from agent import command_line
from agent.command_line import option
from agent.command_line.ranges import PROCESSES
from agent.errors import UserError
from arena.environment.level_names import LEVELS_HELP
from arena.environment.levels import Level, level_sets, select
from training.data.held_out import check_levels
from training.data.playable import check_playable
from training.experts.demonstration_expert import has_position
from training.experts.demonstrations import (
    find_recording,
    read_demonstration,
    read_folders,
)
from training.experts.sticky_play import SEARCH, expert_of
from training.recipe_commands import START_MINUTES, Sizes, Stage, search_stage, written
from training.recipe_stages import training_stages
from training.runs.resume import stopping_softly

GIGABYTE = 1e9
WAIT_SECONDS = 0.2  # between two looks at the signals
TRAIN, VALIDATION = "-train", "-validation"  # endings of the names of level sets


@dataclass(frozen=True)
class Options:
    """Train a model on levels and score it. The same command continues an interrupted run."""

    extra: ClassVar[str] = "train"

    levels: str = option(LEVELS_HELP, positional=True)
    runs: Path = option("folder for everything that the recipe makes", positional=True)
    demonstrations: str = option(
        "folders with recordings of people, separated by commas; a search plays the levels that"
        " have none",
        "",
        env="DEMONSTRATIONS",
    )
    evaluate: str | None = option(
        "levels to score the model on [of the set NAME-train, the set NAME-validation]",
        None,
        env="EVALUATE",
    )
    share: float = option(
        "share of all frames, steps and generations; 0.002 rehearses the recipe",
        1.0,
        env="SHARE",
        within=(1e-6, 1.0),
    )
    workers: int = option("number of processes that play", 2, env="WORKERS", within=PROCESSES)
    device: str = option("device of V and M: cpu, cuda or auto", "cpu", env="DEVICE")
    second_levels: str | None = option("levels of rounds 4 and 5 [LEVELS]", None)
    third_levels: str | None = option("levels of rounds 11 and 12 [LEVELS]", None)
    pretrained: Path | None = option("folder of the packed model [RUNS/pretrained]", None)


def main(argv: Sequence[str] | None = None) -> int:
    """Check everything, print what it costs, then run the stages; return their exit code."""
    options = command_line.parse(Options, argv, prog="sh training/recipe.sh")
    levels = all_levels(options)
    check_levels([level.name for level in levels], allowed=False)
    check_playable(levels)
    evaluated = evaluated_levels(options, levels)
    missing = without_recording(levels, people(options))
    searches = [search_stage(sizes(options), missing)] if missing else []
    print_plan([*searches, *planned(options, levels, evaluated)], options.runs)
    for stage in searches:
        if code := run(stage):
            return code
    folders = [*people(options), *(stage.out for stage in searches)]
    lost = without_recording(levels, folders)
    if len(lost) == len(levels):
        raise UserError(f"the search in {folders[-1]} found no play of any level: see its result")
    for level in lost:
        print(f"without a demonstration, so not in the data: {level.name}", flush=True)
    kept = [level for level in levels if level not in lost]
    for stage in planned(options, kept, evaluated, folders):
        if code := run(stage):
            return code
    return 0


def all_levels(options: Options) -> list[Level]:
    """Return the levels of all rounds, each once."""
    given = (options.levels, options.second_levels, options.third_levels)
    return select(",".join(text for text in given if text))


def people(options: Options) -> list[Path]:
    """Return the folders of people's recordings."""
    return list(read_folders(options.demonstrations)) if options.demonstrations else []


def without_recording(levels: Sequence[Level], folders: Sequence[Path]) -> list[Level]:
    """Return the levels that no folder has a recording of; check the recordings of the others.

    Raises:
        DemonstrationError: a recording can't be used.
    """
    missing = []
    for level in levels:
        path = find_recording(folders, level)
        if path is None:
            missing.append(level)
        else:
            read_demonstration(path)
    return missing


def evaluated_levels(options: Options, levels: Sequence[Level]) -> str | None:
    """Return the levels to score the model on; None if none are given and no set fits.

    Raises:
        UserError: one of them is a level to train on.
    """
    text = options.evaluate
    if text is None and options.levels.endswith(TRAIN):
        text = options.levels.removesuffix(TRAIN) + VALIDATION
        text = text if text in level_sets() else None
    both = [level.name for level in select(text) if level in levels] if text else []
    if both:
        raise UserError(
            f"--evaluate {text} contains {both[0]}, which the model is trained on: a score must be"
            " of other levels"
        )
    return text


def sizes(options: Options) -> Sizes:
    """Return what all stages share."""
    return Sizes(options.runs, options.share, options.workers, options.device)


def planned(
    options: Options,
    levels: Sequence[Level],
    evaluated: str | None,
    folders: Sequence[Path] = (),
) -> list[Stage]:
    """Return the stages after the search.

    Args:
        options: of this command.
        levels: the levels that have a demonstration.
        evaluated: levels to score the model on.
        folders: folders of the demonstrations.
    """

    def named(text: str | None) -> str:
        chosen = select(text or options.levels)
        kept = [level for level in chosen if level in levels]
        return (text or options.levels) if kept == chosen else ",".join(map(written, kept))

    return training_stages(
        sizes(options),
        (named(None), named(options.second_levels), named(options.third_levels)),
        written(levels[0]),
        folders,
        has_positions=all(has_position(level) for level in levels),
        searched=all(expert_of(level) == SEARCH for level in levels),
        pretrained=options.pretrained or options.runs / "pretrained",
        evaluated=evaluated,
    )


def print_plan(stages: Sequence[Stage], runs: Path) -> None:
    """Print the time and the disk space that each stage needs, and check the free space.

    Raises:
        UserError: the disk has not enough free space.
    """
    left = [
        replace(stage, minutes=0.0, size=0.0)
        if stage.is_finished()
        else replace(stage, minutes=stage.minutes + START_MINUTES)
        for stage in stages
    ]
    print(f"{'stage':28} {'minutes':>8} {'GB':>6}")
    for stage in left:
        state = "" if stage.minutes else "  finished"
        print(f"{stage.name:28} {stage.minutes:8.1f} {stage.size / GIGABYTE:6.2f}{state}")
    hours, size = sum(stage.minutes for stage in left) / 60, sum(stage.size for stage in left)
    print(f"{'all':28} {hours * 60:8.1f} {size / GIGABYTE:6.2f}")
    print(f"about {hours:.1f} hours and {size / GIGABYTE:.1f} GB in {runs}", flush=True)
    existing = next(path for path in (runs, *runs.absolute().parents) if path.exists())
    free = shutil.disk_usage(existing).free
    if free < size:
        raise UserError(
            f"{runs} needs {size / GIGABYTE:.1f} GB, but {free / GIGABYTE:.1f} GB are free: use"
            " another disk, or a smaller SHARE"
        )


def run(stage: Stage) -> int:
    """Run a stage as its own command; return its exit code.

    Raises:
        KeyboardInterrupt: SIGINT or SIGTERM; the stage was told to save, and has ended.
    """
    print(f"\n{stage.name}: {' '.join(stage.command)}", flush=True)
    with stopping_softly() as stop:
        # In a session of its own, it gets Ctrl-C from this process only, and so exactly once.
        process = subprocess.Popen([sys.executable, *stage.command], start_new_session=True)
        told = False
        while True:
            try:
                return process.wait(timeout=WAIT_SECONDS)
            except subprocess.TimeoutExpired:
                if stop.requested and not told:
                    process.send_signal(signal.SIGINT)
                    told = True
            except BaseException:  # a second Ctrl-C
                process.kill()
                raise


if __name__ == "__main__":
    command_line.run(main)
