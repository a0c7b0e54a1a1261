"""The hall of fame of a packed model: the candidates that scored highest when played again.

Optional: hall_of_fame.npz, one float32 array `parameters` (n_hall_of_fame, n_parameters), the best first. numpy
reads it without pickle, and a contest's container needs no package more.
"""

from __future__ import annotations

import io
import zipfile
import zlib

import numpy as np
from numpy.typing import NDArray

from agent.world_model.controller import n_parameters
from agent.world_model.packed_model import HALL_OF_FAME, Pretrained, PretrainedError

MAX_HALL_OF_FAME = 1000


def hall_of_fame_bytes(parameters: NDArray[np.float32]) -> bytes:
    """The content of hall_of_fame.npz for parameters (n_hall_of_fame, n_parameters), the best first."""
    assert parameters.ndim == 2, parameters.shape
    data = io.BytesIO()
    np.savez(data, parameters=parameters.astype(np.float32))
    return data.getvalue()


def read_hall_of_fame(pretrained: Pretrained) -> NDArray[np.float32]:
    """The hall of fame, float32 (n_hall_of_fame, n_parameters); of a model packed without one, (0, n).

    Raises:
        PretrainedError: it is of another model, or holds values that are not finite.
    """
    size = n_parameters(pretrained.spec.n_features)
    if HALL_OF_FAME not in pretrained.manifest["files"]:
        return np.empty((0, size), np.float32)
    path = pretrained.folder / HALL_OF_FAME
    try:
        with np.load(path, allow_pickle=False) as stored:
            parameters = stored["parameters"]
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        reason = " ".join(str(error).split())[:120]
        raise PretrainedError(
            f"{path} can't be read ({reason}): restore it, or pack the model again"
        ) from None
    if parameters.dtype != np.float32 or parameters.shape[1:] != (size,):
        raise PretrainedError(
            f"{path} holds {parameters.dtype} {parameters.shape}, this model's controllers are "
            f"float32 (n, {size}): pack the model again"
        )
    if len(parameters) > MAX_HALL_OF_FAME or not np.isfinite(parameters).all():
        raise PretrainedError(
            f"{path} holds too many candidates, or values that are not finite: pack again"
        )
    hall_of_fame: NDArray[np.float32] = parameters
    return hall_of_fame
