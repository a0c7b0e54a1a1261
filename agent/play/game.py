"""Checks that the agent can play a game, from what the environment says about itself.

The agent presses the buttons of a Mega Drive gamepad, and its model needs frames of at least the
size of V's input. Without the check, another game would end the program in its first step.
"""

from __future__ import annotations

from typing import Protocol

from agent.buttons import GENESIS_BUTTONS
from agent.errors import UserError
from agent.world_model.packed_model import ModelSpec


class GameError(UserError):
    """The agent can't play this game."""


class Game(Protocol):
    """What the check needs to know of an environment."""

    @property
    def n_buttons(self) -> int:
        """Number of buttons of an action."""

    @property
    def observation_shape(self) -> tuple[int, ...]:
        """Shape of a frame, (height, width, 3)."""


def check_buttons(n_buttons: int) -> None:
    """Check that a console's gamepad has as many buttons as that of a Mega Drive.

    Raises:
        GameError: the game has another number of buttons.
    """
    if n_buttons != len(GENESIS_BUTTONS):
        raise GameError(
            f"the game has {n_buttons} buttons, but the agent presses the"
            f" {len(GENESIS_BUTTONS)} buttons of a Mega Drive: choose a Mega Drive game"
        )


def check_game(game: Game, spec: ModelSpec) -> None:
    """Check that the agent can press the game's buttons, and that V can encode its frames.

    Raises:
        GameError: the game has another number of buttons, or frames that are too small.
    """
    check_buttons(game.n_buttons)
    height, width = game.observation_shape[:2]
    # "nearest" also enlarges frames; "area" is a mean over pixels and only shrinks them.
    if spec.interpolation == "area" and min(height, width) < spec.frame_size:
        raise GameError(
            f"the game has frames of {width} x {height} pixels, but the model needs at least"
            f" {spec.frame_size} x {spec.frame_size}: choose a Mega Drive game, or train a model"
            " with smaller frames"
        )
