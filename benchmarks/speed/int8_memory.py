"""What 8 bits do to the memory: error of h, buttons that flip, and time, beside fp32.

`python -m benchmarks.speed.int8_memory` plays real frames through torch, ONNX at fp32 and
ONNX at int8, all under the same actions, and prints JSON.
"""

from __future__ import annotations

import json
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from agent import command_line
from agent.command_line import option
from agent.evolution import Evolution
from agent.world_model.controller import Controller, n_parameters
from agent.world_model.memory import Memory
from agent.world_model.packed_model import EVOLUTION, NETWORKS, PRESETS, ModelSpec
from agent.world_model.preprocess import preprocess
from benchmarks.figures.frame_sizes import played_frames
from training.models.checkpoint import load_networks
from training.models.export import export_memory
from training.models.networks import MDNLSTM, VAE


@dataclass(frozen=True)
class Options:
    """Compare the memory at fp32 and at int8 with torch over recurrent steps on real frames."""

    networks: Path | None = option(
        "folder with networks.safetensors and an evolution state; left out: random weights", None
    )
    sizes: str = option("preset of random weights", "original2018", choices=sorted(PRESETS))
    steps: int = option("recurrent steps", 500)
    controllers: int = option("controllers whose buttons are compared", 32)
    seed: int = option("of frames, weights and actions, 1 or more", 1)


Run = NDArray[np.float32]  # (T, 2, H): h and c after each step


def play_torch(memory: MDNLSTM, latents: torch.Tensor, actions: NDArray[np.uint8]) -> Run:
    """Step the reference: latents (T, Z), actions (T, 4)."""
    state, run = memory.initial(1), []
    with torch.no_grad():
        for latent, action in zip(latents, torch.from_numpy(actions), strict=True):
            _, state = memory.unroll(latent[None, None], action[None, None], state)
            run.append(torch.stack((state[0][0], state[1][0])).numpy())
    return np.stack(run)


def play_onnx(
    memory: Memory, latents: NDArray[np.float32], actions: NDArray[np.uint8]
) -> tuple[Run, float]:
    """Step an export; return its states and the median microseconds of a step."""
    h, c = memory.initial()
    run, times = [], []
    for latent, action in zip(latents, actions, strict=True):
        started = time.perf_counter()
        h, c = memory.step(latent, action, h, c)
        times.append(time.perf_counter() - started)
        run.append(np.stack((h, c)))
    return np.stack(run), float(np.median(times)) * 1e6


def compare(
    exact: Run, other: Run, latents: NDArray[np.float32], controllers: list[Controller]
) -> dict[str, Any]:
    """Errors of a run against torch's, and the buttons that flip on the next frame."""
    flips = buttons = 0
    for step in range(len(exact) - 1):
        seen = latents[step + 1]
        for controller in controllers:
            ours = controller.act(np.concatenate((seen, *other[step])))
            flips += int((ours != controller.act(np.concatenate((seen, *exact[step])))).sum())
            buttons += ours.size
    error = np.abs(exact - other)
    return {
        "largest_error_of_h": float(error[:, 0].max()),
        "largest_error_of_c": float(error[:, 1].max()),
        "largest_h": float(np.abs(exact[:, 0]).max()),
        "flipped_buttons": flips,
        "buttons": buttons,
    }


def networks_and_controllers(options: Options) -> tuple[VAE, MDNLSTM, list[Controller]]:
    """What is compared: trained networks with candidates of their evolution, or random ones."""
    if options.networks is not None:
        vae, memory = load_networks(options.networks / NETWORKS)
        if (options.networks / EVOLUTION).is_file():
            evolution = Evolution.load(options.networks)
        else:
            evolution = _fresh_evolution(vae.spec, options)
    else:
        torch.manual_seed(options.seed)
        spec = PRESETS[options.sizes]
        vae, memory = VAE(spec).eval(), MDNLSTM(spec).eval()
        evolution = _fresh_evolution(spec, options)
    candidates: list[NDArray[np.float64]] = []
    while len(candidates) < options.controllers:
        candidates.extend(evolution.ask())
    return vae, memory, [Controller(candidate) for candidate in candidates[: options.controllers]]


def _fresh_evolution(spec: ModelSpec, options: Options) -> Evolution:
    return Evolution(n_parameters(spec.n_features), 32, 0.5, options.seed)


def measure(options: Options) -> dict[str, Any]:
    """Play all three and compare; see `Options`."""
    torch.set_num_threads(1)
    vae, memory, controllers = networks_and_controllers(options)
    frames = played_frames(options.steps, options.seed)
    small = torch.from_numpy(np.stack([preprocess(frame, vae.spec) for frame in frames]))
    with torch.no_grad():
        latents = torch.cat([vae.encode(part)[0] for part in torch.split(small, 32)])
    random = np.random.default_rng(options.seed)
    actions = random.integers(0, 2, (len(latents), 4)).astype(np.uint8)
    exact = play_torch(memory, latents, actions)
    engines = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, int8 in (("fp32", False), ("int8", True)):
            path = Path(folder) / f"{name}.onnx"
            export_memory(memory, path, int8=int8)
            run, microseconds = play_onnx(Memory(path, vae.spec), latents.numpy(), actions)
            engines[name] = {
                "microseconds": round(microseconds, 1),
                "bytes": path.stat().st_size,
                **compare(exact, run, latents.numpy(), controllers),
            }
    weights = "random" if options.networks is None else "trained"
    return {
        "preset": vae.spec.preset,
        "weights": weights,
        "steps": options.steps,
        "controllers": options.controllers,
        "seed": options.seed,
        "engines": engines,
    }


def main() -> None:
    """Measure and print."""
    print(
        json.dumps(
            measure(command_line.parse(Options, prog="python -m benchmarks.speed.int8_memory"))
        )
    )


if __name__ == "__main__":
    command_line.run(main)
