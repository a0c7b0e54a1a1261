"""The ONNX files: their outputs and their declared inputs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from agent.world_model.packed_model import PRESETS
from agent.world_model.preprocess import preprocess
from agent.world_model.vision import Vision
from tests.helpers.small_models import TINY, real_frames
from training.models.export import export_memory, export_vision
from training.models.untrained import random_networks


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_the_encoder_equals_that_in_torch(tmp_path: Path, preset: str) -> None:
    spec = PRESETS[preset]
    vae, _ = random_networks(spec)
    export_vision(vae, tmp_path / "vision.onnx")
    vision = Vision(tmp_path / "vision.onnx", spec)
    for frame in real_frames()[::100]:
        with torch.no_grad():
            mu, _ = vae.encode(torch.from_numpy(preprocess(frame, spec))[None])
        np.testing.assert_allclose(vision.encode(frame), mu[0].numpy(), atol=1e-5)


def test_files_declare_their_inputs_and_outputs(tmp_path: Path) -> None:
    vae, memory = random_networks(TINY)
    export_vision(vae, tmp_path / "vision.onnx")
    export_memory(memory, tmp_path / "memory.onnx")
    vision_graph = onnx.load(tmp_path / "vision.onnx").graph
    memory_graph = onnx.load(tmp_path / "memory.onnx").graph
    weights = {w.name for graph in (vision_graph, memory_graph) for w in graph.initializer}
    assert {i.name for i in vision_graph.input} - weights == {"frame"}
    assert {i.name for i in memory_graph.input} - weights == {"z", "action", "h", "c"}
    assert [o.name for o in vision_graph.output] == ["mu"]
    assert [o.name for o in memory_graph.output] == ["next_h", "next_c"]
    assert sum(w.name.startswith("log_variance") for w in vision_graph.initializer) == 0


def test_the_mixture_heads_are_not_exported(tmp_path: Path) -> None:
    _, memory = random_networks(TINY)
    export_memory(memory, tmp_path / "memory.onnx")
    sizes = [w.dims for w in onnx.load(tmp_path / "memory.onnx").graph.initializer]
    heads = 3 * TINY.latent * TINY.mixtures
    assert not any(heads in dims for dims in sizes)


def test_exports_of_the_same_weights_have_the_same_bytes(tmp_path: Path) -> None:
    for name in ("first", "second"):
        vae, memory = random_networks(TINY)
        (tmp_path / name).mkdir()
        export_vision(vae, tmp_path / name / "vision.onnx")
        export_memory(memory, tmp_path / name / "memory.onnx")
    for file in ("vision.onnx", "memory.onnx"):
        assert (tmp_path / "first" / file).read_bytes() == (tmp_path / "second" / file).read_bytes()
