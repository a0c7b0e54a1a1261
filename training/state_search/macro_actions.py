"""Random macro-actions: buttons of the contest, held for a random number of steps."""

from __future__ import annotations

import numpy as np

from agent.buttons import ACTION_BUTTONS

B, DOWN, LEFT, RIGHT = (1 << bit for bit in range(len(ACTION_BUTTONS)))
MEAN_STEPS = 8.0  # mean length: half a second, long enough for a jump
DIRECTIONS = (
    (RIGHT, 0.55),
    (LEFT, 0.2),
    (0, 0.25),
)  # in the contest, a level's end is to the right
B_PROBABILITY = 0.4
DOWN_PROBABILITY = 0.12
TAP_PROBABILITY = 0.06
TAP = (DOWN, DOWN | B, DOWN, DOWN | B, DOWN, DOWN | B, DOWN)  # charges a dash in games of its kind


def random_macro_action(random: np.random.Generator) -> list[int]:
    """Draw buttons for several steps.

    Returns:
        Numbers of actions, as for `StateEnv.step`, one for each step; 1 or more.
    """
    steps = int(random.geometric(1 / MEAN_STEPS))
    draw = random.random()
    direction = 0
    for action, probability in DIRECTIONS:
        if draw < probability:
            direction = action
            break
        draw -= probability
    if random.random() < TAP_PROBABILITY:
        return [*TAP, *[direction] * steps]
    held = direction
    held |= B if random.random() < B_PROBABILITY else 0
    held |= DOWN if random.random() < DOWN_PROBABILITY else 0
    return [held] * steps
