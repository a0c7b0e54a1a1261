"""The option that names the weights of PPO2, for agents that can't play without pretrained ones.

Nothing here needs torch.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from agent.command_line import option
from agent.errors import UserError
from arena.evaluation.shipped_weights import shipped_weights
from baselines.learning.options import PRETRAINED


def pretrained_weights() -> Any:
    """Declare the option `weights`."""
    return option(
        "weights of PPO2 (.safetensors), or `pretrained` for those of the project", PRETRAINED
    )


def ppo2_weights(weights: Path) -> Path:
    """Return the path of the weights that the option names.

    Raises:
        UserError: there are none.
    """
    if weights == PRETRAINED:
        return shipped_weights("ppo2")
    if not weights.is_file():
        raise UserError(
            f"there are no weights at {weights}: train them with `python -m baselines.pretrain"
            " ppo2`, or omit --weights to use those of the project"
        )
    return weights
