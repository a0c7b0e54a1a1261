"""A window into a level's server: its last steps, for whoever looks, in a file that both know.

The server writes only the steps that somebody has asked for, and after the agent has its answer, so
that the copying happens while the agent thinks. Otherwise a step costs it one look at eight bytes.

    looks (uint32, how many there were), wanted (uint32, steps that the last one asked for),
    newest (uint64, sequence number of the last step; 0: none),
    height, width, channels, buttons (uint32 each)
    SLOTS x (step header, frame, the step's sequence number once more)

A step that is being written while it is read has two different sequence numbers at its ends.
"""

from __future__ import annotations

import contextlib
import math
import os
import struct
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

SLOTS = 24  # of 215 kB; a tenth of a second of play
STALE_SECONDS = 2.0  # after so long without a look, what was shown before is no news
_HEAD = struct.Struct("<2IQ4I")
_LOOK = struct.Struct("<2I")
# sequence, timesteps of the budget, episode, buttons as bits, return so far in the episode
_STEP = struct.Struct("<QQQQd")
_SEQUENCE = struct.Struct("<Q")
_NO_BUTTONS = (1 << 64) - 1
_MAX_SIDE = 4096  # a larger picture is none of ours


@dataclass(frozen=True)
class Step:
    """One timestep of play.

    Attributes:
        sequence: counts the steps written, from 1; consecutive ones follow each other in play.
        timesteps: used of the budget.
        episode: from 0.
        buttons: uint8 (n_buttons,) of 0 and 1, what led to the frame; None: a reset did.
        episode_return: sum of the episode's rewards up to the frame.
        frame: uint8 (height, width, 3) RGB.
    """

    sequence: int
    timesteps: int
    episode: int
    buttons: NDArray[np.uint8] | None
    episode_return: float
    frame: NDArray[np.uint8]


class WindowWriter:
    """The server's end. What goes wrong with the file ends the showing, never the play."""

    def __init__(self, path: Path, shape: Sequence[int], n_buttons: int) -> None:
        """Make the file, which only its owner can read.

        Args:
            path: of the file.
            shape: of the frames, (height, width, 3).
            n_buttons: of the console, 63 at most.
        """
        self._path = path
        self._slot = _slot_bytes(shape)
        self._sequence = 0
        self._looks = self._wanted = 0
        self._works = True
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        os.pwrite(self._file, _HEAD.pack(0, 0, 0, *shape, n_buttons), 0)

    def write(
        self,
        frame: NDArray[np.uint8],
        buttons: NDArray[np.uint8] | None,
        *,
        timesteps: int,
        episode: int,
        episode_return: float,
    ) -> None:
        """Show a step, if somebody wants it; see `Step` for the values.

        A step that nobody wanted leaves a gap in the sequence numbers.
        """
        self._sequence += 1
        try:
            if not self._works or not self._is_wanted():
                return
            sequence = self._sequence
            step = _STEP.pack(sequence, timesteps, episode, _bits(buttons), episode_return)
            place = _HEAD.size + sequence % SLOTS * self._slot
            end = _SEQUENCE.pack(sequence)
            os.pwritev(self._file, [step, np.ascontiguousarray(frame).data, end], place)
            os.pwrite(self._file, end, _LOOK.size)
        except OSError:  # a full disk
            self._works = False

    def close(self) -> None:
        """Take the file away."""
        os.close(self._file)
        self._path.unlink(missing_ok=True)

    def _is_wanted(self) -> bool:
        look = os.pread(self._file, _LOOK.size, 0)
        if len(look) < _LOOK.size:
            return False
        looks, wanted = _LOOK.unpack(look)
        if looks != self._looks:
            self._looks, self._wanted = looks, wanted
        self._wanted = max(self._wanted - 1, -1)
        return self._wanted >= 0


class WindowReader:
    """The end of whoever looks. The server may come later, and go at any time."""

    def __init__(self, path: Path) -> None:
        """Look at a path, whether or not there is a window already."""
        self._path = path
        self._file = -1
        self._shape: tuple[int, ...] = ()
        self._n_buttons = 0
        self._looks = 0
        self._looked = -math.inf
        self._before = 0  # the last step of an earlier look

    def look(self, steps: int) -> None:
        """Ask the server to show its next so many steps, from 1 on."""
        if self._file < 0 and not self._open():
            return
        if time.monotonic() > self._looked + STALE_SECONDS:
            self._before = self._newest()
        self._looked = time.monotonic()
        self._looks = (self._looks + 1) % (1 << 32)
        with contextlib.suppress(OSError):
            os.pwrite(self._file, _LOOK.pack(self._looks, steps), 0)

    def newest(self) -> int:
        """The sequence number of the last step shown; 0: none was since this look began."""
        newest = self._newest()
        return newest if newest > self._before else 0

    def read(self, count: int) -> list[Step]:
        """The last steps shown, at most `count`, without a gap, of one episode; maybe none."""
        steps: list[Step] = []
        newest = self.newest()
        # The oldest slots are the next to be written over: they are left alone.
        for sequence in range(newest, max(0, newest - min(count, SLOTS - 4)), -1):
            step = self._step(sequence)
            if step is None or (steps and step.episode != steps[-1].episode):
                break
            steps.append(step)
            if step.buttons is None:
                break
        return steps[::-1]

    def close(self) -> None:
        """Look no more."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _newest(self) -> int:
        head = os.pread(self._file, _HEAD.size, 0) if self._file >= 0 else b""
        return int(_HEAD.unpack(head)[2]) if len(head) == _HEAD.size else 0

    def _open(self) -> bool:
        """Open the window; False: it is not there yet, not any more, or nothing of ours."""
        try:
            file = os.open(self._path, os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            return False
        head = os.pread(file, _HEAD.size, 0)
        if len(head) == _HEAD.size:
            self._looks, _, _, *shape, n_buttons = _HEAD.unpack(head)
            if all(0 < side <= _MAX_SIDE for side in shape) and shape[2] == 3 and n_buttons < 64:
                self._file, self._shape, self._n_buttons = file, tuple(shape), n_buttons
                return True
        os.close(file)
        return False

    def _step(self, sequence: int) -> Step | None:
        """A step of the ring; None: never written, written over, or being written."""
        slot = _slot_bytes(self._shape)
        data = os.pread(self._file, slot, _HEAD.size + sequence % SLOTS * slot)
        if len(data) != slot:
            return None
        found, timesteps, episode, bits, episode_return = _STEP.unpack_from(data)
        (last,) = _SEQUENCE.unpack_from(data, slot - _SEQUENCE.size)
        if not found == last == sequence:
            return None
        buttons = None
        if bits != _NO_BUTTONS:
            buttons = np.array([bits >> n & 1 for n in range(self._n_buttons)], np.uint8)
        frame = np.frombuffer(data, np.uint8, math.prod(self._shape), _STEP.size)
        shaped = frame.reshape(self._shape)
        return Step(sequence, timesteps, episode, buttons, episode_return, shaped)


def _bits(buttons: NDArray[np.uint8] | None) -> int:
    if buttons is None:
        return _NO_BUTTONS
    return sum(1 << n for n, pressed in enumerate(buttons) if pressed)


def _slot_bytes(shape: Sequence[int]) -> int:
    return _STEP.size + math.prod(shape) + _SEQUENCE.size
