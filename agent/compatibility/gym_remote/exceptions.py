"""The errors of OpenAI's `gym_remote.exceptions`, with the same names, bases and ids.

An agent catches `GymRemoteError`: it is raised when a limit of the contest is reached.
"""

from typing import Dict, Optional, Type


class GymRemoteError(RuntimeError):
    """The server ended the run or refused a request; the text says why."""

    ID = 0
    MEANING = "the server ended the run"  # the text if the server gave no reason


class TimestepTimeoutError(TimeoutError, GymRemoteError):
    """The budget of timesteps is used up, which is a normal end."""

    ID = 1
    MEANING = "the budget of timesteps is used up"


class WallClockTimeoutError(TimeoutError, GymRemoteError):
    """The wall-clock time is used up, which is a normal end."""

    ID = 2
    MEANING = "the wall-clock time is used up"


class ClientDisconnectError(BrokenPipeError, GymRemoteError):
    """The client closed the connection."""

    ID = 3
    MEANING = "the client closed the connection"


class ServerDisconnectError(BrokenPipeError, GymRemoteError):
    """The server closed the connection before a limit was reached."""

    ID = 4
    MEANING = "the server closed the connection"


class ResetError(GymRemoteError):
    """A reset before the end of an episode, or a step after it, was refused."""

    ID = 5
    MEANING = (
        "a reset in mid-episode, or a step after the end of an episode, was refused; after a"
        " refused reset the contest refuses every request"
    )


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
    error = _ERRORS.get(id, GymRemoteError)
    return error(reason or error.MEANING)
