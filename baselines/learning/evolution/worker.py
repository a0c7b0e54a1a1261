"""Makes the player of a worker process.

This module does not import torch: a process unpickles the function before it ignores Ctrl-C, and
torch takes seconds to import.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from arena.environment.contest_rules import MAX_STEPS
from arena.environment.levels import Level

if TYPE_CHECKING:
    from baselines.learning.evolution.training import EpisodePlayer


def make_player(
    weights: Path, levels: Sequence[Level], action_noise: float, max_steps: int = MAX_STEPS
) -> EpisodePlayer:
    """Make an `EpisodePlayer`; the arguments are its own."""
    from baselines.learning.evolution.training import EpisodePlayer

    return EpisodePlayer(weights, levels, action_noise, max_steps)
