"""Levels that are kept for measuring: no stage trains on them by mistake."""

from __future__ import annotations

from collections.abc import Iterable

from arena.environment.levels import level_sets
from training.runs.resume import TrainingError

KEPT = ("-validation", "-test", "-final", "-leaderboard")  # endings of such sets' names
HELP = "play levels of a validation or test set too: for data that only measures"


def refuse_held_out(levels: Iterable[str], way_out: str = "") -> None:
    """Stop where a level belongs to a set that is kept for measuring.

    Args:
        levels: names of levels to learn from.
        way_out: what else can be done, for the message.

    Raises:
        TrainingError: names the level and its set.
    """
    kept = {
        level.name: name
        for name, levels_of_set in level_sets().items()
        if name.endswith(KEPT)
        for level in levels_of_set
    }
    for level in levels:
        if level in kept:
            raise TrainingError(
                f"{level} belongs to {kept[level]}, which measures what was learnt on other "
                f"levels: give a training set{way_out}"
            )


def check_levels(levels: Iterable[str], allowed: bool) -> None:
    """`refuse_held_out`, unless the user said that it is meant so."""
    if not allowed:
        refuse_held_out(levels, ", or --held-out to play it all the same")
