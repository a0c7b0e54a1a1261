"""A level of Pangolin Dash without the emulator: the engine's rules, compiled for this machine.

It has the interface of `game.planning.emulator.Emulator`. It computes no picture, and a step takes
microseconds. The state of play is the same, frame by frame, as on the emulator.
"""

from __future__ import annotations

import ctypes
import operator
import struct
from pathlib import Path

from agent.errors import UserError
from game import format as fmt
from game.cartridge.compression import decompress
from game.cartridge.maps import LEVEL, LEVEL_BYTES
from game.cartridge.rom import check_rom
from game.planning.emulator import DOWN, FRAME_SKIP, LEFT, RIGHT, B, PlayerState
from game.ram import RAM
from game.native.library import library

FIRST_FRAMES = 3  # two until the engine is ready, and one that a reset of stable-retro plays
_PAD = {B: 16, DOWN: 2, LEFT: 4, RIGHT: 8}  # the engine's bits, in state.h
_BUTTONS = tuple(
    sum(bit for button, bit in _PAD.items() if action & button) for action in range(16)
)
# The block of RAM, aligned as on this machine; C and struct's "@" have the same rules.
_KINDS = {">u4": "I", ">u2": "H", ">i2": "h", "|u1": "B"}
_BLOCK = struct.Struct("@" + "".join(_KINDS[kind] for _, kind in RAM.values()))
_player = operator.itemgetter(*(list(RAM).index(name) for name in PlayerState._fields))


class _PackedLevel(ctypes.Structure):
    """struct packed_level of the engine's format.h."""

    _fields_ = [
        *((name, ctypes.c_uint8) for name in ("zone", "act")),
        *((name, ctypes.c_uint16) for name in ("columns", "rows")),
        *((name, ctypes.c_int16) for name in ("start_x", "start_y", "end_x", "end_y", "water_y")),
        *((name, ctypes.c_uint16) for name in ("time_limit", "objects", "rings", "unused")),
        *((name, ctypes.c_void_p) for name in ("cells_at", "objects_at", "rings_at")),
        ("reserved", ctypes.c_uint32),
    ]


class NativeEngineError(UserError):
    """The ROM has no such level, or the native engine differs from the emulator."""


class NativeEngine:
    """A level; a process has one at a time, as it has one emulator.

    Attributes:
        frames: frames played so far, as a measure of cost.
    """

    def __init__(self, rom: Path, state: str) -> None:
        """Start a level.

        Args:
            rom: the game's ROM file.
            state: name of the level's state, such as `MeadowZone.Act1`.

        Raises:
            CartridgeError: the ROM is truncated, altered, or not of this game.
            NativeEngineError: it has no such level.
            CompilerError: there is no C compiler.
            OSError: the ROM can't be read.
        """
        self._library = library()
        self._library.host_play.restype = ctypes.c_void_p
        self._library.host_start.restype = ctypes.c_void_p
        self._level, self._memory = _read_level(rom, state)
        self.frames = 0
        self.reset()
        self._buffer = ctypes.create_string_buffer(self._library.host_state_size())

    def reset(self) -> PlayerState:
        """Restart the level, as at the beginning of an episode."""
        at = self._library.host_start(ctypes.byref(self._level))
        self._block = (ctypes.c_char * _BLOCK.size).from_address(at)
        self._library.host_play(0, FIRST_FRAMES)
        return self.player_state()

    def step(self, action: int, first: int | None = None) -> PlayerState:
        """Hold the buttons of an action for four frames; see `Emulator.step`."""
        if first is None:
            self._library.host_play(_BUTTONS[action], FRAME_SKIP)
        else:
            self._library.host_play(_BUTTONS[first], 1)
            self._library.host_play(_BUTTONS[action], FRAME_SKIP - 1)
        self.frames += FRAME_SKIP
        return self.player_state()

    def player_state(self) -> PlayerState:
        """Return the state of the player."""
        return PlayerState._make(_player(_BLOCK.unpack_from(self._block)))

    def save(self) -> bytes:
        """Save the state of the game."""
        self._library.host_save(self._buffer)
        return self._buffer.raw

    def load(self, state: bytes) -> None:
        """Load a state that `save` returned for the same level."""
        self._library.host_load(state)


def _read_level(rom: Path, state: str) -> tuple[_PackedLevel, object]:
    """Return a level of a ROM, and the memory that its pointers need."""
    data = rom.read_bytes()
    check_rom(data, str(rom))
    _, levels, levels_at = struct.unpack_from(">HHI", data, fmt.PACK_TABLE + 4)
    for number in range(levels):
        values = struct.unpack_from(LEVEL, data, levels_at + number * LEVEL_BYTES)
        *numbers, cells_at, objects_at, rings_at, reserved = values
        zone, act, n_objects, n_rings = numbers[0], numbers[1], numbers[10], numbers[11]
        if f"{fmt.ZONES[zone]}Zone.Act{act}" != state:
            continue
        objects = list(struct.iter_unpack(">4B2h", data[objects_at : objects_at + 8 * n_objects]))
        rings = struct.unpack_from(f">{2 * n_rings}h", data, rings_at)
        memory = [
            ctypes.create_string_buffer(content)
            for content in (
                decompress(data[cells_at:]),
                b"".join(struct.pack("=4B2h", *each) for each in objects),
                struct.pack(f"={2 * n_rings}h", *rings),
            )
        ]
        pointers = [ctypes.addressof(each) for each in memory]
        return _PackedLevel(*numbers, *pointers, reserved), memory
    raise NativeEngineError(f"{rom} has no level {state}: build the game again")
