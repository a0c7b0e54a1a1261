"""The state of an interrupted training: arrays and JSON, in folders that are whole or absent.

numpy only: the worker processes of evolution import this, and torch would cost each of them a
second and 200 MB.

    checkpoints/00002000/arrays.safetensors   weights, optimizer, random states
    checkpoints/00002000/values.json          everything else
    checkpoints/00002000/DONE                 written last: the size of each other file
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
from safetensors import SafetensorError
from safetensors.numpy import load as load_arrays
from safetensors.numpy import save as save_arrays

from agent.errors import UserError
from agent.files import write_atomically

ARRAYS = "arrays.safetensors"
VALUES = "values.json"
DONE = "DONE"
KEPT = 2  # the newest and the one before


class TrainingError(UserError):
    """A training run that can't start, go on or be used; the text says what to do."""


@dataclass(frozen=True)
class Checkpoint:
    """What was saved at a step."""

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
    """Save a state; older ones go once it is complete.

    Args:
        folder: of the checkpoints, made if need be.
        step: how far the training is; the newest is what counts.
        arrays: any names, shapes and dtypes that safetensors takes.
        values: JSON values.
        write_more: puts more files into the folder it is given.

    Raises:
        OSError: the disk is full; the checkpoints before are untouched.
    """
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
    """The newest complete state of a folder, None where there is none.

    Raises:
        TrainingError: the newest one is cut or altered.
    """
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
            f"the checkpoint {path} is damaged ({reason}): remove it, and the same command goes "
            "on from the one before"
        ) from None
    return Checkpoint(path, int(path.name), arrays, values)


class Stop:
    """Set once Ctrl-C was pressed or the process was asked to end."""

    def __init__(self) -> None:
        self.requested = False


@contextmanager
def stopping_softly() -> Iterator[Stop]:
    """The first SIGINT or SIGTERM only sets a flag, so that the step can end and be saved.

    A second one acts as usual. Leaving the block with the flag set raises KeyboardInterrupt.
    """
    stop = Stop()
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
