"""The planner's macro-actions."""

from __future__ import annotations

from game.planning.console import DOWN, RIGHT, B, PlayerState
from game.planning.macro_actions import continued_dash, macro_actions

STANDING = PlayerState(*[0] * len(PlayerState._fields))._replace(grounded=1)


def test_a_dash_that_is_being_charged_is_continued_from_any_step_of_it() -> None:
    whole = next(
        each for each in macro_actions(STANDING, False, 1, (1, 0)) if each[:2] == (DOWN, DOWN | B)
    )
    assert whole[-1] == 0 and set(whole[:-1]) == {DOWN, DOWN | B}
    for step in range(1, len(whole)):
        assert whole[step:] in continued_dash(STANDING, whole[step - 1])


def test_nothing_is_continued_where_no_dash_can_be_charged() -> None:
    for previous in (0, B, RIGHT, RIGHT | B):
        assert continued_dash(STANDING, previous) == []
    for other in ({"grounded": 0}, {"rolling": 1}, {"ground_speed": 400}):
        assert continued_dash(STANDING._replace(**other), DOWN) == []
