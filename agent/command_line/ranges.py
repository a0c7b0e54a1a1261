"""Checks the numbers of a command before it does anything.

A command declares the range of each number with `option(within=...)`. A command that can't run
therefore ends before it creates a folder or starts a process.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from agent.errors import UserError

# Ranges that several options share.
COUNT = (1, 10**9)  # number of steps, frames or episodes
COUNT_OR_ZERO = (0, 10**9)
PROCESSES = (1, 1024)  # number of processes or threads
SEED = (1, 2**32 - 1)  # with 0, pycma uses the clock; numpy's RandomState takes no larger seed
SECONDS = (0.001, 366 * 86400.0)  # a year: longer timeouts overflow in some system calls
SECONDS_OR_ZERO = (0.0, SECONDS[1])
RETURN = (-1e9, 1e9)  # return of an episode, or its mean reward


def check_ranges(options: Any) -> None:
    """Check that each number of an options dataclass is within its declared range.

    Args:
        options: dataclass whose fields are declared with `agent.command_line.option`.

    Raises:
        UserError: a number is NaN, infinite without a range that contains it, or out of its range;
            the message names the option, its value and the range.
    """
    for field in dataclasses.fields(options):
        value, within = getattr(options, field.name), field.metadata.get("within")
        if within is None or value is None or within[0] <= value <= within[1]:
            continue
        flag = f"--{field.name.replace('_', '-')}"
        variable = field.metadata["env"]
        name = f"{flag} ({variable})" if variable else flag
        raise UserError(f"{name} is {value}: use {within[0]} to {within[1]}")
