"""Labels the decisive states of an agent's episode with an expert's actions (DAgger).

An expert's action takes as long as hundreds of the agent's steps, so only some states are
labelled: those before a death, those in which the agent is stuck or has strayed, and a few others.
What was decisive is known only after the episode, so the states of all steps are kept until then.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from agent.buttons import from_genesis
from training.experts.simulator import action_number
from training.experts.sticky_planner import StickyPlanner

DEATH_STEPS = 30  # steps before a death: two seconds
STUCK_STEPS = 30  # steps without progress after which the agent counts as stuck
STRAYED = 64.0  # progress behind the furthest point that counts as strayed, in pixels or points
LABELS = 16  # most labels of each kind of state in an episode


class AgentStates:
    """The states of one episode of an agent."""

    def __init__(self, expert: StickyPlanner, seed: int) -> None:
        """Begin at the start of an episode of the expert's level.

        Args:
            expert: the expert; it follows the emulator that the agent plays on.
            seed: random seed of the choice of states and of the expert's plans.
        """
        self._expert = expert
        self._seed = seed
        self._states: list[tuple[bytes, int, int | None]] = []  # state, stage, action before
        self._progress: list[float] = []
        expert.start(seed)
        self._add()

    def observe(self, action: NDArray[np.uint8]) -> None:
        """Follow a step that the agent just played with an action, uint8 (4,) of 0 and 1."""
        self._expert.observe(action_number(action))
        self._add()

    def _add(self) -> None:
        expert = self._expert
        packed = zlib.compress(expert.state(), 1)  # about a twentieth of the size
        self._states.append((packed, expert.stage, expert.previous))
        self._progress.append(expert.progress)

    def labels(self) -> Iterator[tuple[int, NDArray[np.uint8]]]:
        """Yield (step, expert's action, uint8 (4,)) for the decisive states.

        A state in which the expert finds no plan that may survive has no label. The simulator
        is left in another state.
        """
        random = np.random.default_rng(self._seed)
        died = self._expert.ended and not self._expert.won
        for step in decisive_steps(self._progress[:-1], died, random):
            packed, stage, previous = self._states[step]
            plan = self._expert.plan(zlib.decompress(packed), self._seed + step, stage, previous)
            if len(plan):
                yield step, from_genesis(plan[0].astype(np.uint8))


def decisive_steps(progress: Sequence[float], died: bool, random: np.random.Generator) -> list[int]:
    """Choose the steps of an episode to label, in their order.

    Args:
        progress: progress before each step, in pixels of the route or in points.
        died: whether the episode ended with a death.
        random: source of the choice.

    Returns:
        At most `LABELS` steps of each kind: before the death, stuck, strayed, and others.
    """
    steps = np.arange(len(progress))
    values = np.asarray(progress)
    furthest = np.maximum.accumulate(values)
    gained = np.diff(furthest, prepend=-np.inf) > 0
    reached_at = np.maximum.accumulate(np.where(gained, steps, 0))
    kind = np.zeros(len(progress), np.int64)
    kind[values < furthest - STRAYED] = 1
    kind[steps - reached_at >= STUCK_STEPS] = 2
    if died:
        kind[-DEATH_STEPS:] = 3
    chosen = []
    for each in range(4):
        among = steps[kind == each]
        chosen.extend(random.choice(among, min(LABELS, len(among)), replace=False).tolist())
    return sorted(chosen)
