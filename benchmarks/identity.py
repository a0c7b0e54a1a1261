"""What identifies the ROMs and the model that a result was measured with, as plain data."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import stable_retro

from agent.world_model.packed_model import MODEL_CARD, PackedModel
from arena.environment.levels import Level, register_integration


def digest(values: Any) -> str:
    """Return a short hash of JSON values; equal values have the same hash."""
    text = json.dumps(values, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def model_digest(model: PackedModel) -> str:
    """Return a short hash of a packed model's files of role "play", independent of their names.

    It is computed from the SHA-256 of these files. The model card is excluded, because its text
    changes no score.
    """
    playing = (
        entry["sha256"]
        for name, entry in model.manifest["files"].items()
        if entry["role"] == "play" and name != MODEL_CARD
    )
    return digest(sorted(playing))


def rom_hashes(levels: Iterable[Level]) -> dict[str, str]:
    """Return game -> SHA-1 of its ROM, read from its `rom.sha`, which `available` has checked."""
    hashes = {}
    for level in levels:
        path = stable_retro.data.get_file_path(level.game, "rom.sha", register_integration(level))
        hashes[level.game] = Path(path).read_text().split()[0] if path else ""
    return hashes
