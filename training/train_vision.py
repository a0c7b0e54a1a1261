"""Trains V, the beta-VAE, on the frames of a dataset.

The frames are preprocessed as in the agent and kept in memory: all of them, or a part that is
exchanged during training (`--buffer-frames`). All reported metrics are measured on held-out
episodes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from agent import command_line
from agent.command_line import option
from agent.command_line.ranges import COUNT, COUNT_OR_ZERO, PROCESSES, SEED
from agent.world_model.packed_model import PRESETS, ModelSpec
from training.data.dataset import Dataset
from training.data.frame_buffer import FrameBuffer
from training.data.frames import Frames, read_frames, sample_frames
from training.data.held_out import refuse_held_out
from training.runs.devices import DEVICE_HELP, DEVICES, PRECISION_HELP, PRECISIONS, choose_device
from training.runs.resume import TrainingError
from training.runs.run_folder import stage_run, write_result
from training.runs.stages import TRAIN_VISION, VISION_WEIGHTS

EVALUATED_FRAMES = 512


@dataclass(frozen=True)
class Options:
    """Train V, the beta-VAE: frames to latents. The same command resumes an interrupted run."""

    extra: ClassVar[str] = "train"
    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "debug": {"steps": 4, "batch": 8, "log_steps": 2, "eval_steps": 2, "checkpoint_steps": 2},
        "full": {"steps": 400_000, "batch": 300, "eval_steps": 5000, "checkpoint_steps": 2000},
    }

    data: str = option("dataset folders from training.collect, separated by commas")
    out: Path = option("run folder")
    start: Path | None = option(
        "initial weights: run folder of a finished train_vision, or a packed model, with the same "
        "--model [random weights]",
        None,
    )
    model: str = option("sizes of the networks", "compact", choices=sorted(PRESETS))
    steps: int = option("total number of optimizer steps", 6000, within=COUNT)
    batch: int = option("batch size in frames", 64, within=(1, 65_536))
    decoded_frames: int | None = option(
        "number of frames of each batch that are decoded; decoding takes most of a step's time. "
        "The expert-action loss uses the whole batch [all]",
        None,
        within=COUNT,
    )
    shift: int = option(
        "random shift of each frame, at most this many pixels in each direction "
        "(data augmentation of Kostrikov et al. 2021)",
        0,
        within=(0, 127),
    )
    learning_rate: float = option("Adam learning rate", 1e-3, within=(1e-9, 1.0))
    beta: float = option(
        "weight of the KL divergence for 128 x 128 frames (Higgins et al. 2017); it is scaled by "
        "the number of pixels for other sizes",
        4.0,
        within=(0.0, 1e6),
    )
    player_weight: float = option(
        "weight of the reconstruction error around the player; other pixels weigh 1",
        8.0,
        within=(1e-6, 1e6),
    )
    expert_action_weight: float = option(
        "weight of the loss of predicting the expert's buttons from the latent",
        20.0,
        within=(0.0, 1e6),
    )
    decay_steps: int = option(
        "number of final steps over which the learning rate decays linearly to 0; 0: no decay",
        0,
        within=COUNT_OR_ZERO,
    )
    buffer_frames: int | None = option(
        "maximum number of frames in memory; episodes of a larger or growing dataset are rotated "
        "through this buffer [the whole dataset]",
        None,
        within=COUNT,
    )
    refresh_epochs: float = option(
        "passes over the buffer between two replacements", 3.0, within=(0.001, 1e6)
    )
    refresh_share: float = option(
        "share of the buffer that is replaced each time", 0.07, within=(0.0001, 1.0)
    )
    log_steps: int = option("steps between two log entries", 50, within=COUNT)
    eval_steps: int = option("steps between two evaluations on held-out frames", 1000, within=COUNT)
    checkpoint_steps: int = option("steps between two checkpoints", 500, within=COUNT)
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
    options = command_line.parse(Options, argv, prog="python -m training.train_vision")
    # Imported here, because they import torch, which --help does not need.
    import torch

    from training.models.networks import VAE
    from training.models.weights import copy_weights, save_network
    from training.runs.loop import Schedule, train
    from training.vision_trainer import VisionTrainer

    _check(options)
    spec = PRESETS[options.model]
    dataset = read_dataset(options.data)
    if options.start is not None:
        copy_weights(options.start, VAE(spec))  # fails before the folder is made
    with stage_run(TRAIN_VISION, options, free=("steps", "device", "precision")) as folder:
        torch.set_num_threads(options.threads)
        held_out = sample_frames(dataset.held_out, spec, EVALUATED_FRAMES)
        trainer = VisionTrainer(options, spec, training_frames(options, dataset, spec), held_out)
        if options.start is not None:
            copy_weights(options.start, trainer.vae)
        schedule = Schedule.of(options)
        measured = train(folder, trainer.state, schedule, trainer.losses, trainer.evaluate)
        save_network(folder / VISION_WEIGHTS, trainer.vae)
        trainer.draw(folder / "reconstructions.png")
        write_result(
            folder,
            TRAIN_VISION,
            [VISION_WEIGHTS],
            steps=trainer.state.step,
            seconds=trainer.state.seconds,
            trained_on=trainer.device.describe(),
            beta=trainer.beta,
            data=dataset.summary(),
            held_out=measured,
        )
        print(f"{folder}: {trainer.state.step} steps, {_summary(measured)}")
    return 0


def read_dataset(folders: str) -> Dataset:
    """Read the list of episodes to train on.

    Args:
        folders: dataset folders, separated by commas.

    Raises:
        DataError: a folder is not a dataset, or holds too few episodes.
        TrainingError: an episode is of a level that is reserved for evaluation.
    """
    dataset = Dataset(folders)
    refuse_held_out(episode.level for episode in dataset.episodes)
    return dataset


def training_frames(options: Options, dataset: Dataset, spec: ModelSpec) -> Frames | FrameBuffer:
    """Return all training frames, or a buffer that holds `--buffer-frames` of them at a time."""
    if options.buffer_frames is None:
        return read_frames(dataset.training, spec)
    return FrameBuffer(
        lambda: read_dataset(options.data).training,
        spec,
        frames=options.buffer_frames,
        epochs=options.refresh_epochs,
        share=options.refresh_share,
        seed=options.seed,
    )


def _check(options: Options) -> None:
    decoded, size = options.decoded_frames, PRESETS[options.model].frame_size
    if decoded is not None and decoded > options.batch:
        raise TrainingError(
            f"--decoded-frames is {decoded}: use 1 to {options.batch}, the batch size"
        )
    if options.shift >= size:
        raise TrainingError(f"--shift is {options.shift}: use 0 to {size - 1} pixels")
    choose_device(options.device, options.precision)  # fails before any frame is read


def _summary(measured: Mapping[str, Any]) -> str:
    player = ""
    if measured["player_error_held_out"] is not None:
        player = (
            f", {measured['player_error_held_out']:.1f} around the player (flat patch: "
            f"{measured['player_flat_error_held_out']:.1f})"
        )
    return (
        f"held-out reconstruction loss {measured['reconstruction_loss_held_out']:.1f} nats "
        f"(perfect copy: {measured['perfect_copy_loss_held_out']:.1f}), pixel error "
        f"{measured['reconstruction_error_held_out']:.1f} of 255{player}, "
        f"KL divergence {measured['kl_held_out']:.1f} nats, "
        f"{measured['active_dimensions']} active latent dimensions"
    )


if __name__ == "__main__":
    command_line.run(main)
