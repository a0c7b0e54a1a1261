"""Exports V and M to ONNX in evolve's run folder. A resumed run uses the same files."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from agent.files import sha256, write_atomically
from agent.world_model.packed_model import MEMORY, VISION, ModelSpec
from agent.world_model.packed_model import NETWORKS as PACKED
from training.models.checkpoint import load_networks
from training.models.export import export_memory, export_vision
from training.models.networks import MDNLSTM, VAE
from training.models.weights import load_network
from training.runs.resume import TrainingError
from training.runs.run_folder import read_result
from training.runs.stages import MEMORY_WEIGHTS, SPEC, TRAIN_MEMORY, TRAIN_VISION, VISION_WEIGHTS


def prepare_networks(
    vision_run: Path, memory_run: Path, folder: Path
) -> tuple[ModelSpec, dict[str, str]]:
    """Export the V and M of finished runs into a folder, unless it holds them already.

    Args:
        vision_run: run folder of train_vision.
        memory_run: run folder of train_memory.
        folder: folder of the exported networks.

    Returns:
        Specification of the networks, and the SHA-256 of the weights that they were exported from.

    Raises:
        TrainingError: see `check_runs`; or the weights are damaged, or the folder holds other
            networks.
    """
    return _prepared(
        folder,
        check_runs(vision_run, memory_run),
        lambda: load_network(vision_run / VISION_WEIGHTS, VAE),
        lambda: load_network(memory_run / MEMORY_WEIGHTS, MDNLSTM),
    )


def check_runs(vision_run: Path, memory_run: Path) -> dict[str, str]:
    """Check that two runs are finished and belong together; return the SHA-256 of their weights.

    Raises:
        TrainingError: a run is not finished or was altered, or M was trained with another V.
    """
    vision = read_result(vision_run, TRAIN_VISION)
    memory = read_result(memory_run, TRAIN_MEMORY)
    digests = {
        "vision_sha256": vision["files"][VISION_WEIGHTS],
        "memory_sha256": memory["files"][MEMORY_WEIGHTS],
    }
    if memory["vision_sha256"] != digests["vision_sha256"]:
        raise TrainingError(
            f"{memory_run} was trained with another V than {vision_run}. Use the --vision that it "
            "was trained with, or train M again"
        )
    return digests


def prepare_packed(model: Path, folder: Path) -> tuple[ModelSpec, dict[str, str]]:
    """Export the V and M of a packed model into a folder, as `prepare_networks` does.

    Raises:
        PackedModelError: the PyTorch weights of the model are missing or damaged.
        TrainingError: the folder holds other networks.
    """
    vae, memory = load_networks(model / PACKED)
    digests = {"networks_sha256": sha256(model / PACKED)}
    return _prepared(folder, digests, lambda: vae, lambda: memory)


def _prepared(
    folder: Path, digests: dict[str, str], vision: Callable[[], VAE], memory: Callable[[], MDNLSTM]
) -> tuple[ModelSpec, dict[str, str]]:
    path = folder / SPEC
    if path.is_file():
        values = json.loads(path.read_bytes())
        if values["weights"] != digests:
            raise TrainingError(
                f"{folder} holds networks that were exported from other weights. Use another "
                "--out, or delete that folder"
            )
        return ModelSpec.from_json(values["spec"]), digests
    v, m = vision(), memory()  # both before the folder is made: one may be damaged
    folder.mkdir(parents=True, exist_ok=True)
    export_vision(v, folder / VISION)
    export_memory(m, folder / MEMORY)
    values = {"spec": v.spec.to_json(), "weights": digests}
    # Written last: its presence marks the export as complete.
    write_atomically(path, json.dumps(values, indent=2).encode())
    return v.spec, digests
