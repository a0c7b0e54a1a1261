"""Weights of one network, V or M, in a safetensors file with the specification as metadata."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TypeVar

from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from agent.files import write_atomically
from agent.world_model.packed_model import NETWORKS, ModelSpec, PackedModelError
from training.models.checkpoint import load_networks
from training.models.networks import MDNLSTM, VAE
from training.runs.resume import TrainingError
from training.runs.run_folder import read_result
from training.runs.stages import MEMORY_WEIGHTS, TRAIN_MEMORY, TRAIN_VISION, VISION_WEIGHTS

Network = TypeVar("Network", VAE, MDNLSTM)


def save_network(path: Path, network: VAE | MDNLSTM) -> None:
    """Write the weights of V or M."""
    tensors = {name: t.detach().cpu().contiguous() for name, t in network.state_dict().items()}
    write_atomically(path, save(tensors, {"spec": json.dumps(network.spec.to_json())}))


def load_network(path: Path, kind: type[Network]) -> Network:
    """Load a network that `save_network` wrote, in evaluation mode, on the CPU.

    Args:
        path: safetensors file.
        kind: class of the network, VAE or MDNLSTM.

    Raises:
        TrainingError: the file is missing or damaged, or holds another network.
    """
    try:
        with safe_open(path, framework="pt") as file:
            spec = ModelSpec.from_json(json.loads((file.metadata() or {})["spec"]))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        network = kind(spec)
        network.load_state_dict(tensors, strict=True)
    except (
        SafetensorError,
        KeyError,
        ValueError,
        OSError,
        RuntimeError,
        PackedModelError,
    ) as error:
        reason = " ".join(str(error).split())[:120]
        raise TrainingError(
            f"{path} holds no weights of {kind.__name__} ({reason}). Train it again"
        ) from None
    network.eval()
    return network


def copy_weights(start: Path, network: VAE | MDNLSTM) -> None:
    """Copy the weights of a trained network into a network of the same kind and size.

    Args:
        start: run folder of a finished stage, or folder of a packed model.
        network: network whose weights are overwritten.

    Raises:
        TrainingError: the stage is not finished, or its weights are damaged or of another size.
        PackedModelError: the weights of the packed model are missing or damaged.
    """
    other: VAE | MDNLSTM
    if (start / NETWORKS).is_file():
        vae, memory = load_networks(start / NETWORKS)
        other = vae if isinstance(network, VAE) else memory
    elif isinstance(network, VAE):
        read_result(start, TRAIN_VISION)
        other = load_network(start / VISION_WEIGHTS, VAE)
    else:
        read_result(start, TRAIN_MEMORY)
        other = load_network(start / MEMORY_WEIGHTS, MDNLSTM)
    if other.spec != network.spec:
        raise TrainingError(
            f"--start {start} has the sizes {other.spec.preset!r}, this run "
            f"{network.spec.preset!r}. Use a --start with the same --model"
        )
    network.load_state_dict(other.state_dict())
