"""Keys of cells, and the choice of the pictures' size."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from stable_retro.data import get_file_path

from arena.environment.levels import level_sets, register_integration
from training.state_search.cells import (
    PictureSize,
    choose_picture_size,
    has_position,
    picture_key_of,
    position_key,
    small_picture,
)


class FakeEnv:
    """Has the variables and the frame that a test gives it."""

    def __init__(self, variables: dict[str, int], grey: int = 0) -> None:
        self._variables = variables
        self._frame = np.full((224, 320, 3), grey, np.uint8)

    def variables(self) -> dict[str, int]:
        return self._variables

    def frame(self) -> Any:
        return self._frame


def key(x: int, y: int, before: tuple[int, int], progress: float = 0.0) -> bytes:
    env: Any = FakeEnv({"x": x, "y": y})
    found = position_key(env, before, progress)
    assert found.position == (x, y)
    return found.key


def test_position_cells_are_squares_of_48_pixels() -> None:
    still = key(96, 480, (96, 480))
    assert key(143, 527, (143, 527)) == still
    assert key(144, 480, (144, 480)) != still
    assert key(96, 479, (96, 479)) != still


def test_position_cells_distinguish_movements_and_progress() -> None:
    still = key(100, 480, (100, 480))
    assert key(100, 480, (90, 478)) == still  # 10 pixels a step are slow, 2 are level
    right, left = key(100, 480, (89, 480)), key(100, 480, (111, 480))
    falling = key(100, 480, (100, 477))
    farther = key(100, 480, (100, 480), progress=100.0)
    assert len({still, right, left, falling, farther}) == 5
    assert key(100, 480, (100, 480), progress=99.9) == still


def test_picture_cells_distinguish_shades_and_progress() -> None:
    key_of = picture_key_of(PictureSize(4, 3, 8))

    def shade(grey: int, progress: float = 0.0) -> bytes:
        env: Any = FakeEnv({}, grey)
        return key_of(env, (0, 0), progress).key

    assert shade(0) == shade(31) != shade(32)
    assert shade(0, 100.0) != shade(0)
    picture = small_picture(np.full((224, 320, 3), 255, np.uint8), PictureSize(4, 3, 8))
    assert picture.shape == (3, 4) and (picture == 7).all()


def test_only_variables_x_and_y_give_a_position() -> None:
    for variables, expected in (({"x": 1, "y": 2}, True), ({"x": 1, "score": 2}, False)):
        env: Any = FakeEnv(variables)
        assert has_position(env) == expected


@pytest.mark.parametrize("shift", [1, 40])
def test_pictures_are_as_small_as_needed_for_an_eighth_of_the_frames(shift: int) -> None:
    """A white square moves over a black background, slowly or fast."""
    frames = []
    for step in range(64):
        frame = np.zeros((224, 320, 3), np.uint8)
        left = step * shift % 280
        frame[100:124, left : left + 24] = 255
        frames.append(frame)
    size = choose_picture_size(frames)
    cells = {small_picture(frame, size).tobytes() for frame in frames}
    assert 4 <= len(cells) <= 12  # an eighth of 64 is 8


def test_every_game_of_the_contest_gives_a_position() -> None:
    """Their ROMs are not needed: stable-retro's data lists the variables."""
    games = {level for levels in level_sets().values() for level in levels}
    checked = set()
    for level in games:
        where = register_integration(level)
        data = json.loads(Path(get_file_path(level.game, "data.json", where)).read_bytes())
        if "Sonic" in level.game or "Pangolin" in level.game:
            assert {"x", "y"} <= data["info"].keys(), level.game
            checked.add(level.game)
    assert len(checked) >= 10
