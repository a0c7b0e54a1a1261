"""Checks levels before a stage makes its folder, so that a mistake leaves nothing behind."""

from __future__ import annotations

from collections.abc import Iterable

from agent.play.game import check_buttons
from arena.environment.availability import check_available, number_of_buttons
from arena.environment.levels import Level


def check_playable(levels: Iterable[Level]) -> None:
    """Check that the levels are installed, and that the agent has the buttons of their consoles.

    Raises:
        LevelError: a game, state, scenario or ROM is missing.
        GameError: a game has other buttons than a Mega Drive.
    """
    for level in levels:
        check_available(level)
        check_buttons(number_of_buttons(level))
