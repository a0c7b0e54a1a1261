"""PyTorch weights of a packed model: one safetensors file with the specification as metadata.

The weights are stored as float16. For a trained `compact` this changes a latent by at most 0.0007
(standard deviation 1.06), a pixel by 0.1 of 255, and M's log-likelihood by 0.007 nats per step.
Nothing is unpickled; any unexpected name, shape or dtype is an error.
"""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from agent.files import write_atomically
from agent.world_model.packed_model import ModelSpec, PackedModelError
from training.models.networks import MDNLSTM, VAE

FORMAT_VERSION = "1"
# One metadata entry only: safetensors writes several in random order, so that the same networks
# would produce different bytes each time.
_METADATA = "networks"


def save_networks(path: Path, vae: VAE, memory: MDNLSTM) -> None:
    """Write V and M as float16, with their specification as metadata."""
    assert vae.spec == memory.spec, (vae.spec, memory.spec)
    tensors = {
        f"{part}.{name}": tensor.detach().cpu().half().contiguous()
        for part, network in (("vision", vae), ("memory", memory))
        for name, tensor in network.state_dict().items()
    }
    about = {"format_version": FORMAT_VERSION, "spec": vae.spec.to_json()}
    write_atomically(path, save(tensors, {_METADATA: json.dumps(about)}))


def load_networks(path: Path) -> tuple[VAE, MDNLSTM]:
    """Load V and M that `save_networks` wrote, as float32, in evaluation mode, on the CPU.

    Raises:
        PackedModelError: the file is missing or damaged, or its weights do not fit its
            specification.
    """
    if not path.is_file():
        raise PackedModelError(f"{path} is missing. Pack the model again, or use another folder")
    try:
        with safe_open(path, framework="pt") as file:
            about = json.loads((file.metadata() or {})[_METADATA])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        version, spec = about["format_version"], ModelSpec.from_json(about["spec"])
    except (SafetensorError, KeyError, TypeError, ValueError, OSError, PackedModelError) as error:
        reason = " ".join(str(error).split())[:120]
        raise PackedModelError(
            f"{path} holds no networks ({reason}). Pack the model again"
        ) from None
    if version != FORMAT_VERSION:
        raise PackedModelError(
            f"{path} has format_version {version!r}, expected {FORMAT_VERSION!r}. Pack the "
            "model again"
        )
    vae, memory = VAE(spec), MDNLSTM(spec)
    parts: dict[str, torch.nn.Module] = {"vision": vae, "memory": memory}
    known = {f"{part}.{name}" for part, network in parts.items() for name in network.state_dict()}
    unknown = sorted(set(tensors) - known)
    if unknown:
        raise PackedModelError(
            f"{path} holds {unknown[0]!r:.80}, which no network has. Pack the model again"
        )
    for part, network in parts.items():
        own = {
            name.removeprefix(f"{part}."): tensor
            for name, tensor in tensors.items()
            if name.startswith(f"{part}.")
        }
        _load_strictly(path, part, network, own)
    return vae.eval(), memory.eval()


def _load_strictly(
    path: Path, part: str, network: torch.nn.Module, tensors: dict[str, torch.Tensor]
) -> None:
    for name, expected in network.state_dict().items():
        found = tensors.get(name)
        if found is None or found.shape != expected.shape or found.dtype != torch.float16:
            what = "missing" if found is None else f"{found.dtype} {tuple(found.shape)}"
            raise PackedModelError(
                f"{path}: {part}.{name} is {what}, expected torch.float16 "
                f"{tuple(expected.shape)}. Pack the model again"
            )
    network.load_state_dict(tensors, strict=True)
