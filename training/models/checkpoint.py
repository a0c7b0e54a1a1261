"""The torch weights on disk: one safetensors file with its specification, read strictly.

The weights are stored in half precision: of a trained `compact` that moves a latent by 0.0007 at
most (their deviation is 1.06), a pixel by 0.1 of 255, and M's likelihood by 0.007 nats a step.
Nothing is pickled, and nothing is guessed: a name, a shape or a specification that differs stops
with one line.
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
_DTYPES = (torch.float16, torch.float32)
# All that is said of the weights stands under one name: safetensors writes several in any order,
# and the same networks would make other bytes each time.
_METADATA = "networks"


def save_networks(path: Path, vae: VAE, memory: MDNLSTM) -> None:
    """Write both networks, in float16, with their specification as the file's metadata."""
    assert vae.spec == memory.spec, (vae.spec, memory.spec)
    tensors = {
        f"{part}.{name}": tensor.detach().cpu().half().contiguous()
        for part, network in (("vision", vae), ("memory", memory))
        for name, tensor in network.state_dict().items()
    }
    about = {"format_version": FORMAT_VERSION, "spec": vae.spec.to_json()}
    write_atomically(path, save(tensors, {_METADATA: json.dumps(about)}))


def load_networks(path: Path) -> tuple[VAE, MDNLSTM]:
    """Read what `save_networks` wrote; the networks are float32, in evaluation mode, on the CPU.

    Older files, whose weights are float32, are read as they are.

    Raises:
        PackedModelError: no such file, a cut one, or weights that do not fit its specification.
    """
    if not path.is_file():
        raise PackedModelError(f"{path} is missing: train first, or give the right folder")
    try:
        with safe_open(path, framework="pt") as file:
            about = json.loads((file.metadata() or {})[_METADATA])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        version, spec = about["format_version"], ModelSpec.from_json(about["spec"])
    except (SafetensorError, KeyError, TypeError, ValueError, OSError, PackedModelError) as error:
        reason = " ".join(str(error).split())[:120]
        raise PackedModelError(f"{path} is no file of networks ({reason}): restore it") from None
    if version != FORMAT_VERSION:
        raise PackedModelError(
            f"{path}: format_version is {version!r}, this program reads {FORMAT_VERSION!r}"
        )
    vae, memory = VAE(spec), MDNLSTM(spec)
    parts: dict[str, torch.nn.Module] = {"vision": vae, "memory": memory}
    known = {f"{part}.{name}" for part, network in parts.items() for name in network.state_dict()}
    unknown = sorted(set(tensors) - known)
    if unknown:
        raise PackedModelError(f"{path}: {unknown[0]!r:.80} belongs to neither network: restore it")
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
        if found is None or found.shape != expected.shape or found.dtype not in _DTYPES:
            what = "nothing" if found is None else f"{found.dtype} {tuple(found.shape)}"
            raise PackedModelError(
                f"{path}: {part}.{name} is {what} instead of {expected.dtype} "
                f"{tuple(expected.shape)}: it belongs to another specification"
            )
    network.load_state_dict(tensors, strict=True)
