"""The client of OpenAI's `gym_remote`: `RemoteEnv("tmp/sock")` is a level of the contest.

It is a `gym.Env` with gym's spaces, so that wrappers of gym accept it.
"""

import contextlib
import json
import os
import re
import socket
import time
from typing import Any, Dict, Optional, Tuple

import numpy as np

from . import exceptions as gre

try:
    from gym import Env, spaces
except ImportError:  # inside this project, where this folder's parent is not on the path
    from ..gym import Env, spaces

SECONDS_BETWEEN_TRIES = 0.1
RECEIVE_BYTES = 1 << 16


class RemoteEnv(Env):  # type: ignore[misc]
    """A level of the contest, played through a Unix socket.

    Attributes:
        action_space: MultiBinary(12), the buttons B, A, MODE, START, UP, DOWN, LEFT, RIGHT, C, Y,
            X and Z.
        observation_space: Box(224, 320, 3), RGB.
    """

    def __init__(self, directory: str, tries: int = 8) -> None:
        """Connect to the socket `directory/sock`; the server may start later than the agent.

        Args:
            directory: folder of the socket; `tmp/sock` in the contest.
            tries: number of attempts of OpenAI's client, which waited 2, 4, 8, ... seconds between
                them. This client waits for the same total time, but connects as soon as it can.

        Raises:
            OSError: no server listened in this time.
        """
        self._end: Optional[gre.GymRemoteError] = None
        self._received = b""
        self._socket = _connect(os.path.join(directory, "sock"), 2.0**tries - 2)
        channels = self._read()["content"]
        n_buttons = len(re.findall("[0-9]+", channels["ac"][1]))
        shape = tuple(int(size) for size in re.findall("[0-9]+", channels["ob"][1].split(")")[0]))
        self.action_space = spaces.MultiBinary(n_buttons)
        self.observation_space = spaces.Box(low=0, high=255, shape=shape, dtype=np.uint8)
        self._weights = 1 << np.arange(n_buttons)
        self._screen = np.memmap(os.path.join(directory, "ob"), np.uint8, "r", shape=shape)
        self._reward, self._done = 0.0, True

    def reset(self) -> Any:
        """Start an episode; this is allowed only when the last one is done, and costs a timestep.

        Returns:
            The frame, uint8 (224, 320, 3) RGB.

        Raises:
            GymRemoteError: a limit was reached, or the reset was refused.
        """
        self._ask({"reset": True})
        return np.array(self._screen)

    def step(self, action: Any) -> Tuple[Any, float, bool, Dict[str, Any]]:
        """Press buttons for one step, four frames of the game.

        Args:
            action: a value for each button, 1 (or True) where it is pressed.

        Returns:
            The frame, uint8 (224, 320, 3) RGB; the reward; whether the episode is done; {}.

        Raises:
            GymRemoteError: a limit was reached, or the step was refused.
            ValueError: the action has another number of buttons.
        """
        pressed = np.asarray(action)
        if pressed.shape != self._weights.shape:
            raise ValueError(
                f"an action has the shape {pressed.shape}, expected {self._weights.shape}: a value"
                " for each button"
            )
        self._ask({"ac": int((pressed % 2).dot(self._weights))})
        return np.array(self._screen), self._reward, self._done, {}

    def close(self) -> None:
        """Close the connection. A second call has no effect."""
        if self._end is None:
            self._ended(gre.ClientDisconnectError("the environment is closed"))

    def _ask(self, content: Dict[str, Any]) -> None:
        if self._end is not None:
            raise self._end
        message = json.dumps({"type": "update", "content": content}) + "\f"
        try:
            self._socket.sendall(message.encode("utf-8"))
        except OSError:
            pass  # the server has closed the connection; its last message gives the reason
        answer = self._read()
        if answer["type"] == "exception":
            self._read()  # the update that follows a refusal
            raise gre.make(answer["content"]["exception"], answer["content"].get("reason"))
        self._reward = float(answer["content"].get("reward", self._reward))
        self._done = bool(answer["content"].get("done", self._done))

    def _read(self) -> Dict[str, Any]:
        while b"\f" not in self._received:
            try:
                data = self._socket.recv(RECEIVE_BYTES)
            except OSError:
                data = b""
            if not data:
                raise self._ended(gre.ServerDisconnectError("the server closed the connection"))
            self._received += data
        first, _, self._received = self._received.partition(b"\f")
        message: Dict[str, Any] = json.loads(first.decode("utf-8"))
        if message["type"] == "close":
            content = message["content"]
            raise self._ended(gre.make(content.get("exception", 4), content.get("reason")))
        return message

    def _ended(self, error: gre.GymRemoteError) -> gre.GymRemoteError:
        self._end = error
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)  # wakes a thread that waits for an answer
        self._socket.close()
        return error


def _connect(path: str, seconds: float) -> socket.socket:
    deadline = time.time() + seconds
    while True:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.connect(path)
            return connection
        except OSError:
            connection.close()
            if time.time() > deadline:
                raise
        time.sleep(SECONDS_BETWEEN_TRIES)
