"""The hall of fame: optional, checked, never unpickled, and played before the draws."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest

from agent.evolution.cma_es import Evolution
from agent.evolution.hall_of_fame import hall_of_fame_bytes, initial_candidates, read_hall_of_fame
from agent.world_model.controller import n_parameters
from agent.world_model.packed_model import (
    HALL_OF_FAME,
    MANIFEST,
    PackedModelError,
    load,
    write_manifest,
)
from tests.helpers.small_models import TINY, write_random_pretrained

SIZE = n_parameters(TINY.n_features)
PARAMETERS = np.random.default_rng(1).standard_normal((3, SIZE)).astype(np.float32)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A packed model with a hall of fame of three."""
    write_random_pretrained(tmp_path, spec=TINY)
    return pack(tmp_path, hall_of_fame_bytes(PARAMETERS))


def pack(folder: Path, data: bytes) -> Path:
    (folder / HALL_OF_FAME).write_bytes(data)
    write_manifest(folder, TINY, games=[], training={})
    return folder


def test_what_was_packed_is_read(folder: Path) -> None:
    np.testing.assert_array_equal(read_hall_of_fame(load(folder)), PARAMETERS)


def test_a_model_packed_without_a_hall_of_fame_has_none(folder: Path, tmp_path: Path) -> None:
    (folder / HALL_OF_FAME).unlink()
    write_manifest(folder, TINY, games=[], training={})
    assert read_hall_of_fame(load(folder)).shape == (0, SIZE)
    # A file that the manifest does not list is not read.
    (folder / HALL_OF_FAME).write_bytes(hall_of_fame_bytes(PARAMETERS))
    assert read_hall_of_fame(load(folder)).shape == (0, SIZE)


def test_the_mean_is_the_first_candidate_and_the_hall_of_fame_follows(folder: Path) -> None:
    evolution = Evolution.load(folder)
    origins, parameters = zip(*initial_candidates(load(folder), evolution), strict=True)
    assert origins == ("mean", "hall_of_fame", "hall_of_fame", "hall_of_fame")
    np.testing.assert_array_equal(parameters[0], evolution.mean)
    np.testing.assert_array_equal(np.array(parameters[1:]), PARAMETERS)


def test_an_altered_or_missing_file_ends_in_one_line(folder: Path) -> None:
    data = bytearray((folder / HALL_OF_FAME).read_bytes())
    data[-1] ^= 1
    (folder / HALL_OF_FAME).write_bytes(data)
    with pytest.raises(PackedModelError, match="hall_of_fame.npz was altered"):
        load(folder)
    (folder / HALL_OF_FAME).unlink()
    with pytest.raises(PackedModelError, match="hall_of_fame.npz is missing"):
        load(folder)
    assert HALL_OF_FAME in json.loads((folder / MANIFEST).read_text())["files"]


def saved(**arrays: np.ndarray) -> bytes:
    data = io.BytesIO()
    np.savez(data, **arrays)  # type: ignore[arg-type]
    return data.getvalue()


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "can't be read"),
        (b"PK\x03\x04nonsense", "can't be read"),
        (saved(others=PARAMETERS), "can't be read"),
        (saved(parameters=np.array([object()])), "can't be read"),  # a pickle
        (saved(parameters=PARAMETERS[:, 1:]), "this model's controllers"),
        (saved(parameters=PARAMETERS.astype(np.float64)), "float64"),
        (saved(parameters=PARAMETERS * np.float32("nan")), "not finite"),
    ],
)
def test_an_invalid_hall_of_fame_ends_in_one_line(folder: Path, data: bytes, problem: str) -> None:
    model = load(pack(folder, data))
    with pytest.raises(PackedModelError, match=problem) as raised:
        read_hall_of_fame(model)
    assert "\n" not in str(raised.value)
