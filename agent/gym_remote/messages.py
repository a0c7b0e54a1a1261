"""The gym_remote wire format: messages and errors, shared by client and server.

Wire-compatible with OpenAI's support code of the Retro Contest. Received messages are parsed
strictly and limited in size; any other bytes raise `ProtocolError`.
"""

from __future__ import annotations

import json
from typing import Any, ClassVar, NoReturn

from agent.errors import UserError

MAX_MESSAGE_BYTES = 1 << 16  # the longest real message, a description, is below 2 KB
SEPARATOR = b"\f"


class ProtocolError(UserError):
    """The received bytes do not follow gym_remote; the text says what they are."""


class GymRemoteError(Exception):
    """The run ended or a request was refused; the text is the reason that the other end gave."""

    ID: ClassVar[int] = 0
    MEANING: ClassVar[str] = ""  # the text if the other end gave no reason

    def __init__(self, reason: str | None = None) -> None:
        super().__init__(reason or self.MEANING)
        self.id = self.ID
        self.reason = reason


class TimestepTimeoutError(GymRemoteError):
    """The budget of timesteps is used up, which is a normal end."""

    ID = 1


class WallClockTimeoutError(GymRemoteError):
    """The wall-clock time is used up, which is a normal end."""

    ID = 2


class ClientDisconnectError(GymRemoteError):
    """The client closed the connection."""

    ID = 3


class ServerDisconnectError(GymRemoteError):
    """The server closed the connection before a limit was reached."""

    ID = 4


class ResetError(GymRemoteError):
    """A reset before done or a step after done was refused; the episode is unchanged."""

    ID = 5
    MEANING = "a reset is allowed only after the end of an episode, and a step only before it"


_ERRORS: dict[int, type[GymRemoteError]] = {
    error.ID: error
    for error in (
        GymRemoteError,
        TimestepTimeoutError,
        WallClockTimeoutError,
        ClientDisconnectError,
        ServerDisconnectError,
        ResetError,
    )
}


def exception_from_id(id: object, reason: object) -> GymRemoteError:
    """Return the error of an `exception` or `close` message.

    Args:
        id: 0 to 5; for any other integer, the result is a `GymRemoteError` with this id.
        reason: a text or None.

    Raises:
        ProtocolError: the id is not an integer, or the reason is not a text.
    """
    if not isinstance(id, int) or isinstance(id, bool):
        raise ProtocolError(f"the id of an exception is {shown(id)}, expected an integer")
    if not (reason is None or isinstance(reason, str)):
        raise ProtocolError(f"the reason of an exception is {shown(reason)}, expected a text")
    text = None if reason is None else printable(reason)
    if id in _ERRORS:
        return _ERRORS[id](text)
    error = GymRemoteError(f"unknown exception id {id}" + (f": {text}" if text else ""))
    error.id = id
    return error


def encode(type: str, content: object) -> bytes:
    """Encode one message: JSON in UTF-8, followed by a form feed.

    Raises:
        ProtocolError: a value is NaN or infinite, which JSON does not allow.
    """
    try:
        return _ENCODER.encode({"type": type, "content": content}).encode() + SEPARATOR
    except ValueError as error:
        raise ProtocolError(f"the {type} {shown(content)} can't be sent: {error}") from None


class MessageReader:
    """Splits a stream of bytes into messages. After an error it must not be used again."""

    def __init__(self) -> None:
        self._rest = b""

    @property
    def pending(self) -> int:
        """Number of bytes of an incomplete message."""
        return len(self._rest)

    def feed(self, data: bytes) -> list[dict[str, Any]]:
        """Add received bytes and return the messages that they complete, each {type, content}.

        Raises:
            ProtocolError: a message is not JSON in UTF-8, has another form, or is longer than
                `MAX_MESSAGE_BYTES`.
        """
        *complete, rest = data.split(SEPARATOR)
        if complete:
            complete[0] = self._rest + complete[0]
            self._rest = rest
        else:
            self._rest += rest
        if len(self._rest) > MAX_MESSAGE_BYTES:
            raise ProtocolError(
                f"a message is longer than {MAX_MESSAGE_BYTES} bytes: the other end does not"
                " speak gym_remote"
            )
        return [_decode(part) for part in complete]


def printable(text: str, limit: int = 200) -> str:
    """Return a received text as one line that is safe to print on a terminal."""
    cut = text if len(text) <= limit else text[:limit] + "..."
    return "".join(letter if letter.isprintable() else "?" for letter in cut)


def shown(value: object) -> str:
    """Format any received value for an error message: one short line."""
    if isinstance(value, list | dict):
        return f"a {type(value).__name__} of {len(value)}"
    if isinstance(value, int) and value.bit_length() > 64:
        return f"an integer of {value.bit_length()} bits"
    return printable(repr(value), 80)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


# One decoder for all messages: with an option, json.loads builds a new one at every call.
_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)
_ENCODER = json.JSONEncoder(allow_nan=False)


def _decode(data: bytes) -> dict[str, Any]:
    if len(data) > MAX_MESSAGE_BYTES:
        raise ProtocolError(
            f"a message has {len(data)} bytes; at most {MAX_MESSAGE_BYTES} are allowed"
        )
    try:
        message = _DECODER.decode(data.decode())
    except (ValueError, RecursionError) as error:
        start = printable(repr(data[:40]))
        raise ProtocolError(
            f"a message is not JSON in UTF-8 ({printable(str(error))}): it begins {start}"
        ) from None
    if not isinstance(message, dict) or not isinstance(message.get("type"), str):
        raise ProtocolError(f"a message is {shown(message)}, expected an object with a type")
    if "content" not in message:
        raise ProtocolError(f"a message of type {shown(message['type'])} has no content")
    return message
