"""Computes the time per step by component: emulator, V, M, C, and the remaining time.

M computes while the emulator runs, so the components add up to more than the whole step. The
remaining time is not measured directly: the socket, copying frames, and waiting for a free core.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from arena.pages.report.records import LevelRecord


@dataclass(frozen=True)
class TimeSpent:
    """Average milliseconds per agent step; None for a component that was not measured."""

    step: float
    emulator: float | None
    vision: float | None
    memory: float | None
    controller: float | None
    rest: float | None

    @property
    def parts(self) -> list[tuple[str, float]]:
        """The measured components, with the names that the page shows."""
        named = [
            ("emulator", self.emulator),
            ("V, encoder", self.vision),
            ("M, recurrent memory", self.memory),
            ("C, controller", self.controller),
            ("socket and other", self.rest),
        ]
        return [(name, value) for name, value in named if value is not None]


def time_spent(levels: Sequence[LevelRecord]) -> TimeSpent | None:
    """Average over all steps of some levels; None if no level has its time in results.json."""
    timed = [level for level in levels if level.result.seconds and level.result.timesteps]
    steps = sum(level.result.timesteps or 0 for level in timed)
    if not steps:
        return None
    step = 1000 * sum(level.result.seconds or 0.0 for level in timed) / steps
    emulator = None
    if all(level.emulator_seconds is not None for level in timed):
        emulator = 1000 * sum(level.emulator_seconds or 0.0 for level in timed) / steps
    measured = [level.agent_seconds for level in timed if level.agent_seconds is not None]
    agent_steps = sum(seconds.steps for seconds in measured)
    if not agent_steps:
        return TimeSpent(step, emulator, None, None, None, None)
    vision, memory, controller = (
        1000 * sum(seconds.parts[part] for seconds in measured) / agent_steps
        for part in ("vision", "memory", "controller")
    )
    rest = None
    if emulator is not None:
        rest = max(0.0, step - vision - controller - max(memory, emulator))
    return TimeSpent(step, emulator, vision, memory, controller, rest)
