"""Chooses the levels that a generation of candidates plays."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from arena.environment.levels import Level


def draw_levels(
    levels: Sequence[Level], count: int, opened: int | None, random: np.random.Generator
) -> list[Level]:
    """Draw levels without repetition, from all levels or from those the curriculum has reached.

    The original 2018 agent was first trained on one level at a time, and went on to the next level
    once it had beaten the current one. Here every generation plays the newest level, and the other
    levels are drawn from the earlier ones.

    Args:
        levels: levels to draw from, in the curriculum's order.
        count: maximum number of levels to draw.
        opened: number of levels that the curriculum has reached, 1 or more; None for no curriculum.
        random: random generator.
    """
    if opened is None:
        return [levels[index] for index in random.permutation(len(levels))[:count]]
    others = random.permutation(opened - 1)[: count - 1]
    return [levels[opened - 1], *(levels[index] for index in others)]
