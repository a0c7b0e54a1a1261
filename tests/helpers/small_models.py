"""Packed models for tests: complete and valid, with random weights."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from agent.world_model.packed_model import PRESETS, ModelSpec
from training.models.untrained import write_untrained

# A model with all its parts that takes a few kilobytes and runs in microseconds.
TINY = replace(PRESETS["compact"], channels=(4, 4, 8, 8), latent=4, hidden=8, mixtures=2)


_RECORD = """
import sys
import numpy as np
from benchmarks.figures.frame_sizes import played_frames
np.save(sys.argv[1], np.stack(played_frames(int(sys.argv[2]), seed=1)))
"""


@lru_cache(maxsize=1)
def real_frames(count: int = 510) -> NDArray[np.uint8]:
    """Return frames of Airstriker in play, uint8 (count, 224, 320, 3), after the frame skip.

    They are recorded in another process, because a process can have only one emulator.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/frames.npy"
        subprocess.run([sys.executable, "-c", _RECORD, path, str(count)], check=True, timeout=120)
        frames: NDArray[np.uint8] = np.load(path)
    return frames


def write_random_pretrained(
    folder: Path, preset: str = "compact", seed: int = 1, *, spec: ModelSpec | None = None
) -> Path:
    """Write an untrained model, of a preset or of other sizes such as `TINY`; return its folder."""
    return write_untrained(folder, spec or PRESETS[preset], seed)
