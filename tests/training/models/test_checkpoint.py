"""The PyTorch weights of a packed model: saved, loaded, and checked."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from agent.world_model.packed_model import PackedModelError
from tests.helpers.small_models import TINY
from training.models.checkpoint import load_networks, save_networks
from training.models.untrained import random_networks


def test_loaded_networks_equal_the_saved_ones_in_half_precision(tmp_path: Path) -> None:
    path = tmp_path / "networks.safetensors"
    saved = random_networks(TINY)
    save_networks(path, *saved)
    for ours, theirs in zip(load_networks(path), saved, strict=True):
        assert ours.spec == TINY and not ours.training
        assert ours.state_dict().keys() == theirs.state_dict().keys()
        for name, tensor in theirs.state_dict().items():
            assert ours.state_dict()[name].dtype == torch.float32
            assert torch.equal(ours.state_dict()[name], tensor.half().float())


def test_missing_and_damaged_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "networks.safetensors"
    with pytest.raises(PackedModelError, match="missing"):
        load_networks(path)
    save_networks(path, *random_networks(TINY))
    whole = path.read_bytes()
    for data in (b"", whole[:50], whole[:-9], b"x" * 100):
        path.write_bytes(data)
        with pytest.raises(PackedModelError, match=r"networks\.safetensors") as error:
            load_networks(path)
        assert "\n" not in str(error.value)


def rewritten(path: Path, drop: str = "", extra: str = "", **changed: object) -> Path:
    save_networks(path, *random_networks(TINY))
    tensors = load_file(path)
    tensors.pop(drop, None)
    if extra:
        tensors[extra] = torch.zeros(2)
    about = {"format_version": "1", "spec": TINY.to_json()} | changed
    save_file(tensors, path, {"networks": json.dumps(about)})
    return path


def test_weights_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "networks.safetensors"
    load_networks(rewritten(path))
    with pytest.raises(PackedModelError, match=r"memory\.heads\.bias is missing"):
        load_networks(rewritten(path, drop="memory.heads.bias"))
    with pytest.raises(PackedModelError, match=r"memory\.more.* no network"):
        load_networks(rewritten(path, extra="memory.more"))
    with pytest.raises(PackedModelError, match="no network has"):
        load_networks(rewritten(path, extra="other"))
    tensors = {name: tensor.float() for name, tensor in load_file(rewritten(path)).items()}
    about = {"format_version": "1", "spec": TINY.to_json()}
    save_file(tensors, path, {"networks": json.dumps(about)})
    with pytest.raises(PackedModelError, match="is torch.float32 .*expected torch.float16"):
        load_networks(path)
    wider = replace(TINY, hidden=16).to_json()
    with pytest.raises(PackedModelError, match="expected torch.float16"):
        load_networks(rewritten(path, spec=wider))
    with pytest.raises(PackedModelError, match="format_version '9'"):
        load_networks(rewritten(path, format_version="9"))
    with pytest.raises(PackedModelError, match="networks"):
        load_networks(rewritten(path, spec="{"))
    save_file(load_file(path), path, {"networks": "{"})
    with pytest.raises(PackedModelError, match="holds no networks"):
        load_networks(path)
