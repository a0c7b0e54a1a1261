"""Plays the console's sound through a program of the operating system, where there is one.

pyglet's own player buffers about a second, which is too late for a game. pacat (PulseAudio,
PipeWire) and aplay (ALSA) read samples from a pipe.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess

import numpy as np
from numpy.typing import NDArray

PIPE_BYTES = 16_384  # five frames: more would be heard too late
PACAT = "pacat --playback --raw --format=s16le --channels=2 --latency-msec=50 --rate={rate}"
APLAY = "aplay --quiet --file-type=raw --format=S16_LE --channels=2 --rate={rate}"


class Sound:
    """Sends samples to the first program that plays them; silent if there is none."""

    def __init__(self, rate: int) -> None:
        """Start a program.

        Args:
            rate: samples per second.
        """
        commands = [command.format(rate=rate).split() for command in (PACAT, APLAY)]
        self._commands = [command for command in commands if shutil.which(command[0])]
        self._process: subprocess.Popen[bytes] | None = None
        self._start()

    def play(self, samples: NDArray[np.int16]) -> None:
        """Play the samples of one frame, int16 (n, 2); drop them if the program is behind."""
        if self._process is None:
            return
        assert self._process.stdin is not None
        try:
            os.write(self._process.stdin.fileno(), samples.tobytes())
        except BlockingIOError:
            pass
        except BrokenPipeError:  # no sound server, or no device
            self.close()
            self._start()

    def close(self) -> None:
        """End the program."""
        if self._process is not None:
            assert self._process.stdin is not None
            self._process.stdin.close()
            self._process.terminate()
            self._process.wait()
            self._process = None

    def _start(self) -> None:
        if not self._commands:
            print("no sound: neither pacat nor aplay plays on this machine", flush=True)
            return
        self._process = subprocess.Popen(
            self._commands.pop(0),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            start_new_session=True,  # Ctrl-C is for the game, which then ends the program
        )
        assert self._process.stdin is not None
        os.set_blocking(self._process.stdin.fileno(), False)
        fcntl.fcntl(self._process.stdin, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
