"""Checkpoints of a training run: folders of arrays and JSON, each complete or absent.

This module does not import torch: the worker processes of evolve import it, and torch would cost
each of them a second and 200 MB.

    checkpoints/00002000/arrays.safetensors   weights, optimizer, random states
    checkpoints/00002000/values.json          everything else
    checkpoints/00002000/DONE                 written last: sizes of the other files
"""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agent.errors import UserError
from agent.files import write_atomically

ARRAYS = "arrays.safetensors"
VALUES = "values.json"
DONE = "DONE"
KEPT = 2  # number of checkpoints that are kept


class TrainingError(UserError):
    """A training run can't start, can't resume, or can't be used; the text says what to do."""


@dataclass(frozen=True)
class Checkpoint:
    """The content of a checkpoint."""

    folder: Path
    step: int
    arrays: Mapping[str, NDArray[Any]]
    values: Mapping[str, Any]


def save_checkpoint(
    folder: Path,
    step: int,
    arrays: Mapping[str, NDArray[Any]],
    values: Mapping[str, Any],
    write_more: Callable[[Path], None] | None = None,
) -> None:
    """Write a checkpoint, then delete all but the newest two.

    Args:
        folder: folder of all checkpoints, created if missing.
        step: number of finished steps; the highest one is resumed.
        arrays: arrays of any names, shapes and dtypes that safetensors supports.
        values: JSON values.
        write_more: called with a folder, into which it writes further files.

    Raises:
        OSError: the disk is full; earlier checkpoints are unchanged.
    """
    from safetensors.numpy import save as save_arrays  # --help does not need it

    final, partial = folder / f"{step:08d}", folder / f".{step:08d}.partial"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        contiguous = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
        write_atomically(partial / ARRAYS, save_arrays(contiguous))
        write_atomically(partial / VALUES, json.dumps(values, indent=1).encode())
        if write_more is not None:
            write_more(partial)
        sizes = {path.name: path.stat().st_size for path in sorted(partial.iterdir())}
        write_atomically(partial / DONE, json.dumps(sizes).encode())
        shutil.rmtree(final, ignore_errors=True)
        os.rename(partial, final)
    except OSError:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    for old in _complete(folder)[:-KEPT]:
        shutil.rmtree(old)


def load_checkpoint(folder: Path) -> Checkpoint | None:
    """Read the newest complete checkpoint of a folder; None if there is none.

    Raises:
        TrainingError: the newest checkpoint is damaged.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load as load_arrays

    complete = _complete(folder)
    if not complete:
        return None
    path = complete[-1]
    try:
        for name, size in json.loads((path / DONE).read_bytes()).items():
            found = (path / name).stat().st_size
            if found != size:
                raise ValueError(f"{name} has {found} bytes instead of {size}")
        arrays = load_arrays((path / ARRAYS).read_bytes())
        values = json.loads((path / VALUES).read_bytes())
    except (OSError, ValueError, AttributeError, SafetensorError) as error:
        reason = " ".join(str(error).split())[:120]
        raise TrainingError(
            f"Checkpoint {path} is damaged ({reason}). Delete it, then run the same command again: "
            "it resumes from the previous checkpoint"
        ) from None
    return Checkpoint(path, int(path.name), arrays, values)


class StopRequest:
    """A flag that is set when the user or the system asks the process to stop."""

    def __init__(self) -> None:
        self.requested = False


@contextmanager
def stopping_softly() -> Iterator[StopRequest]:
    """Turn the first SIGINT or SIGTERM into a flag, so that the current step can be saved.

    A second signal has its usual effect. Leaving the block with the flag set raises
    KeyboardInterrupt.
    """
    stop = StopRequest()
    signals = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.getsignal(number) for number in signals}

    def request(number: int, frame: FrameType | None) -> None:
        stop.requested = True
        signal.signal(number, before[signal.Signals(number)])

    for number in signals:
        signal.signal(number, request)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if stop.requested:
        raise KeyboardInterrupt


def _complete(folder: Path) -> list[Path]:
    names = (path for path in folder.glob("[0-9]*") if path.name.isdigit())
    return sorted(path for path in names if (path / DONE).is_file())
