"""The limits of a session, the reasons for its end, and its result."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field

TIMESTEP_LIMIT = "timestep-limit"
WALL_CLOCK_LIMIT = "wall-clock-limit"
CLIENT_CLOSED = "client-closed"
CLIENT_DISCONNECTED = "client-disconnected"
PROTOCOL_ERROR = "protocol-error"
NEVER_CONNECTED = "never-connected"
FAILURES = (PROTOCOL_ERROR, NEVER_CONNECTED)  # any other end can be intended by the agent


@dataclass(frozen=True)
class SessionResult:
    """How a session ended.

    Attributes:
        timesteps: timesteps used of the budget, resets included.
        reason: timestep-limit, wall-clock-limit, client-closed, client-disconnected,
            protocol-error or never-connected.
        episodes: episodes that count for the score: finished, and followed by a reset.
        seconds: seconds from the connection to the end.
        detail: the client's mistake, or the reason that the client gave; otherwise "".
        emulator_seconds: the part of `seconds` that was spent in the emulator.
    """

    timesteps: int
    reason: str
    episodes: int
    seconds: float
    detail: str = ""
    emulator_seconds: float = 0.0

    def check(self) -> None:
        """Check the types and ranges of a result that was read from a file.

        Raises:
            ValueError: a value is impossible; the message names the first one.
        """
        for name, value in vars(self).items():
            kind = {"reason": str, "detail": str, "timesteps": int, "episodes": int}.get(name)
            expected = (kind,) if kind else (int, float)
            if type(value) not in expected or (kind is not str and not 0 <= value < 1 << 53):
                raise ValueError(f"{name} is {value!r}")


@dataclass(frozen=True)
class SessionLimits:
    """Limits of a session; None means no limit. The clock starts with the object."""

    timesteps: int | None = None
    wall_clock_seconds: float | None = None
    connect_seconds: float | None = None
    started: float = field(default_factory=time.monotonic)

    def seconds_left(self) -> float:
        """Return the seconds until the wall-clock limit; infinite without one."""
        if self.wall_clock_seconds is None:
            return math.inf
        return self.started + self.wall_clock_seconds - time.monotonic()

    def budget_is_used(self, timesteps: int) -> bool:
        """Return whether this number of timesteps uses up the budget."""
        return self.timesteps is not None and timesteps >= self.timesteps
