"""Reads the two files of an evolution state, and checks them before anything uses them."""

from __future__ import annotations

import json
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agent.errors import UserError
from agent.world_model.packed_model import EVOLUTION

FORMAT_VERSION = 1
_CONSTANTS = {"format_version": int, "n_parameters": int, "population": int, "sigma0": float}

Arrays = dict[str, NDArray[Any]]


class EvolutionError(UserError):
    """An evolution state that can't be used, or a call that it does not allow."""


def read_constants(path: Path) -> dict[str, Any]:
    """Read evolution.json.

    Raises:
        EvolutionError: the file is missing or invalid, or has another format version.
    """
    try:
        constants = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())[:120]
        raise EvolutionError(
            f"{path} can't be read ({reason}): restore it, or evolve again"
        ) from None
    if not isinstance(constants, dict) or set(constants) != set(_CONSTANTS):
        raise EvolutionError(f"{path} does not contain exactly {', '.join(_CONSTANTS)}: restore it")
    for name, kind in _CONSTANTS.items():
        if type(constants[name]) is not kind:
            raise EvolutionError(
                f"{path}: {name} is {constants[name]!r:.80}, expected type {kind.__name__}"
            )
    if constants["format_version"] != FORMAT_VERSION:
        raise EvolutionError(
            f"{path}: format_version is {constants['format_version']}, this program reads "
            f"{FORMAT_VERSION}: use the release that wrote it, or evolve again"
        )
    return constants


def read_arrays(path: Path, like: Arrays) -> Arrays:
    """Read evolution.npz, whose arrays must have the names, shapes and types of `like`.

    Raises:
        EvolutionError: the file is missing or damaged, or belongs to another evolution.json.
    """
    arrays: Arrays = {}
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            names = set(stored.files)
            for name in names & set(like):
                arrays[name] = stored[name]
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        reason = " ".join(str(error).split())[:120]
        raise EvolutionError(
            f"{path} is missing, cut or altered ({reason}): restore it, or evolve again"
        ) from None
    if names != set(like):
        raise EvolutionError(f"{path} does not contain exactly {', '.join(like)}: restore it")
    for name, array in arrays.items():
        expected = like[name]
        if array.shape != expected.shape or array.dtype != expected.dtype:
            raise EvolutionError(
                f"{path}: {name} is {array.dtype} {array.shape} instead of {expected.dtype} "
                f"{expected.shape}: it belongs to another {EVOLUTION}"
            )
        if not np.isfinite(array).all():
            raise EvolutionError(f"{path}: {name} is not finite: restore it, or evolve again")
    return _checked_ranges(path, arrays)


def _checked_ranges(path: Path, arrays: Arrays) -> Arrays:
    position, has_gauss = arrays["random_position"].tolist()
    if not (
        arrays["sigma"] > 0
        and (arrays["scaling"] > 0).all()
        and arrays["generation"] >= 0
        and 0 <= position <= 624
        and has_gauss in (0, 1)
    ):
        raise EvolutionError(f"{path} contains values out of range: restore it, or evolve again")
    return arrays
