"""V and M as evolution plays them: exported once into its run folder, and the same ever after."""

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
from training.models.weights import MEMORY_WEIGHTS, VISION_WEIGHTS, load_network
from training.runs.resume import TrainingError
from training.runs.run_folder import read_result
from training.search.rollouts import SPEC
from training.train_memory import STAGE as MEMORY_STAGE
from training.train_vision import STAGE as VISION_STAGE


def prepare_networks(
    vision_run: Path, memory_run: Path, folder: Path
) -> tuple[ModelSpec, dict[str, str]]:
    """Export V and M into the run folder, once; later runs play the very same files.

    Returns:
        Their specification, and the SHA-256 of the weights that they come from.

    Raises:
        TrainingError: a stage before is not finished, or the memory is of another vision.
    """
    vision = read_result(vision_run, VISION_STAGE)
    memory = read_result(memory_run, MEMORY_STAGE)
    digests = {
        "vision_sha256": vision["files"][VISION_WEIGHTS],
        "memory_sha256": memory["files"][MEMORY_WEIGHTS],
    }
    if memory["vision_sha256"] != digests["vision_sha256"]:
        raise TrainingError(
            f"{memory_run} was trained with another V than {vision_run}: train it again"
        )
    return _prepared(
        folder,
        digests,
        lambda: load_network(vision_run / VISION_WEIGHTS, VAE),
        lambda: load_network(memory_run / MEMORY_WEIGHTS, MDNLSTM),
    )


def prepare_packed(model: Path, folder: Path) -> tuple[ModelSpec, dict[str, str]]:
    """Export V and M of a packed model into the run folder, once, as `prepare_networks` does.

    Raises:
        PackedModelError: it has no networks to go on from, or damaged ones.
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
                f"{folder} holds other networks than those given now: give another folder, or "
                "remove it"
            )
        return ModelSpec.from_json(values["spec"]), digests
    vae = vision()
    folder.mkdir(parents=True, exist_ok=True)
    export_vision(vae, folder / VISION)
    export_memory(memory(), folder / MEMORY)
    values = {"spec": vae.spec.to_json(), "weights": digests}
    write_atomically(path, json.dumps(values, indent=2).encode())  # last: it is complete
    return vae.spec, digests
