"""Packs V, M and C into the folder that the agent plays from.

The model is built in a temporary folder, and loaded and run there for some steps. Only then is the
folder renamed. With --replace, it replaces an earlier model.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from agent import command_line
from agent.command_line import option
from agent.evolution.cma_es import Evolution
from agent.evolution.hall_of_fame import hall_of_fame_bytes
from agent.evolution.hall_of_fame import read_hall_of_fame as read_packed_hall_of_fame
from agent.files import replacing_folder, write_atomically
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
from arena.environment.levels import Level
from arena.replay.decoded_views import DecodedViews
from training.model_card import write_card
from training.runs.resume import TrainingError
from training.runs.run_folder import read_result
from training.runs.stages import (
    EVOLVE,
    MEMORY_WEIGHTS,
    TRAIN_MEMORY,
    TRAIN_VISION,
    VISION_WEIGHTS,
)
from training.search.history import read_hall_of_fame
from training.search.search import BEST_MEAN

VERIFIED_STEPS = 20


@dataclass(frozen=True)
class Options:
    """Pack the results of training into the folder that the agent plays from."""

    extra: ClassVar[str] = "train"

    vision: Path = option("run folder of a finished training.train_vision")
    memory: Path = option("run folder of a finished training.train_memory")
    evolution: Path = option("run folder of a finished training.evolve")
    out: Path = option("folder of the packed model")
    replace: bool = option("replace the model that --out contains", False)
    state: str = option(
        "evolution state to pack: best (highest score of the distribution's mean) or last",
        "best",
        choices=("best", "last"),
    )


@dataclass(frozen=True)
class StageResults:
    """Results of the three stages, checked to belong together."""

    vision: Mapping[str, Any]
    memory: Mapping[str, Any]
    evolution: Mapping[str, Any]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    options = command_line.parse(Options, argv, prog="python -m training.pack")
    _check_out(options)
    results = read_results(options)
    with replacing_folder(options.out) as building:
        build(options, results, building)
        verify(building)
    total = sum(path.stat().st_size for path in options.out.iterdir())
    print(f"{options.out}: {total / 1e6:.1f} MB, verified for {VERIFIED_STEPS} steps")
    return 0


def read_results(options: Options) -> StageResults:
    """Read the three results and check that each stage used the networks of the stage before.

    Raises:
        TrainingError: a run is missing, unfinished, altered, or used other networks.
    """
    results = StageResults(
        read_result(options.vision, TRAIN_VISION),
        read_result(options.memory, TRAIN_MEMORY),
        read_result(options.evolution, EVOLVE),
    )
    vision = results.vision["files"][VISION_WEIGHTS]
    memory = results.memory["files"][MEMORY_WEIGHTS]
    if results.memory["vision_sha256"] != vision:
        raise TrainingError(
            f"{options.memory} was trained with another V than {options.vision}. Use the --vision "
            "that it was trained with"
        )
    if (results.evolution["vision_sha256"], results.evolution["memory_sha256"]) != (vision, memory):
        raise TrainingError(
            f"{options.evolution} was evolved with other networks than {options.vision} and "
            f"{options.memory}. Use the runs that it was evolved with, or evolve again"
        )
    return results


def _without_folders(options: Mapping[str, Any]) -> dict[str, Any]:
    """Shorten absolute paths to their last part, because the rest differs between machines."""

    def shorten(part: str) -> str:
        return Path(part).name if Path(part).is_absolute() else part

    return {
        name: ",".join(map(shorten, value.split(","))) if isinstance(value, str) else value
        for name, value in options.items()
    }


def build(options: Options, results: StageResults, folder: Path) -> None:
    """Write all files of a packed model.

    Args:
        options: options of the command.
        results: results of the stages.
        folder: empty folder.
    """
    # Imported here, because they import torch, which --help does not need.
    from training.models.checkpoint import save_networks
    from training.models.export import export_networks
    from training.models.networks import MDNLSTM, VAE
    from training.models.weights import load_network

    vae = load_network(options.vision / VISION_WEIGHTS, VAE)
    memory = load_network(options.memory / MEMORY_WEIGHTS, MDNLSTM)
    export_networks(folder, vae, memory)
    save_networks(folder / NETWORKS, vae, memory)
    best = options.state == "best"
    state = options.evolution / BEST_MEAN if best else options.evolution
    for name in (EVOLUTION, EVOLUTION_ARRAYS):
        write_atomically(folder / name, (state / name).read_bytes())
    hall_of_fame = read_hall_of_fame(options.evolution, n_parameters(vae.spec.n_features))
    write_atomically(folder / HALL_OF_FAME, hall_of_fame_bytes(hall_of_fame))
    levels = (*results.vision["data"]["levels"], *results.memory["data"]["levels"])
    games = sorted({Level.parse(name).game for name in (*levels, *results.evolution["levels"])})
    record = _training_record(options.state, results)
    card = write_card(vae.spec, results.vision, results.memory, results.evolution, options.state)
    write_atomically(folder / MODEL_CARD, card.encode())
    write_manifest(folder, vae.spec, games=games, training=record)


def _training_record(state: str, results: StageResults) -> dict[str, Any]:
    """Return the manifest's entry about the training: options, times, and commit."""
    return {
        "state": state,
        "commit": results.evolution["commit"],
        "seconds": {
            TRAIN_VISION: results.vision["seconds"],
            TRAIN_MEMORY: results.memory["seconds"],
            EVOLVE: results.evolution["seconds"],
        },
        "options": {
            TRAIN_VISION: _without_folders(results.vision["options"]),
            TRAIN_MEMORY: _without_folders(results.memory["options"]),
            EVOLVE: _without_folders(results.evolution["options"]),
        },
    }


