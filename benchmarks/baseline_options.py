"""Reads the hyperparameters of a baseline as data."""

from __future__ import annotations

import dataclasses
import importlib
from typing import Any

from agent.command_line import parse
from arena.evaluation.baseline_agents import ARGUMENTS
from baselines.playing import PlayOptions


def module_and_arguments(name: str) -> tuple[str, ...]:
    """Return the module in `baselines` of a baseline, and the arguments that it is started with."""
    return ARGUMENTS.get(name, (name,))


def hyperparameters(name: str) -> dict[str, Any]:
    """Return the options with which a baseline's program is started; {} if it has none.

    Options that say where and what to play are not included, and the weights neither, because a
    path does not identify them.

    Raises:
        UserError: the packages that the program needs are missing.
    """
    module, *arguments = module_and_arguments(name)
    known = [
        value
        for value in vars(importlib.import_module(f"baselines.{module}")).values()
        if isinstance(value, type) and issubclass(value, PlayOptions)
    ]
    own = max(known, key=lambda value: len(value.__mro__))
    options = dataclasses.asdict(parse(own, arguments, prog=name, environment={}))
    others = {field.name for field in dataclasses.fields(PlayOptions)} | {"weights"}
    values = {key: value for key, value in options.items() if key not in others}
    return {"hyperparameters": values} if values else {}
