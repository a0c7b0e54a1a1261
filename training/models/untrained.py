"""A packed model of random weights: complete, valid, and knowing nothing.

Speed does not depend on what a network has learnt, and a score means little without the score of
an untrained model beside it.
"""

from __future__ import annotations

from pathlib import Path

import torch

from agent.evolution import Evolution
from agent.world_model.controller import n_parameters
from agent.world_model.packed_model import MODEL_CARD, NETWORKS, ModelSpec, write_manifest
from training.models.checkpoint import save_networks
from training.models.export import export_networks
from training.models.networks import MDNLSTM, VAE


def random_networks(spec: ModelSpec, seed: int = 1) -> tuple[VAE, MDNLSTM]:
    """Networks of torch's initial weights, in evaluation mode, the same for the same seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return VAE(spec).eval(), MDNLSTM(spec).eval()


def write_untrained(
    folder: Path, spec: ModelSpec, seed: int = 1, *, population: int = 8, sigma0: float = 0.5
) -> Path:
    """Write a complete packed model of random weights into a folder, made if need be; return it.

    Args:
        folder: where to.
        spec: the sizes.
        seed: of the weights and of the evolution state, 1 or more.
        population: of the evolution state.
        sigma0: of the evolution state.
    """
    folder.mkdir(parents=True, exist_ok=True)
    vae, memory = random_networks(spec, seed)
    export_networks(folder, vae, memory)
    save_networks(folder / NETWORKS, vae, memory)
    Evolution(n_parameters(spec.n_features), population, sigma0, seed).save(folder)
    (folder / MODEL_CARD).write_text("# Random weights: nothing was learnt\n", encoding="utf-8")
    write_manifest(folder, spec, games=[], training={"commit": None})
    return folder
