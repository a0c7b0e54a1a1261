"""The gym_remote wire format: messages and errors, shared by client and server.

Wire-compatible with OpenAI's support code of the Retro Contest. What arrives is parsed strictly
and limited in size: what is not of the protocol is a `ProtocolError`.
"""

from __future__ import annotations

import json
from typing import Any, ClassVar, NoReturn

from agent.errors import UserError

MAX_MESSAGE_BYTES = 1 << 16  # the longest honest message, a description, is under 2 KB
SEPARATOR = b"\f"


class ProtocolError(UserError):
    """What arrived is not gym_remote. The text says what it was."""


class GymRemoteError(Exception):
    """How a run ended, or why a request was refused, in the words of the other end."""

    ID: ClassVar[int] = 0

    def __init__(self, reason: str | None = None) -> None:
        super().__init__(reason or "")
        self.id = self.ID
        self.reason = reason


class TimestepTimeoutError(GymRemoteError):
    """The budget of timesteps is used up: a normal end."""

    ID = 1


class WallClockTimeoutError(GymRemoteError):
    """The time is up: a normal end."""

    ID = 2


class ClientDisconnectError(GymRemoteError):
    """The client went away."""

    ID = 3


class ServerDisconnectError(GymRemoteError):
    """The server went away without reaching a limit."""

    ID = 4


class ResetError(GymRemoteError):
    """A reset in mid-episode, or a step after done: refused, and the episode stands as it was."""

    ID = 5


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
    """The exception that an `exception` or a `close` message stands for.

    Args:
        id: 0 to 5; another number gives a `GymRemoteError` that carries it.
        reason: a text or None.

    Raises:
        ProtocolError: the id is not an integer, or the reason is no text.
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
    """One message, ready to send: JSON in UTF-8 and a form feed.

    Raises:
        ProtocolError: a NaN or an infinity, which JSON does not have.
    """
    try:
        return _ENCODER.encode({"type": type, "content": content}).encode() + SEPARATOR
    except ValueError as error:
        raise ProtocolError(f"the {type} {shown(content)} can't be sent: {error}") from None


class MessageReader:
    """Cuts a stream of bytes into messages. After an error it is of no further use."""

    def __init__(self) -> None:
        self._rest = b""

    @property
    def pending(self) -> int:
        """How many bytes of an unfinished message have arrived."""
        return len(self._rest)

    def feed(self, data: bytes) -> list[dict[str, Any]]:
        """Take what a `recv` gave; return the messages it completes, each {type, content}.

        Raises:
            ProtocolError: not JSON, not UTF-8, not of this form, or over `MAX_MESSAGE_BYTES`.
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
    """A text of the other end as one line that is safe to print on a terminal."""
    cut = text if len(text) <= limit else text[:limit] + "..."
    return "".join(letter if letter.isprintable() else "?" for letter in cut)


def shown(value: object) -> str:
    """A value in an error message: one line, cut, whatever it is."""
    if isinstance(value, list | dict):
        return f"a {type(value).__name__} of {len(value)}"
    if isinstance(value, int) and value.bit_length() > 64:
        return f"an integer of {value.bit_length()} bits"
    return printable(repr(value), 80)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


# One decoder for all messages: json.loads builds one at every call that has an option.
_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)
_ENCODER = json.JSONEncoder(allow_nan=False)


def _decode(data: bytes) -> dict[str, Any]:
    if len(data) > MAX_MESSAGE_BYTES:
        raise ProtocolError(f"a message has {len(data)} bytes, at most {MAX_MESSAGE_BYTES}")
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
