"""The client end of gym_remote: connect patiently, reset, step.

The action is sent and the answer read in two calls, so that the agent's memory can be stepped
while the emulator computes. This is the hot path: one send, normally one recv, one copy a step.
"""

from __future__ import annotations

import mmap
import os
import stat
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from agent.gym_remote.channels import (
    PLAIN_ANSWER,
    Channel,
    Value,
    fold_buttons,
    parse_description,
    parse_update,
)
from agent.gym_remote.connection import ConnectError, Connection, connect
from agent.gym_remote.messages import GymRemoteError, ProtocolError, ResetError, encode

SECONDS_TO_CONNECT = 480.0
SECONDS_TO_DESCRIBE = 60.0
SECONDS_TO_ANSWER = 600.0

_TYPES = {
    "ac": ("int_fold",),
    "ob": ("np",),
    "reward": ("float", "int"),
    "done": ("bool",),
    "reset": ("bool",),
}


class GymRemoteClient:
    """A contest environment on the other end of a socket. Made by `connect`."""

    def __init__(
        self, connection: Connection, channels: Mapping[str, Channel], screen: _Screen
    ) -> None:
        self._connection = connection
        self._channels = channels
        self._screen = screen
        self._folds = channels["ac"].folds
        self._reset_refused = False
        self._requests: dict[bytes, bytes] = {}  # an action's bytes -> its message

    @classmethod
    def connect(
        cls,
        base: Path,
        patience_seconds: float = SECONDS_TO_CONNECT,
        *,
        describe_seconds: float = SECONDS_TO_DESCRIBE,
        answer_seconds: float = SECONDS_TO_ANSWER,
    ) -> GymRemoteClient:
        """Connect to `<base>/sock`, waiting for it as long as need be.

        Args:
            base: the folder of the socket and of the observation's file.
            patience_seconds: how long to wait for a server; an agent often starts first.
            describe_seconds: how long the server may take to say what it is.
            answer_seconds: how long it may take for the answer to one request.

        Raises:
            ConnectError: nobody listened in time, the path is of no use, or the server refused.
            ProtocolError: what answered is not a contest environment.
        """
        connection = connect(base / "sock", patience_seconds)
        try:
            connection.allow_seconds(describe_seconds)
            channels = _await_description(connection, base)
            screen = _Screen(base / "ob", channels["ob"])
            connection.allow_seconds(answer_seconds)
        except BaseException:
            connection.close()
            raise
        return cls(connection, channels, screen)

    @property
    def n_buttons(self) -> int:
        """How many buttons an action has: 12 on a Mega Drive."""
        return len(self._folds)

    @property
    def observation_shape(self) -> tuple[int, ...]:
        """(height, width, 3) of a frame."""
        return self._screen.shape

    def reset(self) -> NDArray[np.uint8]:
        """Start an episode. It consumes a timestep of the budget.

        Returns:
            frame: (H, W, 3) uint8 RGB, a copy of one's own.

        Raises:
            ResetError: the episode before is not done. It goes on; the next step is a step.
            GymRemoteError: by class, how the run ended.
            ProtocolError: the answer is not of the protocol.
        """
        self._connection.send(encode("update", {"reset": True}))
        values = self._answer()
        if "ob" not in values or values.get("done") or values.get("reset"):
            raise ProtocolError(f"a reset was answered by {values}, expected a new ob and no done")
        return self._screen.copy()

    def send_action(self, buttons: NDArray[np.uint8]) -> None:
        """Send an action and return at once; `receive` reads what came of it.

        Args:
            buttons: (n_buttons,) uint8, 1 where pressed.

        Raises:
            ValueError: another number of buttons, or one that is neither 0 nor 1.
            GymRemoteError: by class, how the run ended.
        """
        key = buttons.tobytes()
        request = self._requests.get(key)
        if request is None or self._reset_refused:
            request = self._request(buttons)
            if not self._reset_refused:
                self._requests[key] = request
            self._reset_refused = False
        self._connection.send(request)

    def receive(self) -> tuple[NDArray[np.uint8], float, bool]:
        """Read the answer to the action sent.

        Returns:
            frame (H, W, 3) uint8 RGB, a copy of one's own; reward; whether the episode is done.

        Raises:
            ResetError: a step after done, or before the first reset.
            GymRemoteError: by class, how the run ended.
            ProtocolError: the answer is not of the protocol.
        """
        plain = self._connection.read_plain(PLAIN_ANSWER)
        if plain:
            return self._screen.copy(), float(plain[1]), plain[2] == b"true"
        values = self._answer()
        if not ("ob" in values and "reward" in values and "done" in values):
            raise ProtocolError(f"a step was answered by {values}, expected ob, reward and done")
        return self._screen.copy(), float(values["reward"]), bool(values["done"])

    def step(self, buttons: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], float, bool]:
        """`send_action` and `receive` in one."""
        self.send_action(buttons)
        return self.receive()

    def close(self) -> None:
        """Tell the server that this was all, and leave. It may be called twice."""
        self._connection.close()
        self._screen.close()

    def _request(self, buttons: NDArray[np.uint8]) -> bytes:
        content: dict[str, Value] = {"ac": fold_buttons(buttons, self._folds)}
        if self._reset_refused:
            # OpenAI's server keeps the reset that it refused and would refuse all that follows.
            content["reset"] = False
        return encode("update", content)

    def _answer(self) -> dict[str, Value]:
        message = self._connection.read()
        if message["type"] == "update":
            return parse_update(message["content"], self._channels)
        error = self._connection.error_of(message)
        if message["type"] == "exception":
            # An update follows a refusal. Left unread, it would pass for the next answer.
            follower = self._connection.read()
            if follower["type"] != "update":
                raise self._connection.error_of(follower) from error
            self._reset_refused = isinstance(error, ResetError)
        raise error


