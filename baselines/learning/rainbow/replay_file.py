"""Recorded frames as a file, which Rainbow's replay begins with: an npz archive without pickles."""

from __future__ import annotations

import io
import zipfile
from dataclasses import fields
from lzma import LZMAError
from pathlib import Path

import numpy as np

from agent.errors import UserError
from agent.files import write_atomically
from baselines.learning.contest_wrappers import SONIC_ACTIONS
from baselines.learning.rainbow.replay import Recording

MAX_BYTES = 1 << 30  # unpacked
NAMES = [field.name for field in fields(Recording)]


def recording_path(weights: Path) -> Path:
    """Return the path of the frames that belong to a file of weights."""
    return weights.with_suffix(".npz")


def save_recording(recording: Recording, path: Path) -> None:
    """Write a recording; LZMA packs it, to half the size that np.savez_compressed needs."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_LZMA) as archive:
        for name in NAMES:
            with archive.open(f"{name}.npy", "w") as file:
                np.lib.format.write_array(file, getattr(recording, name), allow_pickle=False)
    write_atomically(path, packed.getvalue())


def load_recording(path: Path, frame_size: int) -> Recording:
    """Read a recording.

    Args:
        path: the file.
        frame_size: width and height of the frames that the agent needs.

    Raises:
        UserError: the file is missing, broken or too large, or has other frames.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
        if size > MAX_BYTES:
            raise ValueError(f"{size:,} bytes are more than {MAX_BYTES:,}")
        with np.load(path, allow_pickle=False) as arrays:
            recording = Recording(**{name: arrays[name] for name in NAMES})
        _check(recording, frame_size)
    except FileNotFoundError:
        raise UserError(
            f"there are no frames at {path}: copy the file of this name that `python -m"
            " baselines.pretrain rainbow` wrote beside the weights"
        ) from None
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, LZMAError) as error:
        raise UserError(f"the frames {path} can't be used: {error}") from None
    return recording


def _check(recording: Recording, frame_size: int) -> None:
    count = len(recording.frames)
    expected = {
        "frames": ((count, frame_size, frame_size), np.uint8),
        "actions": ((count,), np.uint8),
        "rewards": ((count,), np.float32),
        "terminated": ((count,), np.bool_),
        "cut": ((count,), np.bool_),
    }
    for name, (shape, kind) in expected.items():
        array = getattr(recording, name)
        if array.shape != shape or array.dtype != kind:
            raise ValueError(
                f"{name} are {array.dtype} {array.shape}, expected {np.dtype(kind)} {shape}"
            )
    if not count or not (recording.terminated[-1] or recording.cut[-1]):
        raise ValueError("the last entry ends no episode")
    if recording.actions.max() >= len(SONIC_ACTIONS) or not np.isfinite(recording.rewards).all():
        raise ValueError("an action or a reward is out of range")
