"""A level of Pangolin Dash without the emulator: the engine's rules, compiled for this machine.

It has the interface of `game.planning.emulator.Emulator`. It computes no picture, and a step takes
microseconds. The state of play is the same, frame by frame, as on the emulator.
"""

from __future__ import annotations

import ctypes
import operator
import struct
from pathlib import Path
from typing import Any

import numpy as np

from agent.errors import UserError
from game import format as fmt
from game.cartridge.compression import decompress
from game.cartridge.maps import LEVEL, LEVEL_BYTES
from game.cartridge.rom import check_rom
from game.native.library import library
from game.planning.console import DOWN, FRAME_SKIP, LEFT, RIGHT, B, PlayerState
from game.ram import RAM, RAM_MAGIC, current_ram

FIRST_FRAMES = 3  # two until the engine is ready, and one that a reset of stable-retro plays
_PAD = {B: 16, DOWN: 2, LEFT: 4, RIGHT: 8}  # the engine's bits, in state.h
_BUTTONS = tuple(
    sum(bit for button, bit in _PAD.items() if action & button) for action in range(16)
)
# The block of RAM in the byte order of this machine.
_KINDS = {">u4": "I", ">u2": "H", ">i2": "h", "|u1": "B"}
BLOCK = struct.Struct("=" + "".join(_KINDS[kind] for _, kind in RAM.values()))
RAM_BYTES = 1 << 16
BUILD_AT = RAM["build_id"][0]
# The core stores RAM as words in the byte order of the host, so that pairs of bytes are swapped.
_STORED_MAGIC = struct.pack("<2H", *struct.unpack(">2H", struct.pack(">I", RAM_MAGIC)))
_player = operator.itemgetter(*(list(RAM).index(name) for name in PlayerState._fields))


class _PackedLevel(ctypes.Structure):
    """struct packed_level of the engine's format.h."""

    _pack_ = 2
    _fields_ = [
        *((name, ctypes.c_uint8) for name in ("zone", "act")),
        *((name, ctypes.c_uint16) for name in ("columns", "rows")),
        *((name, ctypes.c_int16) for name in ("start_x", "start_y", "end_x", "end_y", "water_y")),
        *((name, ctypes.c_uint16) for name in ("time_limit", "objects", "rings", "unused")),
        *((name, ctypes.c_void_p) for name in ("cells_at", "objects_at", "rings_at")),
        ("reserved", ctypes.c_uint32),
    ]


def ram_of(state: bytes) -> bytes:
    """Return the RAM in a state of the emulator, as its `get_state` or `Emulator.save` returns it.

    Raises:
        NativeEngineError: it contains no RAM of Pangolin Dash.
    """
    at = state.find(_STORED_MAGIC)
    if at < 0:
        raise NativeEngineError("the emulator's state is not one of Pangolin Dash")
    return state[at : at + RAM_BYTES]


def level_in(ram: bytes | memoryview) -> int:
    """Return the index of the level that is played, from the console's RAM; see `ram_of`."""
    return ram[RAM["level"][0] ^ 1]


class NativeEngineError(UserError):
    """The ROM has no such level, or a state is of another level."""


class NativeEngine:
    """A level; a process has one at a time, as it has one emulator.

    Attributes:
        frames: frames played so far, as a measure of cost.
        state_size: bytes of a saved state.
    """

    def __init__(self, rom: Path, number: int) -> None:
        """Start a level.

        Args:
            rom: the game's ROM file.
            number: index of the level in the ROM; see `level_in`.

        Raises:
            CartridgeError: the ROM is truncated, altered, or not of this game.
            NativeEngineError: it has no such level.
            CompilerError: there is no C compiler.
            OSError: the ROM can't be read.
        """
        self._library = library()
        self._library.host_start.restype = ctypes.c_void_p
        data = rom.read_bytes()
        check_rom(data, str(rom))
        self._number = number
        self._build = data[fmt.PACK_TABLE + 24 : fmt.PACK_TABLE + 28]
        self._level, self._memory = _read_level(data, rom, number)
        self.frames = 0
        self.reset()
        self.state_size = int(self._library.host_state_size())
        self._buffer = ctypes.create_string_buffer(self.state_size)

    @classmethod
    def of(cls, env: Any, rom: Path) -> NativeEngine:
        """Start the level of a stable-retro environment that was reset, in its current state.

        Args:
            env: the environment.
            rom: the game's ROM file.

        Raises:
            CartridgeError, CompilerError, NativeEngineError, OSError: as above.
        """
        ram = current_ram(env)
        engine = cls(rom, level_in(ram))
        engine.take(ram)
        return engine

    def reset(self) -> PlayerState:
        """Restart the level, as at the beginning of an episode."""
        at = self._library.host_start(ctypes.byref(self._level))
        self._block = (ctypes.c_char * BLOCK.size).from_address(at)
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
        return PlayerState._make(_player(BLOCK.unpack_from(self._block)))

    def take(self, ram: bytes | memoryview) -> PlayerState:
        """Continue from the console's RAM, as stable-retro or a state of the emulator has it.

        Args:
            ram: RAM of the level that was started; see `ram_of`.

        Raises:
            NativeEngineError: it is not the RAM of this level.
        """
        console = np.frombuffer(ram, "<u2").astype(">u2").tobytes()  # in the console's byte order
        build = console[BUILD_AT : BUILD_AT + 4]
        if len(console) != RAM_BYTES or (build, level_in(ram)) != (self._build, self._number):
            raise NativeEngineError("the emulator's state is not one of this level and ROM")
        self._library.host_take(console)
        return self.player_state()

    def block(self) -> dict[str, int]:
        """Return the variables of the RAM block by name."""
        return dict(zip(RAM, BLOCK.unpack_from(self._block), strict=True))

    def save(self) -> bytes:
        """Save the state of the game."""
        self._library.host_save(self._buffer)
        return self._buffer.raw

    def load(self, state: bytes) -> None:
        """Load a state that `save` returned for the same level.

        Raises:
            NativeEngineError: it is not one of this level.
        """
        if len(state) != self.state_size:
            raise NativeEngineError("the saved state is not one of this level")
        self._library.host_load(state)


def _read_level(data: bytes, rom: Path, number: int) -> tuple[_PackedLevel, object]:
    """Return a level of a ROM, and the memory that its pointers need."""
    _, levels, levels_at = struct.unpack_from(">HHI", data, fmt.PACK_TABLE + 4)
    if not 0 <= number < levels:
        raise NativeEngineError(f"{rom} has no level {number}: it has {levels}")
    values = struct.unpack_from(LEVEL, data, levels_at + number * LEVEL_BYTES)
    *numbers, cells_at, objects_at, rings_at, reserved = values
    n_objects, n_rings = numbers[10], numbers[11]
    objects = struct.iter_unpack(">4B2h", data[objects_at : objects_at + 8 * n_objects])
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
