"""Packs V, M and C into the folder that the agent plays from.

It is built beside its place, loaded and played for some steps, and only then put there: what was
packed before stays until the new one is known to work.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from agent import command_line
from agent.command_line import option
from agent.evolution import Evolution
from agent.files import write_atomically
from agent.hall_of_fame import hall_of_fame_bytes
from agent.hall_of_fame import read_hall_of_fame as read_packed_hall_of_fame
from agent.world_model.controller import Controller, n_parameters
from agent.world_model.packed_model import (
    EVOLUTION,
    EVOLUTION_ARRAYS,
    HALL_OF_FAME,
    MANIFEST,
    MODEL_CARD,
    NETWORKS,
    load,
    write_manifest,
)
from agent.world_model.world_model import load_world_model
from arena.replay.imagination import Imagination
from training import evolve, train_memory, train_vision
from training.model_card import write_card
from training.models.checkpoint import save_networks
from training.models.export import export_networks
from training.models.networks import MDNLSTM, VAE
from training.models.weights import MEMORY_WEIGHTS, VISION_WEIGHTS, load_network
from training.runs.resume import TrainingError
from training.runs.run_folder import read_result
from training.search.history import read_hall_of_fame

VERIFIED_STEPS = 20


@dataclass(frozen=True)
class Options:
    """Pack the results of training into a folder that the agent plays from."""

    vision: Path = option("run folder of the finished training.train_vision")
    memory: Path = option("run folder of the finished training.train_memory")
    evolution: Path = option("run folder of the finished training.evolve")
    out: Path = option("folder of the packed model; an older one is replaced", Path("pretrained"))
    state: str = option(
        "which evolution state: best (where the distribution's mean scored highest) or last",
        "best",
        choices=("best", "last"),
    )


@dataclass(frozen=True)
class Runs:
    """The results of the three stages, known to belong together."""

    vision: Mapping[str, Any]
    memory: Mapping[str, Any]
    evolution: Mapping[str, Any]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    options = command_line.parse(Options, argv, prog="python -m training.pack")
    runs = read_runs(options)
    _check_place(options.out)
    with _replacing(options.out) as building:
        build(options, runs, building)
        verify(building)
    total = sum(path.stat().st_size for path in options.out.iterdir())
    print(f"{options.out}: {total / 1e6:.1f} MB, loaded and played {VERIFIED_STEPS} steps")
    return 0


def read_runs(options: Options) -> Runs:
    """Read the three results and check that each stage used the one before.

    Raises:
        TrainingError: a run is missing, unfinished or altered, or of other weights.
    """
    runs = Runs(
        read_result(options.vision, train_vision.STAGE),
        read_result(options.memory, train_memory.STAGE),
        read_result(options.evolution, evolve.STAGE),
    )
    vision = runs.vision["files"][VISION_WEIGHTS]
    memory = runs.memory["files"][MEMORY_WEIGHTS]
    if runs.memory["vision_sha256"] != vision:
        raise TrainingError(f"{options.memory} was trained with another V than {options.vision}")
    if (runs.evolution["vision_sha256"], runs.evolution["memory_sha256"]) != (vision, memory):
        raise TrainingError(
            f"{options.evolution} was evolved with other networks than {options.vision} and "
            f"{options.memory}: evolve again, or give the runs it used"
        )
    return runs


def _without_places(options: Mapping[str, Any]) -> dict[str, Any]:
    """A stage's options, of absolute paths the names alone: the rest tells of one machine."""

    def named(part: str) -> str:
        return Path(part).name if Path(part).is_absolute() else part

    return {
        name: ",".join(map(named, value.split(","))) if isinstance(value, str) else value
        for name, value in options.items()
    }


def build(options: Options, runs: Runs, folder: Path) -> None:
    """Write all files of a packed model."""
    vae = load_network(options.vision / VISION_WEIGHTS, VAE)
    memory = load_network(options.memory / MEMORY_WEIGHTS, MDNLSTM)
    export_networks(folder, vae, memory)
    save_networks(folder / NETWORKS, vae, memory)
    best = options.state == "best"
    state = options.evolution / evolve.BEST_MEAN if best else options.evolution
    for name in (EVOLUTION, EVOLUTION_ARRAYS):
        write_atomically(folder / name, (state / name).read_bytes())
    hall_of_fame = read_hall_of_fame(options.evolution, n_parameters(vae.spec.n_features))
    write_atomically(folder / HALL_OF_FAME, hall_of_fame_bytes(hall_of_fame))
    games = sorted({name.partition(":")[0] for name in runs.evolution["levels"]})
    training = {
        "state": options.state,
        "commit": runs.evolution["commit"],
        "seconds": {
            "train_vision": runs.vision["seconds"],
            "train_memory": runs.memory["seconds"],
            "evolve": runs.evolution["seconds"],
        },
        "options": {
            "train_vision": _without_places(runs.vision["options"]),
            "train_memory": _without_places(runs.memory["options"]),
            "evolve": _without_places(runs.evolution["options"]),
        },
    }
    card = write_card(vae.spec, runs.vision, runs.memory, runs.evolution, options.state)
    write_atomically(folder / MODEL_CARD, card.encode())
    write_manifest(folder, vae.spec, games=games, training=training)


def write_new_card(folder: Path, card: str) -> None:
    """Give a packed model another card; all else stays as it is, what it plays above all.

    Raises:
        PretrainedError: it is no packed model, or a damaged one.
    """
    packed = load(folder)
    with _replacing(folder) as building:
        shutil.copytree(folder, building, dirs_exist_ok=True)
        write_atomically(building / MODEL_CARD, card.encode())
        manifest = packed.manifest
        write_manifest(
            building, packed.spec, games=manifest["games"], training=manifest["training"]
        )
        load(building)


def verify(folder: Path) -> None:
    """Load a packed model as the agent does and play some steps on frames of noise.

    Raises:
        PretrainedError, EvolutionError, ModelError: it can't be used.
    """
    pretrained = load(folder)
    world_model, imagination = load_world_model(pretrained), Imagination(folder)
    evolution = Evolution.load(folder)
    random = np.random.default_rng(1)
    for parameters in (evolution.mean, evolution.ask()[0], *read_packed_hall_of_fame(pretrained)):
        controller = Controller(parameters)
        world_model.reset()
        for _ in range(VERIFIED_STEPS):
            frame = random.integers(0, 256, (224, 320, 3), np.uint8)
            action = controller.act(world_model.observe(frame))
            world_model.remember(action)
            imagination.see(frame)
            imagination.expect(action)


def _check_place(out: Path) -> None:
    if out.is_dir() and any(out.iterdir()) and not (out / MANIFEST).is_file():
        raise TrainingError(f"{out} holds files that are no packed model: give another --out")
    if out.exists() and not out.is_dir():
        raise TrainingError(f"{out} is a file: give a folder as --out")


@contextmanager
def _replacing(out: Path) -> Iterator[Path]:
    """An empty folder beside `out`, which takes its place if the block comes to its end."""
    building = out.parent / f".{out.name}.building"
    shutil.rmtree(building, ignore_errors=True)
    building.mkdir(parents=True)
    try:
        yield building
        _swap(building, out)
    finally:
        shutil.rmtree(building, ignore_errors=True)


def _swap(building: Path, out: Path) -> None:
    """Put the new folder in place; a crash in between leaves the old one beside it, whole."""
    old = out.parent / f".{out.name}.old"
    shutil.rmtree(old, ignore_errors=True)
    if out.exists():
        os.rename(out, old)
    os.rename(building, out)
    shutil.rmtree(old, ignore_errors=True)


if __name__ == "__main__":
    command_line.run(main)
