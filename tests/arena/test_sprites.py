"""Sprites read out of the emulator's state: a made-up table, and the real game's."""

from __future__ import annotations

import numpy as np
import pytest

from arena.environment.contest_env import ContestEnv
from arena.environment.levels import select
from arena.environment.sprites import COLUMNS, CORE, ENTRIES, ROWS, TABLE, sprite_cells

RIGHT = np.array([0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0], np.uint8)


def state(*entries: tuple[int, int, int, int, int], priority: int = 0) -> bytes:
    """A state whose table has these: x, y, width and height in cells, number of the next."""
    words = np.zeros((ENTRIES, 4), np.uint16)
    for number, (x, y, width, height, following) in enumerate(entries):
        size = (width - 1) << 10 | (height - 1) << 8 | following
        words[number] = (y + 128, size, priority << 15 | 7, x + 128)
    return CORE + bytes(TABLE - len(CORE)) + words.tobytes() + bytes(100)


def cells(*entries: tuple[int, int, int, int, int], priority: int = 0) -> set[tuple[int, int]]:
    found = sprite_cells(state(*entries, priority=priority))
    assert found is not None and found.shape == (ROWS, COLUMNS)
    return {(int(column), int(row)) for row, column in np.argwhere(found)}


def test_a_sprite_covers_the_cells_that_it_touches() -> None:
    assert cells((16, 8, 2, 1, 0)) == {(2, 1), (3, 1)}
    assert cells((17, 9, 1, 1, 0)) == {(2, 1), (3, 1), (2, 2), (3, 2)}


def test_what_is_off_the_screen_is_left_out() -> None:
    assert cells((-4, -4, 1, 1, 0)) == {(0, 0)}
    assert cells((316, 220, 4, 4, 0)) == {(39, 27)}
    assert (
        cells((-8, 0, 1, 1, 0)) == cells((0, -32, 4, 4, 0)) == cells((320, 224, 1, 1, 0)) == set()
    )


def test_only_what_is_in_the_list_is_drawn() -> None:
    first, last = (0, 0, 1, 1, 2), (80, 80, 1, 1, 0)
    assert cells(first, (160, 160, 4, 4, 0), last) == {(0, 0), (10, 10)}
    assert cells((0, 0, 1, 1, 1), (8, 0, 1, 1, 1)) == {(0, 0), (1, 0)}  # it runs in a circle
    assert cells((0, 0, 1, 1, ENTRIES + 5)) == {(0, 0)}
    assert cells(first, first, last, priority=1) == set()


def test_a_state_of_another_core_tells_nothing() -> None:
    assert sprite_cells(b"SNES9X" + state()) is None and sprite_cells(b"") is None


@pytest.mark.parametrize("name", ["PangolinDash-Genesis:MeadowZone.Act1", "airstriker"])
def test_the_real_games_sprites_are_known(name: str) -> None:
    env = ContestEnv(select(name)[0], seed=1)
    try:
        frame = env.reset()
        for _ in range(60):
            frame, _, _, variables = env.step(RIGHT)
        found = env.sprites()
    finally:
        env.close()
    assert found is not None and 0 < found.mean() < 0.2
    if "camera_x" in variables:
        column = (variables["x"] - variables["camera_x"]) // 8
        row = (variables["y"] - variables["camera_y"]) // 8
        assert found[row, column]
        assert not found[:6].any()  # the score, the time and the rings
    else:
        # in space all that is bright is a ship, a shot, a star, or the letters at the top
        bright = frame.max(2).reshape(ROWS, 8, COLUMNS, 8).max((1, 3)) > 0
        near = np.pad(found, 1)
        near = near[:-2, 1:-1] | near[1:-1, 1:-1] | near[2:, 1:-1]
        assert bright[4:].any() and (near | ~bright)[4:].all()
