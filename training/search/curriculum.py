"""Chooses the levels that a generation of candidates plays."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from arena.environment.levels import Level


def draw_levels(
    levels: Sequence[Level], count: int, opened: int | None, random: np.random.Generator
) -> list[Level]:
    """Draw levels without repetition, from all levels or from those the curriculum has reached.

    The original 2018 agent was first trained on one level after another, each once the one before
    was beaten. Here the newest level is always played, and the others are drawn from those before.

    Args:
        levels: Levels to draw from, in the curriculum's order.
        count: Maximum number of levels to draw.
        opened: Number of levels that the curriculum has reached, 1 or more; None for no curriculum.
        random: Source of the draws.
    """
    if opened is None:
        return [levels[index] for index in random.permutation(len(levels))[:count]]
    others = random.permutation(opened - 1)[: count - 1]
    return [levels[opened - 1], *(levels[index] for index in others)]
