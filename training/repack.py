"""Brings a packed model of an earlier release to what `training.pack` writes today.

It adds the networks that imagine (V's decoder and M's expectation), and stores the torch weights
in half precision. What plays stays as it is, bit for bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from agent import command_line
from agent.command_line import option
from agent.world_model.packed_model import DECODER, EXPECTATION, NETWORKS, load, write_manifest
from training.models.checkpoint import load_networks, save_networks
from training.models.export import export_imagination
from training.pack import verify


@dataclass(frozen=True)
class Options:
    """Add what an older packed model lacks, from its networks.safetensors."""

    folder: Path = option("the packed model", Path("pretrained"), positional=True)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    options = command_line.parse(Options, argv, prog="python -m training.repack")
    repack(options.folder)
    total = sum(path.stat().st_size for path in options.folder.iterdir())
    print(f"{options.folder}: {total / 1e6:.1f} MB")
    return 0


def repack(folder: Path) -> None:
    """Add what an older packed model lacks; a second time changes nothing.

    Raises:
        PackedModelError: the model can't be used, or its torch weights are not there.
    """
    packed = load(folder)
    vae, memory = load_networks(folder / NETWORKS)
    if not all((folder / name).is_file() for name in (DECODER, EXPECTATION)):
        export_imagination(folder, vae, memory)
    save_networks(folder / NETWORKS, vae, memory)
    manifest = packed.manifest
    write_manifest(folder, packed.spec, games=manifest["games"], training=manifest["training"])
    verify(folder)


if __name__ == "__main__":
    command_line.run(main)
