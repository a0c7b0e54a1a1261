"""The errors of OpenAI's `gym_remote.exceptions`, with the same names, bases and ids.

An agent catches `GymRemoteError`: it is raised when a limit of the contest is reached.
"""

from typing import Dict, Optional, Type


class GymRemoteError(RuntimeError):
    """The server ended the run or refused a request; the text is its reason."""

    ID = 0


class TimestepTimeoutError(TimeoutError, GymRemoteError):
    """The budget of timesteps is used up, which is a normal end."""

    ID = 1


class WallClockTimeoutError(TimeoutError, GymRemoteError):
    """The wall-clock time is used up, which is a normal end."""

    ID = 2


class ClientDisconnectError(BrokenPipeError, GymRemoteError):
    """The client closed the connection."""

    ID = 3


class ServerDisconnectError(BrokenPipeError, GymRemoteError):
    """The server closed the connection before a limit was reached."""

    ID = 4


class ResetError(GymRemoteError):
    """A reset before the end of an episode, or a step after it, was refused."""

    ID = 5


_ERRORS: Dict[int, Type[GymRemoteError]] = {
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


def make(id: int, reason: Optional[str] = None) -> GymRemoteError:
    """Return the error with this id, 0 to 5; any other id gives a `GymRemoteError`."""
    return _ERRORS.get(id, GymRemoteError)(reason or "")
