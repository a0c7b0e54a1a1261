"""An older packed model gets what today's have; what plays stays as it was."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import load_file, save_file

from agent.files import sha256
from agent.world_model.packed_model import (
    DECODER,
    EXPECTATION,
    MEMORY,
    NETWORKS,
    VISION,
    PackedModelError,
    load,
    write_manifest,
)
from arena.replay.imagination import Imagination
from tests.helpers.small_models import TINY, write_random_pretrained
from training import repack
from training.models.checkpoint import load_networks


@pytest.fixture
def older(tmp_path: Path) -> Path:
    """A model as the first release packed it: float32 weights, nothing that imagines."""
    folder = write_random_pretrained(tmp_path / "older", spec=TINY)
    weights = {name: tensor.float() + 1e-5 for name, tensor in load_file(folder / NETWORKS).items()}
    metadata = {"networks": json.dumps({"format_version": "1", "spec": TINY.to_json()})}
    save_file(weights, folder / NETWORKS, metadata)
    for name in (DECODER, EXPECTATION):
        (folder / name).unlink()
    write_manifest(folder, TINY, games=["A-Game"], training={"commit": "1234"})
    return folder


def test_an_older_model_gets_its_imagination(older: Path, capsys: pytest.CaptureFixture) -> None:  # type: ignore[type-arg]
    played = {name: sha256(older / name) for name in (VISION, MEMORY)}
    size = (older / NETWORKS).stat().st_size
    assert repack.main([str(older)]) == 0
    assert str(older) in capsys.readouterr().out
    packed = load(older)
    assert packed.manifest["games"] == ["A-Game"]
    assert packed.manifest["training"] == {"commit": "1234"}
    assert {name: sha256(older / name) for name in played} == played
    assert (older / NETWORKS).stat().st_size < 0.75 * size  # names and sizes stay what they are
    load_networks(older / NETWORKS)
    assert Imagination(older).see(np.zeros((224, 320, 3), np.uint8)).shape == (64, 64, 3)
    whole = {path.name: path.read_bytes() for path in older.iterdir()}
    repack.main([str(older)])
    assert {path.name: path.read_bytes() for path in older.iterdir()} == whole


def test_a_model_without_its_torch_weights_is_refused(older: Path) -> None:
    (older / NETWORKS).unlink()
    with pytest.raises(PackedModelError, match=r"networks\.safetensors is missing"):
        repack.main([str(older)])
