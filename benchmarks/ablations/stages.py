"""Runs a training stage, such as `training.collect`, for an ablation."""

from __future__ import annotations

from typing import Any


def run_stage(stage: Any, *flags: str, **options: object) -> None:
    """Run a stage as its command does, with its checks and its run folder; a stopped run resumes.

    Args:
        stage: module of the stage, such as `training.collect`.
        flags: further arguments, as in the command.
        options: name, with underscores -> value.

    Raises:
        UserError: raised by the stage.
    """
    arguments = list(flags)
    for name, value in options.items():
        arguments += [f"--{name.replace('_', '-')}", str(value)]
    stage.main(arguments)
