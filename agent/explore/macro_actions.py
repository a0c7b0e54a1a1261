"""Macro-actions: buttons for several steps, tried where the controller makes no progress."""

from __future__ import annotations

import numpy as np

from agent.buttons import Action, press
from agent.explore.settings import ExplorerSettings

# The actions of the coming steps, in reverse order: the next one is popped off the end. None
# leaves a step to the controller.
MacroAction = list[Action | None]


def delayed_jump(random: np.random.Generator, settings: ExplorerSettings) -> MacroAction:
    """Leave some steps to the controller, then jump to the right."""
    delay = int(random.integers(*settings.jump_delay_steps))
    hold = int(random.integers(*settings.jump_steps))
    return [*[press("RIGHT", "B")] * hold, *[None] * delay]


def random_buttons(random: np.random.Generator, settings: ExplorerSettings) -> MacroAction:
    """Hold random button combinations, each for about half a second."""
    combinations = [press(*buttons) for buttons, _ in settings.held_buttons]
    probabilities = [probability for _, probability in settings.held_buttons]
    actions: MacroAction = []
    steps = int(random.integers(*settings.random_buttons_steps))
    while len(actions) < steps:
        held = combinations[random.choice(len(combinations), p=probabilities)]
        actions += [held] * int(random.geometric(1 / settings.mean_hold_steps))
    return actions[:steps]


def run_back_and_on(random: np.random.Generator, settings: ExplorerSettings) -> MacroAction:
    """Run to the left and then to the right, with random jumps, to leave a dead end."""
    back = _run("LEFT", int(random.integers(*settings.run_back_steps)), random, settings)
    on = _run("RIGHT", int(random.integers(*settings.run_on_steps)), random, settings)
    return on + back  # in reverse order


def _run(
    direction: str, steps: int, random: np.random.Generator, settings: ExplorerSettings
) -> MacroAction:
    actions: MacroAction = []
    while len(actions) < steps:
        if random.random() < settings.jump_chance:
            jump = press(direction, "B")
            actions += [jump] * int(random.integers(*settings.jump_steps))
        else:
            actions.append(press(direction))
    return actions[:steps]
