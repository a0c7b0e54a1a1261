"""The weights of baselines that come with the project, `baselines/pretrained/NAME.safetensors`."""

from __future__ import annotations

from pathlib import Path

from agent.errors import UserError

FOLDER = Path(__file__).resolve().parents[2] / "baselines" / "pretrained"


def shipped_weights(agent: str) -> Path:
    """Return the path of a baseline's weights.

    Raises:
        UserError: there are none.
    """
    path = FOLDER / f"{agent}.safetensors"
    if not path.is_file():
        raise UserError(
            f"there are no weights at {path}: train them with `python -m baselines.pretrain"
            f" {agent} --out DIR`, then copy DIR/{agent}.* to {FOLDER}"
        )
    return path
