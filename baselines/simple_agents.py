"""Policies without a mind: what every contest game must keep from winning.

Each is an endless stream of actions, the contest's twelve buttons as uint8 (12,).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

Buttons = NDArray[np.uint8]
Policy = Callable[[np.random.Generator], Iterator[Buttons]]

N_BUTTONS = 12
B, DOWN, LEFT, RIGHT = 0, 5, 6, 7
JUMP_PROBABILITY = 0.1
JUMP_STEPS = 4


def press(*buttons: int) -> Buttons:
    """The action that holds these buttons."""
    action = np.zeros(N_BUTTONS, np.uint8)
    action[list(buttons)] = 1
    return action


def hold_right(random: np.random.Generator) -> Iterator[Buttons]:
    """RIGHT, and nothing else."""
    while True:
        yield press(RIGHT)


def run_and_jump(
    random: np.random.Generator,
    direction: int = RIGHT,
    jump_probability: float = JUMP_PROBABILITY,
    jump_steps: int = JUMP_STEPS,
) -> Iterator[Buttons]:
    """One direction; in each step on the ground a jump of some steps begins by chance."""
    while True:
        if random.random() < jump_probability:
            for _ in range(jump_steps):
                yield press(direction, B)
        else:
            yield press(direction)


def random_buttons(random: np.random.Generator) -> Iterator[Buttons]:
    """Any combination of the buttons that an agent uses, drawn anew in each step."""
    while True:
        yield press(*(button for button in (B, DOWN, LEFT, RIGHT) if random.random() < 0.5))


POLICIES: dict[str, Policy] = {
    "hold RIGHT": hold_right,
    "RIGHT with jumps": run_and_jump,
    "random buttons": random_buttons,
}
