"""How the time of a step was spent, by part: the emulator, V, M, C, and the socket with the rest.

M works while the emulator computes, so the parts add up to more than a step takes. What no clock
measures, the socket, the copying of pictures and the scheduling, is what is left over.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from arena.pages.report.records import LevelRecord


@dataclass(frozen=True)
class TimeSpent:
    """Milliseconds of an agent step on the average; None where nothing measured it."""

    step: float
    emulator: float | None
    vision: float | None
    memory: float | None
    controller: float | None
    rest: float | None

    @property
    def parts(self) -> list[tuple[str, float]]:
        """What was measured, by its name for people."""
        named = [
            ("emulator", self.emulator),
            ("V, seeing", self.vision),
            ("M, remembering", self.memory),
            ("C, choosing", self.controller),
            ("socket and the rest", self.rest),
        ]
        return [(name, value) for name, value in named if value is not None]


def time_spent(levels: Sequence[LevelRecord]) -> TimeSpent | None:
    """The average over all steps of some levels; None where no level tells its time."""
    timed = [level for level in levels if level.result.seconds and level.result.timesteps]
    steps = sum(level.result.timesteps or 0 for level in timed)
    if not steps:
        return None
    step = 1000 * sum(level.result.seconds or 0.0 for level in timed) / steps
    emulator = None
    if all(level.emulator_seconds is not None for level in timed):
        emulator = 1000 * sum(level.emulator_seconds or 0.0 for level in timed) / steps
    told = [level.agent_seconds for level in timed if level.agent_seconds is not None]
    agent_steps = sum(seconds.steps for seconds in told)
    if not agent_steps:
        return TimeSpent(step, emulator, None, None, None, None)
    vision, memory, controller = (
        1000 * sum(seconds.parts[part] for seconds in told) / agent_steps
        for part in ("vision", "memory", "controller")
    )
    rest = None
    if emulator is not None:
        rest = max(0.0, step - vision - controller - max(memory, emulator))
    return TimeSpent(step, emulator, vision, memory, controller, rest)
