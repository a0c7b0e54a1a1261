"""The controller that M learnt from recordings: where the search for a better one may start."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file

from agent.controller import ACTION_BUTTONS
from agent.pretrained import ModelSpec
from training.runs import read_result
from training.weights import MEMORY_WEIGHTS


def read_imitation(memory_run: Path, spec: ModelSpec) -> NDArray[np.float64]:
    """M's advice head as the parameters of a controller, float64 (n_parameters,).

    The head reads z and h; the controller's weights for c are zero.

    Raises:
        TrainingError: the run is not finished or was altered.
    """
    read_result(memory_run, "train_memory")
    weights = load_file(memory_run / MEMORY_WEIGHTS)
    of_z_and_h = weights["advice.weight"].astype(np.float64)
    assert of_z_and_h.shape == (len(ACTION_BUTTONS), spec.latent + spec.hidden), of_z_and_h.shape
    of_c = np.zeros((len(ACTION_BUTTONS), spec.hidden))
    rows = np.concatenate((of_z_and_h, of_c), 1)
    return np.concatenate((rows.ravel(), weights["advice.bias"].astype(np.float64)))
