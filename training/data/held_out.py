"""Keeps the levels of validation and test sets out of training."""

from __future__ import annotations

from collections.abc import Iterable

from arena.environment.held_out import held_out_sets
from training.runs.resume import TrainingError

HELD_OUT_HELP = "allow levels of validation and test sets, for evaluation only"


def refuse_held_out(levels: Iterable[str], alternative: str = "") -> None:
    """Refuse to train on a level of a validation or test set.

    Args:
        levels: names of the levels to train on, GAME:STATE.
        alternative: what else the user can do, appended to the message.

    Raises:
        TrainingError: a level belongs to such a set; the message names both.
    """
    for level, name in held_out_sets(levels).items():
        raise TrainingError(
            f"{level} belongs to {name}, which is for evaluation only: give levels of a training"
            f" set{alternative}"
        )


def check_levels(levels: Iterable[str], allowed: bool) -> None:
    """Call `refuse_held_out`, unless the user allowed held-out levels with --held-out.

    Raises:
        TrainingError: a level belongs to a validation or test set, and this is not allowed.
    """
    if not allowed:
        refuse_held_out(levels, ", or --held-out to use them anyway")
