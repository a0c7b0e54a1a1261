"""The interface that the emulator and the native engine share: steps, player, saved states.

A step is one of the contest: four frames with the same buttons, without reading a frame.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

FRAME_SKIP = 4
# An action is a sum of these: the four buttons that the contest's agents use.
B, DOWN, LEFT, RIGHT = 1, 2, 4, 8


class PlayerState(NamedTuple):
    """The player's state in the RAM block; FORMAT.md, 8 explains the variables and their units."""

    x: int
    y: int
    x_speed: int
    y_speed: int
    ground_speed: int
    grounded: int
    rolling: int
    dead: int
    won: int
    in_loop: int
    lock: int
    on_platform: int
    rings: int
    underwater: int
    air: int
    lives: int


class Console(Protocol):
    """Plays steps of a level, and saves and loads its states.

    Attributes:
        frames: frames played so far, as a measure of cost.
    """

    frames: int

    def step(self, action: int, first: int | None = None) -> PlayerState:
        """Hold the buttons of an action for four frames.

        Args:
            action: the action.
            first: action of the first frame, if it differs. With sticky actions it is the one of
                the step before.
        """
        ...

    def player_state(self) -> PlayerState:
        """Return the state of the player."""
        ...

    def save(self) -> bytes:
        """Save the state of the game."""
        ...

    def load(self, state: bytes) -> None:
        """Load a state that `save` returned."""
        ...