class _Screen:
    """The observation, memory-mapped from the server's file."""

    def __init__(self, path: Path, channel: Channel) -> None:
        if channel.dtype != np.uint8 or channel.shape is None or channel.shape[2:] != (3,):
            raise ProtocolError(
                f"the observation is {channel.dtype} of shape {channel.shape}, expected uint8"
                " (height, width, 3)"
            )
        self.shape = channel.shape
        self._nbytes = channel.nbytes
        self._file, access = _open(path)
        try:
            self._check_size(path)
            self._map = mmap.mmap(self._file, self._nbytes, access=access)
        except OSError as error:
            os.close(self._file)
            raise ConnectError(f"the observation {path} can't be mapped: {error}") from None
        except BaseException:
            os.close(self._file)
            raise
        self._frame = np.ndarray(self.shape, np.uint8, self._map)

    def copy(self) -> NDArray[np.uint8]:
        # Reading a map past the end of its file kills the process, without an exception.
        self._check_size("ob")
        return self._frame.copy()

    def close(self) -> None:
        if self._file >= 0:
            del self._frame
            self._map.close()
            os.close(self._file)
            self._file = -1

    def _check_size(self, path: Path | str) -> None:
        size = os.lseek(self._file, 0, os.SEEK_END)
        if size != self._nbytes:
            raise ProtocolError(
                f"the observation's file {path} has {size} bytes, expected {self._nbytes} for"
                f" {self.shape}"
            )


def _open(path: Path) -> tuple[int, int]:
    """Open the observation's file as `r+` does: nothing is created and nothing truncated."""
    flags = os.O_NONBLOCK | os.O_CLOEXEC  # non-blocking: a pipe of that name would hold us
    try:
        try:
            file, access = os.open(path, os.O_RDWR | flags), mmap.ACCESS_WRITE
        except PermissionError:
            file, access = os.open(path, os.O_RDONLY | flags), mmap.ACCESS_READ
    except OSError as error:
        raise ConnectError(f"the observation's file can't be opened: {error}") from None
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        raise ProtocolError(f"the observation {path} is not a regular file")
    return file, access


def _await_description(connection: Connection, base: Path) -> dict[str, Channel]:
    try:
        message = connection.read()
        if message["type"] != "description":
            raise connection.error_of(message)
    except GymRemoteError as error:
        reason = str(error) or type(error).__name__
        raise ConnectError(
            f"{base / 'sock'} answers, but does not serve ({reason}): is another agent connected"
            " already?"
        ) from None
    channels = parse_description(message["content"])
    for name, types in _TYPES.items():
        if name not in channels:
            raise ProtocolError(f"the server has no channel {name!r}, only {sorted(channels)}")
        if channels[name].type not in types:
            raise ProtocolError(
                f"the server's channel {name!r} is of type {channels[name].type}, expected"
                f" {' or '.join(types)}"
            )
    return channels
