"""A fake game on a real contest server, and clients for it."""

from __future__ import annotations

import socket
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np

from agent.gym_remote.client import GymRemoteClient
from agent.gym_remote.messages import (
    MessageReader,
    encode,
)
from arena.server.monitor import Monitor
from arena.server.serve import serve_environment
from arena.server.session_result import SessionLimits, SessionResult

SHAPE = (4, 5, 3)
NO_BUTTONS = np.zeros(12, np.uint8)
RESET = encode("update", {"reset": True})
STEP = encode("update", {"ac": 5})


class CountingEnv:
    """An environment of four steps: each frame is filled with its number, and the reward is the
    set of pressed buttons as a bit mask.
    """

    n_buttons = 12
    observation_shape = SHAPE

    def __init__(self) -> None:
        self.frames = 0
        self.steps = 4
        self.actions: list[list[int]] = []

    def reset(self) -> np.ndarray:
        assert self.steps == 4, "a reset in mid-episode reached the environment"
        self.steps = 0
        return self._frame()

    def step(self, buttons: np.ndarray) -> tuple[np.ndarray, float, bool, dict[str, int]]:
        assert self.steps < 4, "a step after done reached the environment"
        self.steps += 1
        self.actions.append(np.flatnonzero(buttons).tolist())
        return self._frame(), float(sum(1 << i for i in self.actions[-1])), self.steps == 4, {}

    def _frame(self) -> np.ndarray:
        self.frames += 1
        return np.full(SHAPE, self.frames % 256, np.uint8)


class Running:
    """A server in a thread, and its result."""

    def __init__(self, base: Path, env: Any = None, monitor: Path | None = None, **limits: Any):
        self.base = base
        self.env = env or CountingEnv()
        self.ended: SessionResult | BaseException | None = None
        arguments = (monitor, SessionLimits(**limits))
        self._thread = threading.Thread(target=self._run, args=arguments, daemon=True)
        self._thread.start()

    def _run(self, monitor: Path | None, limits: SessionLimits) -> None:
        try:
            self.ended = serve_environment(self.env, self.base, limits, Monitor(monitor))
        except BaseException as error:
            self.ended = error

    def result(self) -> SessionResult:
        self._thread.join(20)
        assert not self._thread.is_alive(), "the server hangs"
        assert not list(self.base.iterdir()), "the server left something behind"
        if isinstance(self.ended, BaseException):
            raise self.ended
        assert self.ended is not None
        return self.ended

    def raw(self) -> Raw:
        return Raw(self.base)

    def client(self) -> GymRemoteClient:
        return GymRemoteClient.connect(self.base, 10, answer_seconds=10)


class Raw:
    """A client that can send any bytes."""

    def __init__(self, base: Path) -> None:
        deadline = time.monotonic() + 10
        while not (base / "sock").exists():
            assert time.monotonic() < deadline, "no server"
            time.sleep(0.005)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(10)
        self.socket.connect(str(base / "sock"))
        self._reader = MessageReader()
        self._messages: list[dict[str, Any]] = []
        self.description = self.read()

    def read(self) -> dict[str, Any]:
        while not self._messages:
            data = self.socket.recv(4096)
            assert data, "closed"
            self._messages += self._reader.feed(data)
        return self._messages.pop(0)

    def ask(self, data: bytes) -> dict[str, Any]:
        self.socket.sendall(data)
        return self.read()
