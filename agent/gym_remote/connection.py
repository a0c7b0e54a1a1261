"""The client's connection: waits for the server, sends and reads messages, and stores how it ended.

The agent often starts before the server. A server that ends the run gives the reason in its
last message, which must be read even if sending fails.
"""

from __future__ import annotations

import math
import os
import re
import socket
import time
from collections import deque
from pathlib import Path
from typing import Any

from agent.errors import UserError
from agent.gym_remote.messages import (
    GymRemoteError,
    MessageReader,
    ProtocolError,
    ServerDisconnectError,
    encode,
    exception_from_id,
    shown,
)

FIRST_WAIT_SECONDS = 0.05  # short, for a server that is almost ready
LONGEST_WAIT_SECONDS = 2.0
RECEIVE_BYTES = 1 << 16
SECONDS_FOR_LAST_MESSAGE = 0.1  # after a failed send, everything has been received
MAX_LAST_MESSAGES = 100  # read after a failed send, to find why the server ended the run

# Errors that a later attempt can avoid: the socket does not exist yet, no server listens yet,
# another client is first in the queue, or the socket's permissions are not set yet.
_NOT_YET = (
    FileNotFoundError,
    ConnectionRefusedError,
    BlockingIOError,
    TimeoutError,
    PermissionError,
)


class ConnectError(UserError):
    """No contest environment can be reached at this path."""


class Connection:
    """A connection to the server, for whole messages. It remembers how it ended."""

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected
        self._reader = MessageReader()
        self._messages: deque[dict[str, Any]] = deque()
        self._end: GymRemoteError | None = None
        self._seconds = math.inf
        self._deadline = math.inf  # of the next message, which may arrive in parts

    def allow_seconds(self, seconds: float) -> None:
        """Limit the seconds in which a whole message is sent or received."""
        # With a timeout Python waits in poll. Without one it waits in recv, where the kernel also
        # wakes the process when the server reads our message.
        self._socket.settimeout(seconds)
        self._seconds = seconds
        self._deadline = time.monotonic() + seconds

    def send(self, data: bytes) -> None:
        """Send one encoded message.

        Raises:
            GymRemoteError: the server has ended the run; the error's class gives the reason.
            ProtocolError: the server sent a message without a request.
        """
        if self._end is not None:
            raise self._end
        if self._messages:  # without a request, only the end of the run may arrive
            raise self.error_of(self._messages.popleft())
        self._deadline = time.monotonic() + self._seconds
        try:
            self._socket.sendall(data)
        except TimeoutError:
            raise self._ended("the server accepts no more messages") from None
        except OSError:
            raise self._last_message() from None

    def read_plain(self, form: re.Pattern[bytes]) -> re.Match[bytes] | None:
        """Return the next message if it arrives alone and in this form; if None, use `read`."""
        if not self._messages and not self._reader.pending:
            data = self._receive()
            match = form.fullmatch(data)
            if match:
                return match
            self._messages.extend(self._reader.feed(data))
        return None

    def read(self) -> dict[str, Any]:
        """Return the next message.

        Raises:
            ServerDisconnectError: the server has closed the connection or did not answer in time.
            ProtocolError: the received bytes are not a message.
        """
        while not self._messages:
            self._messages.extend(self._reader.feed(self._receive()))
        self._deadline = time.monotonic() + self._seconds
        return self._messages.popleft()

    def _receive(self) -> bytes:
        if self._end is not None:
            raise self._end
        if not self._reader.pending:
            return self._receive_bytes()
        # The rest of a message has the rest of its time.
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise self._ended("the server did not answer in time")
        if left < math.inf:
            self._socket.settimeout(left)
        data = self._receive_bytes()
        if self._seconds < math.inf:
            self._socket.settimeout(self._seconds)
        return data

    def _receive_bytes(self) -> bytes:
        try:
            data = self._socket.recv(RECEIVE_BYTES)
        except TimeoutError:
            raise self._ended("the server did not answer in time") from None
        except OSError:
            data = b""
        if not data:
            cut = self._reader.pending
            where = f"in the middle of a message, after {cut} bytes" if cut else "without a reason"
            raise self._ended(f"the server closed the connection {where}")
        return data

    def error_of(self, message: dict[str, Any]) -> GymRemoteError:
        """Return the error of an `exception` or `close` message; a close ends the connection.

        Raises:
            ProtocolError: the message has another type or form.
        """
        kind, content = message["type"], message["content"]
        if kind not in ("exception", "close"):
            raise ProtocolError(f"the server sent {shown(kind)} without a request")
        if not isinstance(content, dict):
            raise ProtocolError(f"the content of {kind} is {shown(content)}, expected an object")
        id, reason = content.get("exception"), content.get("reason")
        if kind == "close" and id is None:
            id = ServerDisconnectError.ID
        error = exception_from_id(id, reason)
        if kind == "close":
            self._end = error
            self._socket.close()
        return error

    def close(self) -> None:
        """Send a close message and close the connection. A second call has no effect."""
        if self._end is None:
            try:
                self._socket.send(encode("close", {"reason": None}), socket.MSG_DONTWAIT)
            except OSError:
                pass  # the server may have closed it already
            self._ended("this end closed the connection")

    def _ended(self, reason: str) -> GymRemoteError:
        self._end = ServerDisconnectError(reason)
        self._socket.close()
        return self._end

    def _last_message(self) -> GymRemoteError:
        """Find the server's last message after a failed send, among what has been received."""
        self.allow_seconds(SECONDS_FOR_LAST_MESSAGE)
        try:
            for _ in range(MAX_LAST_MESSAGES):
                message = self.read()
                if message["type"] == "close":
                    return self.error_of(message)
        except GymRemoteError as error:
            return error
        return self._ended("the server closed the connection")


def connect(path: Path, patience_seconds: float) -> Connection:
    """Connect to a socket, and wait until it accepts connections.

    Raises:
        ConnectError: no server listened in time, or the path is unusable.
    """
    deadline = time.monotonic() + patience_seconds
    wait = FIRST_WAIT_SECONDS
    while True:
        candidate = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            candidate.settimeout(max(deadline - time.monotonic(), FIRST_WAIT_SECONDS))
            candidate.connect(os.fspath(path))
            return Connection(candidate)
        except _NOT_YET as error:
            candidate.close()
            left = deadline - time.monotonic()
            if left <= 0:
                raise ConnectError(
                    f"no contest environment at {path} after {patience_seconds:g} s"
                    f" ({error.strerror}): start one with `python -m arena serve LEVEL`"
                ) from None
            time.sleep(min(wait, left))
            wait = min(2 * wait, LONGEST_WAIT_SECONDS)
        except OSError as error:
            candidate.close()
            raise ConnectError(
                f"can't connect to {path} ({error}): use the folder that contains the socket `sock`"
            ) from None
        except BaseException:
            candidate.close()
            raise
