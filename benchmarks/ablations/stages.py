"""Training stages run by benchmarks."""

from __future__ import annotations

from typing import Any


def run_stage(stage: Any, *flags: str, **options: object) -> None:
    """Run a stage as from the command line: its checks, its folder and its going on.

    Args:
        stage: the module, such as `training.collect`.
        flags: taken as they are.
        options: name -> value; the name with underscores.

    Raises:
        UserError: as the stage does.
    """
    arguments = list(flags)
    for name, value in options.items():
        arguments += [f"--{name.replace('_', '-')}", str(value)]
    stage.main(arguments)
