"""Test data for the training stages: a dataset made without an emulator, and finished runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file

from agent.files import sha256
from agent.world_model.packed_model import ModelSpec
from tests.helpers.small_models import TINY
from training.data.dataset import create_dataset
from training.data.episode_writer import EpisodeWriter
from training.models.untrained import random_networks
from training.models.weights import save_network
from training.runs.stages import MEMORY_WEIGHTS, VISION_WEIGHTS

# Bits of red, green and blue that the emulator uses.
AS_DRAWN = np.array((0xF8, 0xFC, 0xF8), np.uint8)


def write_dataset(folder: Path, lengths: tuple[int, ...] = (40, 30, 25)) -> Path:
    """Write a dataset of native frames in which a bright square moves with the RIGHT button."""
    create_dataset(folder)
    for index, steps in enumerate(lengths):
        random = np.random.default_rng(index)
        writer, left = EpisodeWriter(folder, index), 20
        for step in range(steps):
            action = random.integers(0, 2, 4, np.uint8)
            frame = np.full((224, 320, 3), 40, np.uint8)
            frame[100:150, left : left + 50] = (248, 200, 24)
            writer.append(frame, action, float(action[3]), step == steps - 1)
            left = (left + 10 * int(action[3])) % 260
        writer.commit(level="Square:Start", policy="random", seed=index + 1)
    return folder


def same_arrays(path: Path, other: Path) -> bool:
    """Return whether two safetensors files hold the same names and bits."""
    arrays, others = load_file(path), load_file(other)
    return arrays.keys() == others.keys() and all(
        np.array_equal(array, others[name]) for name, array in arrays.items()
    )


def write_trained(folder: Path, spec: ModelSpec = TINY, seed: int = 1) -> tuple[Path, Path]:
    """Write finished runs of V and M with random weights, as later stages read them."""
    vae, memory = random_networks(spec, seed)
    vision_run, memory_run = folder / "vision", folder / "memory"
    for path in (vision_run, memory_run):
        path.mkdir(parents=True)
    save_network(vision_run / VISION_WEIGHTS, vae)
    save_network(memory_run / MEMORY_WEIGHTS, memory)
    shared: dict[str, Any] = {
        "options": {"batch": 8, "seed": seed, "start": None},
        "commit": "0" * 40,
        "device": {"system": "Linux", "processor": "a processor", "cores": 2},
        "steps": 4,
        "seconds": 120.0,
        "data": {
            "folders": ["data"],
            "episodes": 3,
            "frames": 95,
            "training_frames": 65,
            "held_out_frames": 30,
            "levels": {"Airstriker-Genesis-v0:Level1": 95},
            "policies": {"random": 95},
            "mean_return": 20.0,
        },
    }
    seen = {
        "reconstruction_loss_held_out": 300.0,
        "perfect_copy_loss_held_out": 250.0,
        "reconstruction_error_held_out": 10.0,
        "kl_held_out": 12.0,
        "active_dimensions": 4,
    }
    remembered = {
        "nll_held_out": 5.0,
        "nll_no_change_held_out": 9.0,
        "prediction_error_held_out": 0.5,
        "prediction_error_no_change_held_out": 0.7,
        "expert_action_accuracy_held_out": None,
        "expert_change_accuracy_held_out": None,
    }
    digest = sha256(vision_run / VISION_WEIGHTS)
    vision = {"stage": "train_vision", "files": {VISION_WEIGHTS: digest}, "held_out": seen}
    (vision_run / "result.json").write_text(json.dumps(shared | vision))
    memory_values = {
        "stage": "train_memory",
        "files": {MEMORY_WEIGHTS: sha256(memory_run / MEMORY_WEIGHTS)},
        "vision_sha256": digest,
        "held_out": remembered,
    }
    (memory_run / "result.json").write_text(json.dumps(shared | memory_values))
    return vision_run, memory_run
