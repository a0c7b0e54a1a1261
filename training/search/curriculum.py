"""Which levels a generation of candidates plays."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from arena.environment.levels import Level


def draw_levels(
    levels: Sequence[Level], count: int, opened: int | None, random: np.random.Generator
) -> list[Level]:
    """So many levels, all different: any of them, or of a curriculum.

    The agent of 2018 was first trained so: the next level comes once one is beaten. Here the
    newest one is always played, and the others are drawn from those before it.

    Args:
        levels: to draw from, in a curriculum's order.
        count: how many, where there are as many.
        opened: how many of them the curriculum has reached, 1 or more; None: no curriculum.
        random: draws.
    """
    if opened is None:
        return [levels[place] for place in random.permutation(len(levels))[:count]]
    places = random.permutation(opened - 1)[: count - 1]
    return [levels[opened - 1], *(levels[place] for place in places)]
