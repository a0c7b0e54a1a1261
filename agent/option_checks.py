"""Checks the options of a command before it does anything: their ranges, and installed packages.

A command declares the range of each number with `option(within=...)`, and may name the extra of the
project whose packages it needs (`extra: ClassVar[str] = "train"`). A command that can't run
therefore ends before it creates a folder or starts a process.
"""

from __future__ import annotations

import dataclasses
import importlib.metadata
import re
from typing import Any

from agent.errors import UserError

PROJECT = "world-models-contest"
# Ranges that several options share.
COUNT = (1, 10**9)  # of steps, frames or episodes
COUNT_OR_ZERO = (0, 10**9)
PROCESSES = (1, 1024)  # or threads
SEED = (1, 2**32 - 1)  # pycma takes 0 for the clock; numpy's RandomState takes no larger seed
SECONDS = (0.001, 366 * 86400.0)  # a year: longer timeouts overflow in some system calls
SECONDS_OR_ZERO = (0.0, SECONDS[1])
RETURN = (-1e9, 1e9)  # of an episode, or its mean reward


def check_ranges(options: Any) -> None:
    """Check that each number of an options dataclass is within its declared range.

    Args:
        options: dataclass whose fields are declared with `agent.command_line.option`.

    Raises:
        UserError: a number is NaN, infinite without a range that contains it, or out of its range;
            names the option, its value and the range.
    """
    for field in dataclasses.fields(options):
        value, within = getattr(options, field.name), field.metadata.get("within")
        if within is None or value is None or within[0] <= value <= within[1]:
            continue
        flag = f"--{field.name.replace('_', '-')}"
        variable = field.metadata["env"]
        name = f"{flag} ({variable})" if variable else flag
        raise UserError(f"{name} is {value}: use {within[0]} to {within[1]}")


def check_extra(extra: str | None) -> None:
    """Check that the packages of an extra of the project are installed.

    Args:
        extra: name of the extra in pyproject.toml; None: no extra is needed.

    Raises:
        UserError: names the missing packages, and the command that installs them.
    """
    if extra is None:
        return
    try:
        required = importlib.metadata.requires(PROJECT) or []
    except importlib.metadata.PackageNotFoundError:
        return  # the project is used without being installed: nothing lists the packages
    names = (
        re.split(r"[^A-Za-z0-9._-]", line)[0]
        for line in required
        if re.search(rf"""extra == ["']{extra}["']""", line)
    )
    if missing := [name for name in names if not _installed(name)]:
        raise UserError(
            f"this Python has no {', '.join(missing)}: install the extra `{extra}` with"
            f" .venv/bin/pip install -c constraints.txt -e '.[{extra}]'"
        )


def _installed(name: str) -> bool:
    try:
        importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True
