"""The emulator with a level of Pangolin Dash: steps, the player's state, save states.

A step is one of the contest (four frames with the same buttons), without sticky actions and without
reading a frame. A save state keeps only the part that the core writes.
"""

from __future__ import annotations

import functools
import operator
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import stable_retro

from agent.errors import UserError
from arena.environment.availability import check_available
from arena.environment.levels import Level, register_integration
from game.planning.console import DOWN, FRAME_SKIP, LEFT, RIGHT, B, PlayerState
from game.ram import RAM, current_ram

_GENESIS = ("B", "A", "MODE", "START", "UP", "DOWN", "LEFT", "RIGHT", "C", "Y", "X", "Z")
STATE_BYTES = 150_000  # the core never writes the rest of a state


def _reader(name: str) -> Callable[[tuple[int, ...]], int]:
    """Return a function that reads a variable of at most 16 bits from the words of the block."""
    offset, kind = RAM[name]
    word = offset // 2
    if kind == ">i2":
        return lambda words: (words[word] ^ 0x8000) - 0x8000
    if kind == ">u2":
        return operator.itemgetter(word)
    assert kind == "|u1"
    if offset % 2:
        return lambda words: words[word] & 0xFF
    return lambda words: words[word] >> 8


_WORDS = struct.Struct("<64H")  # the core stores RAM as words in the byte order of the host
_READERS = [_reader(name) for name in PlayerState._fields]


class GameEmulatorError(UserError):
    """The emulator refused a saved state."""


@functools.cache
def buttons(action: int) -> np.ndarray:
    """Return the state of the console's twelve buttons for an action: uint8 (12,), read-only."""
    held = {name for bit, name in ((B, "B"), (DOWN, "DOWN"), (LEFT, "LEFT"), (RIGHT, "RIGHT"))
            if action & bit}  # fmt: skip
    pressed = np.array([name in held for name in _GENESIS], np.uint8)
    pressed.setflags(write=False)
    return pressed


class Emulator:
    """The emulator with one game; stable-retro allows one emulator in a process."""

    def __init__(self, folder: Path, game: str, state: str) -> None:
        """Start a level.

        Args:
            folder: folder that contains the game's integration folder.
            game: name of the game.
            state: name of the level's state.

        Raises:
            LevelError: the game, the state or the scenario is missing.
        """
        level = Level(game, state, "contest", folder.resolve())
        check_available(level)
        self.env = stable_retro.make(
            game=game,
            state=state,
            scenario="contest",
            inttype=register_integration(level),
            use_restricted_actions=stable_retro.Actions.ALL,
            render_mode="rgb_array",
        )
        self.frames = 0
        self._tail = bytes(len(self.env.em.get_state()) - STATE_BYTES)
        self.reset()

    def reset(self) -> PlayerState:
        """Restart the level, as at the beginning of an episode."""
        self.env.reset()
        return self.player_state()

    def start(self, state: bytes) -> PlayerState:
        """Start a level from the decompressed content of its state file."""
        self.env.initial_state = state
        return self.reset()

    def step(self, action: int, first: int | None = None) -> PlayerState:
        """Hold the buttons of an action for four frames.

        Args:
            action: the action.
            first: action of the first frame, if it differs. With sticky actions it is the one of
                the step before.
        """
        emulator = self.env.em
        emulator.set_button_mask(buttons(action if first is None else first), 0)
        emulator.step()
        if first is not None:
            emulator.set_button_mask(buttons(action), 0)
        for _ in range(FRAME_SKIP - 1):
            emulator.step()
        self.frames += FRAME_SKIP
        return self.player_state()

    def player_state(self) -> PlayerState:
        """Read the state of the player from RAM."""
        words = _WORDS.unpack_from(current_ram(self.env))
        return PlayerState._make([read(words) for read in _READERS])

    def save(self) -> bytes:
        """Save the state of the emulator."""
        return bytes(self.env.em.get_state()[:STATE_BYTES])

    def load(self, state: bytes) -> None:
        """Load a state that `save` returned.

        Raises:
            GameEmulatorError: the emulator refused it.
        """
        if not self.env.em.set_state(state + self._tail):
            raise GameEmulatorError("the emulator refused a saved state: was stable-retro updated?")

    def close(self) -> None:
        self.env.close()
