"""A virtual screen for a test (Xvfb), with functions to press keys and close windows."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np

PATIENCE_SECONDS = 120.0
Found = TypeVar("Found")

# Sends a window the event of its close button, because there is no window manager.
_CLOSE = """
import ctypes, sys
from pyglet.libs.x11 import xlib
display, window = xlib.XOpenDisplay(None), int(sys.argv[1])
event = xlib.XEvent()
event.xclient.type = xlib.ClientMessage
event.xclient.window = window
event.xclient.message_type = xlib.XInternAtom(display, b"WM_PROTOCOLS", False)
event.xclient.format = 32
event.xclient.data.l[0] = xlib.XInternAtom(display, b"WM_DELETE_WINDOW", False)
xlib.XSendEvent(display, window, False, 0, ctypes.byref(event))
xlib.XSync(display, False)
"""


def wait_for(what: str, condition: Callable[[], Found | None]) -> Found:
    """Wait until the condition returns a true value and return it; fail after PATIENCE_SECONDS."""
    give_up = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < give_up:
        found = condition()
        if found:
            return found
        time.sleep(0.01)
    raise AssertionError(f"{what} did not appear within {PATIENCE_SECONDS:.0f} s")


class Screen:
    """A virtual screen, to be used as a context manager. Start programs with its `environment`."""

    def __init__(self, width: int = 800, height: int = 600) -> None:
        self._size = f"{width}x{height}x24"

    def __enter__(self) -> Screen:
        self._folder = tempfile.mkdtemp(prefix="screen-")
        ours, theirs = os.pipe()
        command = ["Xvfb", "-displayfd", str(theirs), "-screen", "0", self._size]
        # Without -noreset the server restarts after its last client and rejects clients meanwhile.
        command += ["-fbdir", self._folder, "-nolisten", "tcp", "-noreset"]
        self._server = subprocess.Popen(
            command, pass_fds=[theirs], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        os.close(theirs)
        with os.fdopen(ours) as pipe:
            number = pipe.readline().strip()  # written when the server is ready
        assert number, "Xvfb ended immediately"
        self.environment = {**os.environ, "DISPLAY": f":{number}", "LIBGL_ALWAYS_SOFTWARE": "1"}
        return self

    def __exit__(self, *error: object) -> None:
        self._server.terminate()
        self._server.wait(timeout=60)
        shutil.rmtree(self._folder)

    def picture(self) -> np.ndarray:
        """Read the picture on the screen: uint8 (height, width, 3) RGB."""
        data = (Path(self._folder) / "Xvfb_screen0").read_bytes()  # an XWD file
        header = np.frombuffer(data, ">u4", 25)
        width, height, row_bytes, colours = (int(header[at]) for at in (4, 5, 12, 19))
        first = int(header[0]) + 12 * colours
        rows = np.frombuffer(data, np.uint8, height * row_bytes, first).reshape(height, row_bytes)
        return rows.reshape(height, -1, 4)[:, :width, 2::-1]

    def window(self, name: str) -> int:
        """Wait for a window whose title contains the name, and give it the keyboard focus."""
        found = wait_for(f"a window {name!r}", lambda: self._xdotool("search", "--name", name))
        window = int(found.split()[0])
        wait_for("the keyboard focus", lambda: self._focused(window))
        return window

    def position(self, window: int) -> tuple[int, int]:
        """Return the position of a window's upper left corner, in pixels."""
        lines = self._xdotool("getwindowgeometry", "--shell", str(window)).splitlines()
        values = dict(line.split("=", 1) for line in lines)
        return int(values["X"]), int(values["Y"])

    def key(self, how: str, name: str) -> None:
        """Send `keydown` or `keyup` of a key, by its X name."""
        self._xdotool(how, name)

    def close(self, window: int) -> None:
        """Send a window the event of its close button."""
        command = [sys.executable, "-c", _CLOSE, str(window)]
        subprocess.run(command, env=self.environment, check=True, timeout=60)

    def _focused(self, window: int) -> bool:
        self._xdotool("windowfocus", str(window))
        return self._xdotool("getwindowfocus", "-f").strip() == str(window)

    def _xdotool(self, *arguments: str) -> str:
        """Run xdotool and return its output, which is empty if it finds nothing."""
        done = subprocess.run(
            ["xdotool", *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=60,
        )
        return done.stdout
