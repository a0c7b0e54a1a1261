"""Turns M's prediction of the expert's actions into a controller, from which C can evolve."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file

from agent.buttons import ACTION_BUTTONS
from agent.world_model.packed_model import ModelSpec
from training.runs.run_folder import read_result
from training.runs.stages import MEMORY_WEIGHTS, TRAIN_MEMORY


def read_imitation(memory_run: Path, spec: ModelSpec) -> NDArray[np.float64]:
    """Read M's expert-action head as the parameters of a controller, float64 (n_parameters,).

    Args:
        memory_run: run folder of training.train_memory.
        spec: sizes of M.

    Raises:
        TrainingError: the run is not finished or was altered.
    """
    read_result(memory_run, TRAIN_MEMORY)
    weights = load_file(memory_run / MEMORY_WEIGHTS)
    return as_controller(weights["expert_action.weight"], weights["expert_action.bias"], spec)


def as_controller(
    weights: NDArray[np.floating[Any]], bias: NDArray[np.floating[Any]], spec: ModelSpec
) -> NDArray[np.float64]:
    """Convert M's expert-action head to the parameters of a controller, float64 (n_parameters,).

    The head reads z and h; the controller's weights for c are zero.

    Args:
        weights: weights of the head, (4, latent + hidden).
        bias: biases of the head, (4,).
        spec: sizes of M.
    """
    assert weights.shape == (len(ACTION_BUTTONS), spec.latent + spec.hidden), weights.shape
    for_c = np.zeros((len(ACTION_BUTTONS), spec.hidden))
    rows = np.concatenate((weights.astype(np.float64), for_c), 1)
    return np.concatenate((rows.ravel(), bias.astype(np.float64)))
