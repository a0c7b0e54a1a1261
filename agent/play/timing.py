"""The wall-clock seconds of an episode, by the part of the agent that spent them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Timing:
    """Seconds by part, summed over the steps of an episode.

    Attributes:
        vision: encoding frames.
        memory: stepping the LSTM, while the emulator computes.
        controller: choosing buttons, by the controller or by the explorer.
        waiting: sending actions and waiting for answers. The emulator's own time is longer: it
            also computes while `memory` runs.
    """

    vision: float = 0.0
    memory: float = 0.0
    controller: float = 0.0
    waiting: float = 0.0

    def rounded(self) -> dict[str, float]:
        """Return the seconds by name, rounded to microseconds, as the journal stores them."""
        return {part: round(value, 6) for part, value in vars(self).items()}
