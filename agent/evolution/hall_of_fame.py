"""The hall of fame of a packed model: the candidates that scored highest when played again.

It is optional: hall_of_fame.npz holds one float32 array `parameters` (n, n_parameters), the best
candidate first. numpy reads it without pickle, so the contest's container needs no other package.
"""

from __future__ import annotations

import io
import zipfile
import zlib

import numpy as np
from numpy.typing import NDArray

from agent.evolution.candidates import InitialCandidate
from agent.evolution.cma_es import Evolution
from agent.world_model.controller import n_parameters
from agent.world_model.packed_model import HALL_OF_FAME, PackedModel, PackedModelError

MAX_HALL_OF_FAME = 1000


def initial_candidates(model: PackedModel, evolution: Evolution) -> list[InitialCandidate]:
    """Return the candidates that play before any draw: the mean, then the hall of fame.

    Raises:
        PackedModelError: the hall of fame can't be read or belongs to another model.
    """
    return [
        ("mean", evolution.mean),
        *(("hall_of_fame", parameters) for parameters in read_hall_of_fame(model)),
    ]


def hall_of_fame_bytes(parameters: NDArray[np.float32]) -> bytes:
    """Return the content of hall_of_fame.npz for parameters (n, n_parameters), the best first."""
    assert parameters.ndim == 2, parameters.shape
    data = io.BytesIO()
    np.savez(data, parameters=parameters.astype(np.float32))
    return data.getvalue()


def read_hall_of_fame(model: PackedModel) -> NDArray[np.float32]:
    """Read the hall of fame, float32 (n, n_parameters); n is 0 for a model packed without one.

    Raises:
        PackedModelError: the file can't be read, belongs to another model, or contains values
            that are not finite.
    """
    size = n_parameters(model.spec.n_features)
    if HALL_OF_FAME not in model.manifest["files"]:
        return np.empty((0, size), np.float32)
    path = model.folder / HALL_OF_FAME
    try:
        with np.load(path, allow_pickle=False) as stored:
            parameters = stored["parameters"]
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        reason = " ".join(str(error).split())[:120]
        raise PackedModelError(
            f"{path} can't be read ({reason}): restore it, or pack the model again"
        ) from None
    if parameters.dtype != np.float32 or parameters.shape[1:] != (size,):
        raise PackedModelError(
            f"{path} contains {parameters.dtype} {parameters.shape}, but this model's controllers"
            f" are float32 (n, {size}): pack the model again"
        )
    if len(parameters) > MAX_HALL_OF_FAME:
        raise PackedModelError(
            f"{path} contains {len(parameters)} candidates, more than {MAX_HALL_OF_FAME}: pack the"
            " model again"
        )
    if not np.isfinite(parameters).all():
        raise PackedModelError(f"{path} contains values that are not finite: pack the model again")
    hall_of_fame: NDArray[np.float32] = parameters
    return hall_of_fame
