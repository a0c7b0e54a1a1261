"""What may be tried where the controller makes no way: random buttons for the next steps."""

from __future__ import annotations

import numpy as np

from agent.buttons import Action, press

Plan = list[Action | None]  # of the next steps, the last one first; None: the controller's choice

BURST_STEPS = 8, 60
HELD_STEPS = 8  # on average
WAIT_STEPS = 0, 14  # before a leap
LEAP_STEPS = 4, 16
RETREAT_STEPS = 10, 80
RETURN_STEPS = 30, 90
JUMP_CHANCE = 0.1  # in a step of a retreat or a return, as in JERK

# What a burst holds, and how often: mostly onward, for a level's end lies to the right.
HELD = {
    ("RIGHT",): 0.3,
    ("RIGHT", "B"): 0.32,
    ("LEFT",): 0.1,
    ("LEFT", "B"): 0.1,
    ("B",): 0.06,
    ("RIGHT", "DOWN"): 0.06,
    ("DOWN",): 0.06,
}
_HELD, _SHARES = [press(*buttons) for buttons in HELD], list(HELD.values())


def leap(random: np.random.Generator) -> Plan:
    """The controller's play, with one jump to the right at some time."""
    wait, hold = int(random.integers(*WAIT_STEPS)), int(random.integers(*LEAP_STEPS))
    return [*[press("RIGHT", "B")] * hold, *[None] * wait]


def burst(random: np.random.Generator) -> Plan:
    """Buttons held at random, each for about half a second."""
    plan: Plan = []
    steps = int(random.integers(*BURST_STEPS))
    while len(plan) < steps:
        held = _HELD[random.choice(len(_HELD), p=_SHARES)]
        plan += [held] * int(random.geometric(1 / HELD_STEPS))
    return plan[:steps]


def retreat(random: np.random.Generator) -> Plan:
    """Back to the left and on again, with jumps: out of a dead end."""
    there = _run("LEFT", int(random.integers(*RETREAT_STEPS)), random)
    back = _run("RIGHT", int(random.integers(*RETURN_STEPS)), random)
    return back + there  # the last one first


def _run(direction: str, steps: int, random: np.random.Generator) -> Plan:
    plan: Plan = []
    while len(plan) < steps:
        if random.random() < JUMP_CHANCE:
            plan += [press(direction, "B")] * int(random.integers(*LEAP_STEPS))
        else:
            plan.append(press(direction))
    return plan[:steps]
