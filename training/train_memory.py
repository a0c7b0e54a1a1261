"""Trains M, the MDN-LSTM, to predict the next latent of a dataset's episodes.

V encodes each frame once, as a Gaussian, and each batch draws new latents from these Gaussians. All
reported metrics are measured on held-out episodes, and compared with the prediction that the latent
does not change.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from agent import command_line
from agent.command_line import option
from agent.command_line.ranges import COUNT, COUNT_OR_ZERO, PROCESSES, SEED
from training.data.dataset import Dataset
from training.data.held_out import refuse_held_out
from training.runs.devices import DEVICE_HELP, DEVICES, PRECISION_HELP, PRECISIONS, choose_device
from training.runs.run_folder import read_result, stage_run, write_result
from training.runs.stages import MEMORY_WEIGHTS, TRAIN_MEMORY, TRAIN_VISION, VISION_WEIGHTS


@dataclass(frozen=True)
class Options:
    """Train M, the MDN-LSTM, on latents. The same command resumes an interrupted run."""

    extra: ClassVar[str] = "train"
    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "debug": {"steps": 4, "batch": 2, "log_steps": 2, "eval_steps": 2, "checkpoint_steps": 2},
        "full": {"steps": 100_000, "batch": 64, "eval_steps": 2000, "checkpoint_steps": 1000},
    }

    data: str = option("dataset folders from training.collect, separated by commas")
    vision: Path = option("run folder of a finished training.train_vision")
    out: Path = option("run folder")
    start: Path | None = option(
        "initial weights: run folder of a finished train_memory, or a packed model; trained with "
        "the same V, or with the V that --vision started from [random weights]",
        None,
    )
    steps: int = option("total number of optimizer steps", 1000, within=COUNT)
    batch: int = option("batch size in sequences", 16, within=(1, 4096))
    learning_rate: float = option("AdamW learning rate", 1e-3, within=(1e-9, 1.0))
    weight_decay: float = option("AdamW weight decay", 0.0, within=(0.0, 100.0))
    expert_action_weight: float = option(
        "weight of the loss of predicting the expert's buttons", 10.0, within=(0.0, 1e6)
    )
    decay_steps: int = option(
        "number of final steps over which the learning rate decays linearly to 0; 0: no decay",
        0,
        within=COUNT_OR_ZERO,
    )
    log_steps: int = option("steps between two log entries", 20, within=COUNT)
    eval_steps: int = option(
        "steps between two evaluations on held-out episodes", 200, within=COUNT
    )
    checkpoint_steps: int = option("steps between two checkpoints", 100, within=COUNT)
    threads: int = option(
        "CPU threads; more than the number of free cores is slower", 2, within=PROCESSES
    )
    device: str = option(DEVICE_HELP, "cpu", choices=DEVICES)
    precision: str | None = option(PRECISION_HELP, None, choices=PRECISIONS)
    seed: int = option(
        "random seed of the initial weights, the batches and the latents", 1, within=SEED
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    options = command_line.parse(Options, argv, prog="python -m training.train_memory")
    # Imported here, because they import torch, which --help does not need.
    import torch

    from training.memory_trainer import MemoryTrainer
    from training.models.encode import encode_dataset
    from training.models.networks import MDNLSTM, VAE
    from training.models.weights import copy_weights, load_network, save_network
    from training.pictures.dreams import draw_dream
    from training.runs.loop import Schedule, train

    choose_device(options.device, options.precision)  # fails before any frame is read
    vision = read_result(options.vision, TRAIN_VISION)
    vae = load_network(options.vision / VISION_WEIGHTS, VAE)
    dataset = Dataset(options.data)
    refuse_held_out(episode.level for episode in dataset.episodes)
    if options.start is not None:
        copy_weights(options.start, MDNLSTM(vae.spec))  # fails before the folder is made
    with stage_run(TRAIN_MEMORY, options, free=("steps", "device", "precision")) as folder:
        torch.set_num_threads(options.threads)
        digest = vision["files"][VISION_WEIGHTS]
        device = choose_device(options.device, options.precision).torch_device
        training, held_out = encode_dataset(folder, dataset, vae.to(device), digest)
        trainer = MemoryTrainer(options, MDNLSTM(vae.spec), training, held_out)
        if options.start is not None:
            copy_weights(options.start, trainer.memory)
        schedule = Schedule.of(options)
        measured = train(folder, trainer.state, schedule, trainer.losses, trainer.evaluate)
        save_network(folder / MEMORY_WEIGHTS, trainer.memory)
        draw_dream(folder / "dream.png", vae.cpu(), trainer.memory.cpu(), dataset)
        write_result(
            folder,
            TRAIN_MEMORY,
            [MEMORY_WEIGHTS],
            steps=trainer.state.step,
            seconds=trainer.state.seconds,
            trained_on=trainer.device.describe(),
            vision_sha256=digest,
            data=dataset.summary(),
            held_out=measured,
        )
        print(f"{folder}: {trainer.state.step} steps, {_summary(measured)}")
    return 0


def _summary(measured: Mapping[str, Any]) -> str:
    accuracy = ""
    if measured["expert_action_accuracy_held_out"] is not None:
        accuracy = (
            ", all buttons of the expert predicted correctly in "
            f"{measured['expert_action_accuracy_held_out']:.0%} of steps"
        )
        if measured["expert_change_accuracy_held_out"] is not None:
            accuracy += (
                f" ({measured['expert_change_accuracy_held_out']:.0%} where it changes its action)"
            )
    return (
        f"held-out log-likelihood {-measured['nll_held_out']:.2f} nats per step (no change: "
        f"{-measured['nll_no_change_held_out']:.2f}), prediction error "
        f"{measured['prediction_error_held_out']:.3f} (no change: "
        f"{measured['prediction_error_no_change_held_out']:.3f}){accuracy}"
    )


if __name__ == "__main__":
    command_line.run(main)
