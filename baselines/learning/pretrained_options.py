"""The option that names the pretrained weights of PPO2. Nothing here needs torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from agent.command_line import option

PRETRAINED = Path("pretrained")  # the word in place of a path
PRETRAINED_PPO2 = Path(__file__).parents[1] / "pretrained" / "ppo2.safetensors"


def pretrained_weights() -> Any:
    """Declare the option `weights` of an agent that can't play without pretrained PPO2."""
    return option(
        "weights of PPO2 (.safetensors); `pretrained` are those that come with the project",
        PRETRAINED,
    )
