"""Where the seconds of an episode went, as the agent sees it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Spent:
    """Seconds by part, added up over an episode's steps.

    `memory` runs while the emulator computes, so the emulator's time is longer than `waiting`,
    which is what was left of it, and the socket. `controller` is whoever chose the buttons, the
    memory of the level included.
    """

    vision: float = 0.0
    memory: float = 0.0
    controller: float = 0.0
    waiting: float = 0.0

    def rounded(self) -> dict[str, float]:
        """By name, to the microsecond, as a journal's line holds them."""
        return {part: round(value, 6) for part, value in vars(self).items()}
