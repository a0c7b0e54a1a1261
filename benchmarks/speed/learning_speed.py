"""Measures frames/s of training V and M on random data, because speed does not depend on data."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from agent.buttons import ACTION_BUTTONS
from agent.world_model.packed_model import ModelSpec
from training import memory_trainer, train_memory, train_vision, vision_trainer
from training.data.frames import Frames
from training.data.latents import Sequences, cut_episodes
from training.models.networks import MDNLSTM
from training.runs.devices import choose_device
from training.runs.loop import take_step


def learning_speeds(
    presets: Mapping[str, ModelSpec], seconds: float, threads: int
) -> list[dict[str, Any]]:
    """Measure V and M of each preset on the CPU and, if there is one, on a CUDA device.

    Args:
        presets: name -> sizes.
        seconds: minimum duration of each measurement.
        threads: CPU threads.

    Returns:
        For each preset and device: their names, the precision, and frames/s of V and of M.
    """
    torch.set_num_threads(threads)
    devices = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
    return [
        {
            "preset": name,
            **choose_device(device, None).describe(),
            "vision": vision_speed(spec, seconds, device),
            "memory": memory_speed(spec, seconds, device),
        }
        for device in devices
        for name, spec in presets.items()
    ]


def vision_speed(spec: ModelSpec, seconds: float, device: str) -> float:
    """Return frames/s of V's training, with player positions and expert actions."""
    options = train_vision.Options(data="", out=Path(), device=device)
    size, random = spec.frame_size, np.random.default_rng(1)
    pixels = random.integers(0, 256, (2 * options.batch, size, size, 3), np.uint8)
    expert_action = random.integers(0, 2, (len(pixels), len(ACTION_BUTTONS)), np.uint8)
    player = np.full((len(pixels), 2), 100, np.int16)
    frames = Frames(pixels, expert_action, player)
    trainer = vision_trainer.VisionTrainer(options, spec, frames, frames)
    return _speed(trainer, options.batch, seconds)


def memory_speed(spec: ModelSpec, seconds: float, device: str) -> float:
    """Return frames/s of M's training on whole sequences, with expert actions."""
    options = train_memory.Options(data="", vision=Path(), out=Path(), device=device)
    lengths = [spec.sequence_steps] * options.batch
    generator = torch.Generator().manual_seed(1)
    mu = torch.randn((sum(lengths), spec.latent), generator=generator)
    shape = (len(mu), len(ACTION_BUTTONS))
    buttons = torch.randint(0, 2, shape, generator=generator, dtype=torch.uint8)
    cuts = cut_episodes(lengths, spec.sequence_steps)
    sequences = Sequences(mu, torch.full_like(mu, -2.0), buttons, cuts, buttons)
    trainer = memory_trainer.MemoryTrainer(options, MDNLSTM(spec), sequences, sequences)
    return _speed(trainer, len(mu), seconds)


def _speed(trainer: Any, frames_a_step: int, seconds: float) -> float:
    """Return frames/s after one step of warm-up; at least one step is measured.

    Each step waits for the GPU, because it reads its losses. After the loop, the GPU finishes the
    last backward pass before the time is taken.
    """
    take_step(Path(), trainer.state, trainer.losses)
    started, steps = time.perf_counter(), 0
    while not steps or time.perf_counter() - started < seconds:
        take_step(Path(), trainer.state, trainer.losses)
        steps += 1
    if trainer.device.torch_device.type == "cuda":
        torch.cuda.synchronize()
    return round(steps * frames_a_step / (time.perf_counter() - started), 1)
