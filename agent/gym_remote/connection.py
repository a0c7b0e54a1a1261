"""The client's socket: a patient connect, whole messages in and out, and why it ended.

The agent often starts before the server, and a server that goes says why in its last message,
which must be found even when sending fails.
"""

from __future__ import annotations

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

FIRST_WAIT_SECONDS = 0.05  # a server that is about ready is met at once
LONGEST_WAIT_SECONDS = 2.0
RECEIVE_BYTES = 1 << 16
LAST_WORDS = 100  # messages read in search of the one that says why the server went

# What another try can cure: the socket is not there yet, nobody listens yet, somebody is before
# us in the queue, or the server has not opened the socket to us yet.
_NOT_YET = (
    FileNotFoundError,
    ConnectionRefusedError,
    BlockingIOError,
    TimeoutError,
    PermissionError,
)


class ConnectError(UserError):
    """There is no contest environment to be reached at this place."""


class Connection:
    """The socket: whole messages in and out, and why it ended."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._reader = MessageReader()
        self._messages: deque[dict[str, Any]] = deque()
        self._end: GymRemoteError | None = None

    def allow_seconds(self, seconds: float) -> None:
        """Limit what one send or one recv may take."""
        # Waits in poll, which a plain recv would not: there the kernel wakes the process once more,
        # when the other end takes our message.
        self._socket.settimeout(seconds)

    def send(self, data: bytes) -> None:
        """Send one encoded message.

        Raises:
            GymRemoteError: the server has ended the run; by class, how.
            ProtocolError: the server spoke unasked.
        """
        if self._end is not None:
            raise self._end
        if self._messages:  # in lock-step, only an end may come unasked
            raise self.error_of(self._messages.popleft())
        try:
            self._socket.sendall(data)
        except TimeoutError:
            raise self._ended("the server takes no more messages") from None
        except OSError:
            raise self._last_words() from None

    def read_plain(self, form: re.Pattern[bytes]) -> re.Match[bytes] | None:
        """The next message, if it arrives alone and has this form; else None, and `read` has it."""
        if not self._messages and not self._reader.pending:
            data = self._receive()
            match = form.fullmatch(data)
            if match:
                return match
            self._messages.extend(self._reader.feed(data))
        return None

    def read(self) -> dict[str, Any]:
        """The next message.

        Raises:
            ServerDisconnectError: there will be none.
            ProtocolError: what arrived is no message.
        """
        while not self._messages:
            self._messages.extend(self._reader.feed(self._receive()))
        return self._messages.popleft()

    def _receive(self) -> bytes:
        if self._end is not None:
            raise self._end
        try:
            data = self._socket.recv(RECEIVE_BYTES)
        except TimeoutError:
            raise self._ended("the server did not answer in time") from None
        except OSError:
            data = b""
        if not data:
            cut = self._reader.pending
            where = f"in the middle of a message, after {cut} bytes" if cut else "without a word"
            raise self._ended(f"the server closed the connection {where}")
        return data

    def error_of(self, message: dict[str, Any]) -> GymRemoteError:
        """What an `exception` or a `close` message stands for; a close ends the link.

        Raises:
            ProtocolError: another message, or one of another form.
        """
        kind, content = message["type"], message["content"]
        if kind not in ("exception", "close"):
            raise ProtocolError(f"the server sent {shown(kind)} where it had nothing to say")
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
        """Say goodbye and hang up. It may be called twice."""
        if self._end is None:
            try:
                self._socket.send(encode("close", {"reason": None}), socket.MSG_DONTWAIT)
            except OSError:
                pass  # it was a courtesy
            self._ended("this end closed the connection")

    def _ended(self, reason: str) -> GymRemoteError:
        self._end = ServerDisconnectError(reason)
        self._socket.close()
        return self._end

    def _last_words(self) -> GymRemoteError:
        """Sending failed: the server has gone, and what it said last may still lie here."""
        try:
            for _ in range(LAST_WORDS):
                message = self.read()
                if message["type"] == "close":
                    return self.error_of(message)
        except GymRemoteError as error:
            return error
        return self._ended("the server closed the connection")


def connect(path: Path, patience_seconds: float) -> Connection:
    """Connect to a socket, waiting for it as long as need be.

    Raises:
        ConnectError: nobody listened in time, or the path is of no use.
    """
    deadline = time.monotonic() + patience_seconds
    wait = FIRST_WAIT_SECONDS
    while True:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.settimeout(max(patience_seconds, FIRST_WAIT_SECONDS))
            connection.connect(os.fspath(path))
            return Connection(connection)
        except _NOT_YET as error:
            connection.close()
            left = deadline - time.monotonic()
            if left <= 0:
                raise ConnectError(
                    f"no contest environment at {path} after {patience_seconds:g} s"
                    f" ({error.strerror}): start one with `python -m arena serve GAME LEVEL`"
                ) from None
            time.sleep(min(wait, left))
            wait = min(2 * wait, LONGEST_WAIT_SECONDS)
        except OSError as error:
            connection.close()
            raise ConnectError(
                f"can't connect to {path} ({error}): give the folder that holds the socket `sock`"
            ) from None
        except BaseException:
            connection.close()
            raise
