"""A server for tests of the client, which sends scripted answers in a thread."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from agent.gym_remote.channels import Channel, describe
from agent.gym_remote.client import GymRemoteClient
from agent.gym_remote.messages import (
    MessageReader,
    encode,
)

SHAPE = (4, 5, 3)
CHANNELS = {
    "ac": Channel("ac", "int_fold", folds=(2,) * 12),
    "ob": Channel("ob", "np", SHAPE, np.dtype(np.uint8)),
    "reward": Channel("reward", "float"),
    "done": Channel("done", "bool"),
    "reset": Channel("reset", "bool"),
}
DESCRIPTION = encode("description", describe(CHANNELS))
AFTER_RESET = encode("update", {"ob": True, "reset": False, "reward": 0, "done": False})
AFTER_STEP = encode("update", {"ob": True, "reward": 1.5, "done": False})
REFUSAL = encode("exception", {"exception": 5, "reason": None})
NO_BUTTONS = np.zeros(12, np.uint8)


class Server:
    """Serves one connection in a thread: sends one scripted answer after each request."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.received: list[dict[str, Any]] = []
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()

    def start(
        self,
        *answers: bytes,
        description: bytes = DESCRIPTION,
        ob: bytes | None = bytes(60),
        before: Callable[[], None] = lambda: None,
        stay: bool = False,
    ) -> None:
        if ob is not None:
            (self.base / "ob").write_bytes(ob)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)

        def run() -> None:
            before()
            listener.bind(str(self.base / "sock"))
            listener.listen(1)
            connection, _ = listener.accept()
            with listener, connection:
                self._serve(connection, description, answers, stay)

        self._thread = threading.Thread(target=run, daemon=True)
        self._thread.start()

    def _serve(
        self, connection: socket.socket, description: bytes, answers: tuple[bytes, ...], stay: bool
    ) -> None:
        reader = MessageReader()
        try:
            connection.sendall(description)
            for answer in answers:
                while not (messages := reader.feed(connection.recv(4096))):
                    pass
                self.received += messages
                connection.sendall(answer)
            if stay:
                self._stop.wait(20)
        except OSError:
            pass

    def stop(self) -> None:
        self._stop.set()
        if self._thread:
            self._thread.join(20)
            assert not self._thread.is_alive()


def connected(server: Server, *answers: bytes, **how: Any) -> GymRemoteClient:
    server.start(*answers, **how)
    return GymRemoteClient.connect(server.base, 10, describe_seconds=5, answer_seconds=5)
