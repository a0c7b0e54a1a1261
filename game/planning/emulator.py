"""A level of Pangolin Dash under the emulator, for planning: steps, the RAM block, save states.

Steps are those of the contest (four frames with one set of buttons), without stickiness, and read
no picture; a state is kept as the part of it that the emulator uses.
"""

from __future__ import annotations

import functools
import operator
import struct
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import stable_retro

from agent.errors import UserError
from arena.environment.availability import check_available
from arena.environment.levels import Level, register_integration
from game.format import RAM, RAM_BASE

FRAME_SKIP = 4
# An action of the plan is a sum of these: the four buttons of the contest's agents.
B, DOWN, LEFT, RIGHT = 1, 2, 4, 8
ACTIONS = 16
_GENESIS = ("B", "A", "MODE", "START", "UP", "DOWN", "LEFT", "RIGHT", "C", "Y", "X", "Z")
STATE_BYTES = 150_000  # what follows in a state is memory the core never wrote


class Look(NamedTuple):
    """What the RAM block says about the player."""

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


def _reader(name: str) -> Callable[[tuple[int, ...]], int]:
    """Reads a variable of at most 16 bits from the block's words."""
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


_WORDS = struct.Struct("<64H")  # the core keeps RAM as words of the host's byte order
_READERS = [_reader(name) for name in Look._fields]


class EmulatorError(UserError):
    """The game can't be planned on."""


@functools.cache
def buttons(action: int) -> np.ndarray:
    """The contest's twelve buttons of an action: uint8 (12,), read-only."""
    held = {name for bit, name in ((B, "B"), (DOWN, "DOWN"), (LEFT, "LEFT"), (RIGHT, "RIGHT"))
            if action & bit}  # fmt: skip
    pressed = np.array([name in held for name in _GENESIS], np.uint8)
    pressed.setflags(write=False)
    return pressed


class Emulator:
    """One game under the emulator; one per process, as stable-retro demands."""

    def __init__(self, folder: Path, game: str, state: str, record: Path | None = None) -> None:
        """Start a level.

        Args:
            folder: holds the game's folder, laid out as stable-retro's are.
            game: its name.
            state: the level.
            record: a folder for .bk2 movies, one a reset.

        Raises:
            LevelError: game, state or scenario is not there.
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
            record=str(record) if record else False,
        )
        self.frames = 0
        self.reset()
        self._tail = bytes(len(self.env.em.get_state()) - STATE_BYTES)

    def reset(self) -> Look:
        """Begin the level, exactly as an episode begins."""
        self.env.reset()
        return self.look()

    def start(self, state: bytes) -> Look:
        """Begin another level: the whole content of its state file."""
        self.env.initial_state = state
        return self.reset()

    def step(self, action: int) -> Look:
        """Hold an action's buttons for four frames."""
        emulator = self.env.em
        emulator.set_button_mask(buttons(action), 0)
        for _ in range(FRAME_SKIP):
            emulator.step()
        self.frames += FRAME_SKIP
        return self.look()

    def look(self) -> Look:
        self.env.data.update_ram()
        words = _WORDS.unpack_from(self.env.data.memory.blocks[RAM_BASE])
        return Look._make([read(words) for read in _READERS])

    def save(self) -> bytes:
        return bytes(self.env.em.get_state()[:STATE_BYTES])

    def load(self, state: bytes) -> None:
        if not self.env.em.set_state(state + self._tail):
            raise EmulatorError("the emulator refused a saved state: was the core replaced?")

    def close(self) -> None:
        self.env.close()
