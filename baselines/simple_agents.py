"""Simple policies: random buttons, holding RIGHT, and running right with random jumps.

They do not look at the frame. Each is an endless iterator of actions: the contest's twelve buttons
as uint8 (12,). A level that one of them finishes is too easy.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Buttons = NDArray[np.uint8]
Policy = Callable[[np.random.Generator], Iterator[Buttons]]


class BaselineEnv(Protocol):
    """An environment with the contest's interface."""

    def reset(self) -> NDArray[np.uint8]: ...

    def step(self, buttons: Buttons) -> tuple[NDArray[np.uint8], float, bool, object]: ...


N_BUTTONS = 12
B, DOWN, LEFT, RIGHT = 0, 5, 6, 7
JUMP_PROBABILITY = 0.1
JUMP_STEPS = 4


def press(*buttons: int) -> Buttons:
    """Return the action that presses these buttons, uint8 (12,)."""
    action = np.zeros(N_BUTTONS, np.uint8)
    action[list(buttons)] = 1
    return action


def hold_right(random: np.random.Generator) -> Iterator[Buttons]:
    """Hold RIGHT in every step."""
    while True:
        yield press(RIGHT)


def run_and_jump(
    random: np.random.Generator,
    direction: int = RIGHT,
    jump_probability: float = JUMP_PROBABILITY,
    jump_steps: int = JUMP_STEPS,
) -> Iterator[Buttons]:
    """Run in one direction with random jumps.

    Args:
        random: random generator of the jumps.
        direction: button of the direction, LEFT or RIGHT.
        jump_probability: probability in each step that a jump begins.
        jump_steps: number of steps that a jump's button is pressed.
    """
    while True:
        if random.random() < jump_probability:
            for _ in range(jump_steps):
                yield press(direction, B)
        else:
            yield press(direction)


def random_buttons(random: np.random.Generator) -> Iterator[Buttons]:
    """Press each of the buttons B, DOWN, LEFT and RIGHT with probability 0.5 in every step."""
    while True:
        yield press(*(button for button in (B, DOWN, LEFT, RIGHT) if random.random() < 0.5))


POLICIES: dict[str, Policy] = {
    "hold RIGHT": hold_right,
    "RIGHT with jumps": run_and_jump,
    "random buttons": random_buttons,
}


def play_policy(policy: Policy, environment: BaselineEnv, seed: int) -> None:
    """Play episodes with a policy until the environment raises an exception.

    Args:
        policy: one of `POLICIES`; each episode starts it anew.
        environment: environment of the level.
        seed: random seed; each episode has its own random generator.
    """
    for episode in itertools.count():
        environment.reset()
        for buttons in policy(np.random.default_rng([seed, episode])):
            if environment.step(buttons)[2]:
                break
