"""A complete packed model with random weights.

It is used to measure speed, which does not depend on the weights, and as a baseline for scores.
"""

from __future__ import annotations

from pathlib import Path

import torch

from agent.evolution.cma_es import Evolution
from agent.world_model.controller import n_parameters
from agent.world_model.packed_model import MODEL_CARD, NETWORKS, ModelSpec, write_manifest
from training.models.checkpoint import save_networks
from training.models.export import export_networks
from training.models.networks import MDNLSTM, VAE


def random_networks(spec: ModelSpec, seed: int = 1) -> tuple[VAE, MDNLSTM]:
    """Build V and M with PyTorch's random initial weights, in evaluation mode.

    Args:
        spec: sizes of the networks.
        seed: random seed of the weights.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return VAE(spec).eval(), MDNLSTM(spec).eval()


def write_untrained(
    folder: Path, spec: ModelSpec, seed: int = 1, *, population: int = 8, sigma0: float = 0.5
) -> Path:
    """Write a complete packed model with random weights; return its folder.

    Args:
        folder: folder of the model, created if missing.
        spec: sizes of the networks.
        seed: random seed of the weights and of the evolution state, 1 or more.
        population: population size of the evolution state.
        sigma0: initial step size of the evolution state.
    """
    folder.mkdir(parents=True, exist_ok=True)
    vae, memory = random_networks(spec, seed)
    export_networks(folder, vae, memory)
    save_networks(folder / NETWORKS, vae, memory)
    Evolution(n_parameters(spec.n_features), population, sigma0, seed).save(folder)
    (folder / MODEL_CARD).write_text("# Untrained model with random weights\n", encoding="utf-8")
    write_manifest(folder, spec, games=[], training={"commit": None})
    return folder