def write_new_card(folder: Path, card: str) -> None:
    """Replace the card of a packed model, and its entry in the manifest; nothing else changes.

    Args:
        folder: folder of the packed model.
        card: text of the new card.

    Raises:
        PackedModelError: the folder holds no packed model, or a damaged one.
    """
    packed = load(folder)
    with replacing_folder(folder) as building:
        shutil.copytree(folder, building, dirs_exist_ok=True)
        write_atomically(building / MODEL_CARD, card.encode())
        manifest = packed.manifest
        write_manifest(
            building, packed.spec, games=manifest["games"], training=manifest["training"]
        )
        load(building)


def verify(folder: Path) -> None:
    """Load a packed model as the agent does, and play some steps on random frames.

    Raises:
        PackedModelError, EvolutionError, ModelError: the model can't be used.
    """
    pretrained = load(folder)
    world_model, views = load_world_model(pretrained), DecodedViews(folder)
    evolution = Evolution.load(folder)
    random = np.random.default_rng(1)
    for parameters in (evolution.mean, evolution.ask()[0], *read_packed_hall_of_fame(pretrained)):
        controller = Controller(parameters)
        world_model.reset()
        for _ in range(VERIFIED_STEPS):
            frame = random.integers(0, 256, (224, 320, 3), np.uint8)
            action = controller.act(world_model.observe(frame))
            world_model.remember(action)
            views.reconstruct(frame)
            views.predict(action)


def _check_out(options: Options) -> None:
    out = options.out
    if out.exists() and not out.is_dir():
        raise TrainingError(f"{out} is a file. Use a folder as --out")
    if (out / MANIFEST).exists() and not options.replace:
        raise TrainingError(
            f"{out} contains a packed model. Use another --out, or --replace to replace it"
        )
    if out.is_dir() and any(out.iterdir()) and not (out / MANIFEST).is_file():
        raise TrainingError(
            f"{out} holds files that do not belong to a packed model. Use another --out"
        )


if __name__ == "__main__":
    command_line.run(main)
