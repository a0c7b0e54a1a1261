"""A ring buffer of the last frames of a level, in a file that its server shares with a live view.

The server writes only the steps that a reader has requested, and only after it has answered the
agent, so that the copy is made while the agent computes. Without a request a step costs one read of
eight bytes. The file contains:

    requests (uint32, number of requests), wanted (uint32, number of steps in the last request),
    newest (uint64, sequence number of the last step; 0: none),
    height, width, channels, buttons (uint32 each)
    SLOTS x (step header, frame, the step's sequence number again)

A step that is written while it is read has different sequence numbers at its two ends.
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

SLOTS = 24  # 215 kB each; a tenth of a second of play
STALE_SECONDS = 2.0  # after this time without a request, earlier steps are outdated
_HEAD = struct.Struct("<2IQ4I")
_REQUEST = struct.Struct("<2I")
# sequence, timesteps of the budget, episode, buttons as bits, return so far in the episode
_STEP = struct.Struct("<QQQQd")
_SEQUENCE = struct.Struct("<Q")
_NO_BUTTONS = (1 << 64) - 1
_MAX_SIDE = 4096  # pixels; a file with a larger frame is not a frame ring


@dataclass(frozen=True)
class Step:
    """One timestep of play.

    Attributes:
        sequence: number of the step, from 1; consecutive numbers are consecutive steps of play.
        timesteps: timesteps used of the budget.
        episode: number of the episode, from 0.
        buttons: uint8 (n_buttons,) of 0 and 1, pressed before the frame; None after a reset.
        episode_return: sum of the episode's rewards up to the frame.
        frame: uint8 (height, width, 3) RGB.
    """

    sequence: int
    timesteps: int
    episode: int
    buttons: NDArray[np.uint8] | None
    episode_return: float
    frame: NDArray[np.uint8]


class FrameRingWriter:
    """Writes the file, on the server's side. A file error stops the writing, but not the game."""

    def __init__(self, path: Path, shape: Sequence[int], n_buttons: int) -> None:
        """Create the file, which only its owner can read.

        Args:
            path: path of the file.
            shape: shape of a frame, (height, width, 3).
            n_buttons: number of the console's buttons, at most 63.
        """
        self._path = path
        self._slot = _slot_bytes(shape)
        self._sequence = 0
        self._requests = self._wanted = 0
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
        """Write a step if a reader has requested it; see `Step` for the values.

        A step that was not requested leaves a gap in the sequence numbers.
        """
        self._sequence += 1
        try:
            if not self._works or not self._is_wanted():
                return
            sequence = self._sequence
            step = _STEP.pack(sequence, timesteps, episode, _bits(buttons), episode_return)
            offset = _HEAD.size + sequence % SLOTS * self._slot
            end = _SEQUENCE.pack(sequence)
            os.pwritev(self._file, [step, np.ascontiguousarray(frame).data, end], offset)
            os.pwrite(self._file, end, _REQUEST.size)
        except OSError:  # a full disk
            self._works = False

    def close(self) -> None:
        """Remove the file."""
        os.close(self._file)
        self._path.unlink(missing_ok=True)

    def _is_wanted(self) -> bool:
        request = os.pread(self._file, _REQUEST.size, 0)
        if len(request) < _REQUEST.size:
            return False
        requests, wanted = _REQUEST.unpack(request)
        if requests != self._requests:
            self._requests, self._wanted = requests, wanted
        self._wanted = max(self._wanted - 1, -1)
        return self._wanted >= 0


class FrameRingReader:
    """Reads the file, for the live view. The server may start later and end at any time."""

    def __init__(self, path: Path) -> None:
        """Take the path of a frame ring, which need not exist yet."""
        self._path = path
        self._file = -1
        self._shape: tuple[int, ...] = ()
        self._n_buttons = 0
        self._requests = 0
        self._requested_at = -math.inf
        self._outdated = 0  # steps up to this one were requested before a pause

    def request(self, steps: int) -> None:
        """Ask the server to write its next steps, 1 or more."""
        if self._file < 0 and not self._open():
            return
        if time.monotonic() > self._requested_at + STALE_SECONDS:
            self._outdated = self._newest()
        self._requested_at = time.monotonic()
        self._requests = (self._requests + 1) % (1 << 32)
        with contextlib.suppress(OSError):
            os.pwrite(self._file, _REQUEST.pack(self._requests, steps), 0)

    def newest(self) -> int:
        """Sequence number of the last step written; 0: none since the requests began."""
        newest = self._newest()
        return newest if newest > self._outdated else 0

    def read(self, count: int) -> list[Step]:
        """Return the last steps written: at most `count` consecutive steps of one episode."""
        steps: list[Step] = []
        newest = self.newest()
        # The oldest slots are overwritten next: they are not read.
        for sequence in range(newest, max(0, newest - min(count, SLOTS - 4)), -1):
            step = self._step(sequence)
            if step is None or (steps and step.episode != steps[-1].episode):
                break
            steps.append(step)
            if step.buttons is None:
                break
        return steps[::-1]

    def close(self) -> None:
        """Close the file."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _newest(self) -> int:
        head = os.pread(self._file, _HEAD.size, 0) if self._file >= 0 else b""
        return int(_HEAD.unpack(head)[2]) if len(head) == _HEAD.size else 0

    def _open(self) -> bool:
        """Open the file; False if it does not exist or is not a frame ring."""
        try:
            file = os.open(self._path, os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            return False
        head = os.pread(file, _HEAD.size, 0)
        if len(head) == _HEAD.size:
            self._requests, _, _, *shape, n_buttons = _HEAD.unpack(head)
            if all(0 < side <= _MAX_SIDE for side in shape) and shape[2] == 3 and n_buttons < 64:
                self._file, self._shape, self._n_buttons = file, tuple(shape), n_buttons
                return True
        os.close(file)
        return False

    def _step(self, sequence: int) -> Step | None:
        """Return a step; None if it was never written, was overwritten or is being written."""
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
