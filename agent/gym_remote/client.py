"""The client of gym_remote: connects to the contest's socket, and resets and steps the environment.

Sending an action and reading its answer are two calls, so that the agent can step its memory while
the emulator computes. This is the hot path: one send, usually one recv, and one copy per step.
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
    """A contest environment at the other end of a socket. Create it with `connect`."""

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
        """Connect to `<base>/sock`, and wait until it accepts connections.

        Args:
            base: folder of the socket and of the observation's file.
            patience_seconds: longest wait for a server; the agent often starts first.
            describe_seconds: longest wait for the server's description of itself.
            answer_seconds: longest wait for the answer to one request.

        Raises:
            ConnectError: no server listened in time, the path is unusable, or the server refused.
            ProtocolError: the server is not a contest environment.
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
        """Number of buttons of an action: 12 on a Mega Drive."""
        return len(self._folds)

    @property
    def observation_shape(self) -> tuple[int, ...]:
        """Shape of a frame, (height, width, 3)."""
        return self._screen.shape

    def reset(self) -> NDArray[np.uint8]:
        """Start an episode. It consumes a timestep of the budget.

        Returns:
            The frame, uint8 (H, W, 3) RGB, a copy that the caller may keep.

        Raises:
            ResetError: the previous episode is not done. It continues with the next step.
            GymRemoteError: the run ended; the error's class gives the reason.
            ProtocolError: the answer does not follow the protocol.
        """
        self._connection.send(encode("update", {"reset": True}))
        values = self._answer()
        if "ob" not in values or values.get("done") or values.get("reset"):
            raise ProtocolError(f"a reset was answered by {values}, expected a new ob and no done")
        return self._screen.copy()

    def send_action(self, buttons: NDArray[np.uint8]) -> None:
        """Send an action and return at once; `receive` reads the answer.

        Args:
            buttons: (n_buttons,) uint8, 1 where pressed.

        Raises:
            ValueError: another number of buttons, or a value other than 0 and 1.
            GymRemoteError: the run ended; the error's class gives the reason.
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
        """Read the answer to the action that was sent.

        Returns:
            The frame, uint8 (H, W, 3) RGB, a copy that the caller may keep; the reward; whether the
            episode is done.

        Raises:
            ResetError: the step came after done, or before the first reset.
            GymRemoteError: the run ended; the error's class gives the reason.
            ProtocolError: the answer does not follow the protocol.
        """
        plain = self._connection.read_plain(PLAIN_ANSWER)
        if plain:
            return self._screen.copy(), float(plain[1]), plain[2] == b"true"
        values = self._answer()
        if not ("ob" in values and "reward" in values and "done" in values):
            raise ProtocolError(f"a step was answered by {values}, expected ob, reward and done")
        return self._screen.copy(), float(values["reward"]), bool(values["done"])

    def step(self, buttons: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], float, bool]:
        """Send an action and read its answer."""
        self.send_action(buttons)
        return self.receive()

    def close(self) -> None:
        """Close the connection. A second call has no effect."""
        self._connection.close()
        self._screen.close()

    def _request(self, buttons: NDArray[np.uint8]) -> bytes:
        content: dict[str, Value] = {"ac": fold_buttons(buttons, self._folds)}
        if self._reset_refused:
            # OpenAI's server keeps a refused reset and would refuse all later actions.
            content["reset"] = False
        return encode("update", content)

    def _answer(self) -> dict[str, Value]:
        message = self._connection.read()
        if message["type"] == "update":
            return parse_update(message["content"], self._channels)
        error = self._connection.error_of(message)
        if message["type"] == "exception":
            # An update follows a refusal. Unread, it would pass for the answer to the next request.
            follower = self._connection.read()
            if follower["type"] != "update":
                raise self._connection.error_of(follower) from error
            self._reset_refused = isinstance(error, ResetError)
        raise error


class _Screen:
    """The observation, a memory map of the server's file."""

    def __init__(self, path: Path, channel: Channel) -> None:
        if channel.dtype != np.uint8 or channel.shape is None or channel.shape[2:] != (3,):
            raise ProtocolError(
                f"the observation is {channel.dtype} of shape {channel.shape}, expected uint8"
                " (height, width, 3)"
            )
        self.shape = channel.shape
        self._nbytes = channel.nbytes
        self._file = _open(path)
        try:
            self._check_size(path)
            self._map = mmap.mmap(self._file, self._nbytes, access=mmap.ACCESS_READ)
        except OSError as error:
            os.close(self._file)
            raise ConnectError(f"the observation {path} can't be mapped: {error}") from None
        except BaseException:
            os.close(self._file)
            raise
        self._frame = np.ndarray(self.shape, np.uint8, self._map)

    def copy(self) -> NDArray[np.uint8]:
        # Reading a map beyond the end of its file kills the process without an exception.
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


def _open(path: Path) -> int:
    """Open the observation's file for reading, which a read-only folder or mount allows too."""
    try:
        # Non-blocking, because a pipe of that name would block.
        file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise ConnectError(f"the observation's file can't be opened: {error}") from None
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        raise ProtocolError(f"the observation {path} is not a regular file")
    return file


def _await_description(connection: Connection, base: Path) -> dict[str, Channel]:
    try:
        message = connection.read()
        if message["type"] != "description":
            raise connection.error_of(message)
    except GymRemoteError as error:
        reason = str(error) or type(error).__name__
        raise ConnectError(
            f"{base / 'sock'} accepts connections but does not serve ({reason}): check whether"
            " another agent is connected"
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
    for states in channels["ac"].folds:
        if states != 2:
            raise ProtocolError(
                f"a button of the server has {states} states, expected 2 (pressed or not)"
            )
    return channels
