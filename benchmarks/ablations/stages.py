"""Training stages that an ablation runs, such as `training.collect`."""

from __future__ import annotations

from typing import Any


def run_stage(stage: Any, *flags: str, **options: object) -> None:
    """Run a stage as its command does, with its checks and its run folder; an old run continues.

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
