"""Games that the agent can play, and a line for each of the others."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from agent.errors import UserError
from agent.play.game import check_game
from agent.world_model.packed_model import PRESETS


@dataclass
class Game:
    n_buttons: int
    observation_shape: tuple[int, int, int]


# The Mega Drive's resolutions, of NTSC and PAL consoles and interlaced, and the smallest frame.
SIZES = [(224, 320), (224, 256), (240, 320), (240, 256), (448, 320), (480, 320), (192, 256)]


@pytest.mark.parametrize("preset", sorted(PRESETS))
@pytest.mark.parametrize("size", [*SIZES, (64, 64)])
def test_every_mega_drive_game_is_accepted(size: tuple[int, int], preset: str) -> None:
    check_game(Game(12, (*size, 3)), PRESETS[preset])


@pytest.mark.parametrize(
    ("game", "said"),
    [
        (Game(9, (224, 320, 3)), "has 9 buttons, but .* the 12 buttons of a Mega Drive"),
        (Game(24, (224, 320, 3)), "has 24 buttons"),
        (Game(12, (63, 320, 3)), "frames of 320 x 63 pixels, but .* at least 64 x 64"),
        (Game(12, (5592405, 1, 3)), "frames of 1 x 5592405 pixels"),
    ],
)
def test_another_game_is_refused_in_one_line(game: Game, said: str) -> None:
    with pytest.raises(UserError, match=said) as caught:
        check_game(game, PRESETS["compact"])
    assert "\n" not in str(caught.value)


def test_a_small_frame_is_enlarged_by_the_nearest_pixel() -> None:
    check_game(Game(12, (60, 80, 3)), PRESETS["original2018"])
