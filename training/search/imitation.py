"""Turns M's prediction of the expert's actions into a controller, from which C can evolve."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agent.buttons import ACTION_BUTTONS
from agent.world_model.packed_model import ModelSpec
from training.models.networks import MDNLSTM
from training.models.weights import load_network
from training.runs.resume import TrainingError
from training.runs.run_folder import read_result
from training.runs.stages import MEMORY_WEIGHTS, TRAIN_MEMORY


def read_imitation(memory_run: Path) -> NDArray[np.float64]:
    """Read M's expert-action head as the parameters of a controller, float64 (n_parameters,).

    Args:
        memory_run: run folder of training.train_memory.

    Raises:
        TrainingError: the run is not finished or was altered, or its data held no expert actions.
    """
    result = read_result(memory_run, TRAIN_MEMORY)
    has_learned = result["held_out"]["expert_action_accuracy_held_out"] is not None
    # A run that started from another one may have learned the expert's actions there.
    if not has_learned and not result["options"]["start"]:
        raise TrainingError(
            f"{memory_run} was trained on data without expert actions, so --imitate has nothing to"
            " start from. Collect with --policies demonstration or perturbed, or leave out"
            " --imitate"
        )
    network = load_network(memory_run / MEMORY_WEIGHTS, MDNLSTM)
    head = network.expert_action
    weights, bias = (part.detach().numpy() for part in (head.weight, head.bias))
    return as_controller(weights, bias, network.spec)


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
