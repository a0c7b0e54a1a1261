"""Names the levels that are for evaluation only: nothing is trained or tuned on them."""

from __future__ import annotations

from collections.abc import Iterable

from arena.environment.levels import level_sets

HELD_OUT_ENDINGS = ("-validation", "-test", "-final", "-leaderboard")  # of the sets' names


def held_out_sets(levels: Iterable[str]) -> dict[str, str]:
    """Return the given levels that belong to a validation or test set, with the set's name.

    Args:
        levels: names of levels, GAME:STATE.
    """
    sets = {
        level.name: name
        for name, levels_of_set in level_sets().items()
        if name.endswith(HELD_OUT_ENDINGS)
        for level in levels_of_set
    }
    return {level: sets[level] for level in levels if level in sets}
