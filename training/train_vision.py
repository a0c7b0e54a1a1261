"""Trains V, the beta-VAE, on the frames of a dataset.

The frames are read and shrunk by the agent's own preprocessing into memory: all of them once, or
in turns (`--buffer-frames`). What is reported comes from held-out episodes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from agent import command_line
from agent.command_line import option
from agent.world_model.packed_model import PRESETS, ModelSpec
from training.data.dataset import Dataset
from training.data.frame_buffer import FrameBuffer
from training.data.frames import Frames, read_frames, sample_frames
from training.data.held_out import refuse_held_out
from training.data.shifts import draw_shifts, shifted
from training.models.error_weights import error_weights, player_box
from training.models.networks import VAE, expert_action_loss
from training.models.weights import VISION_WEIGHTS, copy_weights, save_network
from training.pictures.rows import to_pixels, write_rows
from training.runs.devices import DEVICE_HELP, DEVICES, PRECISION_HELP, PRECISIONS, choose_place
from training.runs.loop import Learner, Schedule, learn, use_threads
from training.runs.resume import TrainingError
from training.runs.run_folder import stage_run, write_result

STAGE = "train_vision"
EVALUATED_FRAMES = 512
PICTURED_FRAMES = 10
ACTIVE_VARIANCE = 0.01  # of mu over frames: a dimension with more carries something


@dataclass(frozen=True)
class Options:
    """Train V, the beta-VAE: frames to latents. The same command continues where it stopped."""

    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "debug": {"steps": 4, "batch": 8, "log_steps": 2, "eval_steps": 2, "checkpoint_steps": 2},
        "full": {"steps": 400_000, "batch": 300, "eval_steps": 5000, "checkpoint_steps": 2000},
    }

    data: str = option("dataset folders made by training.collect, separated by commas")
    out: Path = option("run folder")
    start: Path | None = option(
        "run folder of a finished train_vision, or packed model, of the same --model; its "
        "weights are where this begins",
        None,
    )
    model: str = option("sizes of the model", "compact", choices=sorted(PRESETS))
    steps: int = option("steps of the optimizer, in all", 6000)
    batch: int = option("frames a step", 64)
    painted: int | None = option(
        "of a batch's frames so many are decoded, where most of a step's time goes; all of them "
        "teach what tells an expert's buttons. Left out: all",
        None,
    )
    shift: int = option(
        "each frame of a batch is moved by so many pixels at most, down or up and right or left, "
        "so that what is learnt holds for more than the frames that there are",
        0,
    )
    learning_rate: float = option("of Adam", 1e-3)
    beta: float = option(
        "weight of the KL divergence for 128 x 128 frames; a smaller frame has fewer pixels to "
        "weigh it against, so it is scaled by the number of pixels",
        4.0,
    )
    free_nats: float = option("KL divergence that each latent dimension has for free", 0.0)
    player_weight: float = option(
        "what an error costs around the player, where the data tells its place; 1: as elsewhere",
        8.0,
    )
    expert_action_weight: float = option(
        "weight of telling an expert's buttons from the latent, where the data has advice; 0: none",
        20.0,
    )
    decay_steps: int = option(
        "over so many steps, the last ones, the learning rate falls to nothing; 0: it stays", 0
    )
    buffer_frames: int | None = option(
        "frames in memory at once: of a larger dataset, or one that grows, whole episodes take "
        "turns. Left out: all that there are at the start",
        None,
    )
    refresh_epochs: float = option("passes over that buffer until a share of it is replaced", 3.0)
    refresh_share: float = option("share of that buffer that is replaced then", 0.07)
    log_steps: int = option("steps between two lines of metrics", 50)
    eval_steps: int = option("steps between two evaluations on held-out frames", 1000)
    checkpoint_steps: int = option("steps between two checkpoints", 500)
    threads: int = option("threads to compute on; more than there are free cores slows it down", 2)
    device: str = option(DEVICE_HELP, "cpu", choices=DEVICES)
    precision: str | None = option(PRECISION_HELP, None, choices=PRECISIONS)
    seed: int = option("of weights, batches and latents", 1)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    options = command_line.parse(Options, argv, prog="python -m training.train_vision")
    _check(options)
    spec = PRESETS[options.model]
    dataset = read_dataset(options.data)
    with stage_run(STAGE, options, free=("steps", "device", "precision")) as folder:
        use_threads(options.threads)
        held_out = sample_frames(dataset.held_out, spec, EVALUATED_FRAMES)
        trainer = Trainer(options, spec, training_frames(options, dataset, spec), held_out)
        if options.start is not None:
            copy_weights(options.start, trainer.vae)
        measured = learn(
            folder, trainer.learner, Schedule.of(options), trainer.losses, trainer.evaluate
        )
        save_network(folder / VISION_WEIGHTS, trainer.vae)
        trainer.draw(folder / "reconstructions.png")
        write_result(
            folder,
            STAGE,
            [VISION_WEIGHTS],
            steps=trainer.learner.step,
            seconds=trainer.learner.seconds,
            trained_on=trainer.place.describe(),
            beta=trainer.beta,
            data=dataset.summary(),
            held_out=measured,
        )
        print(f"{folder}: {trainer.learner.step} steps, {_summary(measured)}")
    return 0


def read_dataset(folders: str) -> Dataset:
    """A dataset to learn from: as it is now, and without a level that is kept for measuring.

    Raises:
        DataError, TrainingError: it is none.
    """
    dataset = Dataset(folders)
    refuse_held_out(episode.level for episode in dataset.episodes)
    return dataset


def training_frames(options: Options, dataset: Dataset, spec: ModelSpec) -> Frames | FrameBuffer:
    """All frames to train on, read; or a buffer that reads some of them after others."""
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


class Trainer:
    """V, its frames, its loss and its measures."""

    def __init__(
        self,
        options: Options,
        spec: ModelSpec,
        training: Frames | FrameBuffer,
        held_out: Frames,
    ) -> None:
        """Take the frames to train on and to measure with."""
        self.place = choose_place(options.device, options.precision)
        torch.manual_seed(options.seed)
        self.vae = VAE(spec).to(self.place.device)
        self.beta = options.beta * (spec.frame_size / 128) ** 2
        self._options = options
        self._training, self._held_out = training, held_out
        self.learner = Learner(
            self.vae,
            torch.optim.Adam(self.vae.parameters(), options.learning_rate),
            np.random.default_rng((options.seed, 1)),
            torch.Generator().manual_seed(options.seed),
            max_norm=float("inf"),  # Adam takes the sums over pixels as they are
            source=training if isinstance(training, FrameBuffer) else None,
        )

    def losses(self, learner: Learner) -> Mapping[str, Tensor]:
        """The loss of a batch of frames drawn at random."""
        options, move = self._options, self.place.move
        batch = self._training.draw(learner.random, options.batch)
        pixels, advised = (
            move(torch.from_numpy(batch.pixels)),
            torch.from_numpy(batch.expert_action),
        )
        weights = error_weights(batch, self.vae.spec.frame_size, options.player_weight)
        if options.shift:
            shifts = draw_shifts(learner.random, options.batch, options.shift)
            pixels = shifted(pixels, shifts)
            weights = None if weights is None else shifted(weights, shifts)
        with self.place.autocast():
            loss = self.vae.loss(
                pixels,
                beta=self.beta,
                free_nats=options.free_nats,
                weights=None if weights is None else move(weights),
                painted=options.painted,
                generator=learner.generator,
            )
            expert_action = expert_action_loss(
                self.vae.expert_action_logits(loss.mu), move(advised)
            )
        total = loss.total + options.expert_action_weight * expert_action
        return {
            "loss": total,
            "reconstruction": loss.reconstruction,
            "kl": loss.kl,
            "expert_action": expert_action,
        }

    @torch.no_grad()
    def evaluate(self) -> Mapping[str, Any]:
        """Measure on held-out frames, with the latent's mean.

        Returns:
            reconstruction_held_out: binary cross-entropy in nats a frame; floor_held_out: what
            a perfect copy has, for a grey pixel costs even when it is right; error_held_out:
            root mean square of the pixels' errors, of 255; player_error_held_out: the same
            around the player, and player_blank_held_out: what a flat patch of the mean colour
            has there (both None where no place is known); kl_held_out and its dimensions;
            active_dimensions: those whose mean varies over frames; expert_action_held_out: nats a
            frame of an expert's buttons told from the latent.
        """
        self.vae.eval()
        move = self.place.move
        pixels = move(torch.from_numpy(self._held_out.pixels))
        mu, log_variance = encode(self.vae, pixels)
        targets = pixels.float() / 255
        logits = torch.cat([self.vae.decode_logits(part) for part in torch.split(mu, 64)])
        entropy = functional.binary_cross_entropy(targets, targets, reduction="sum")
        cost = functional.binary_cross_entropy_with_logits(logits, targets, reduction="sum")
        squares = (torch.sigmoid(logits) - targets).square().mean(3)  # (N, S, S)
        around, blank = self._player_errors(torch.sigmoid(logits), targets)
        expert_action = expert_action_loss(
            self.vae.expert_action_logits(mu), move(torch.from_numpy(self._held_out.expert_action))
        )
        kl = (0.5 * (mu**2 + log_variance.exp() - 1 - log_variance)).mean(0)
        return {
            "reconstruction_held_out": float(cost) / len(targets),
            "floor_held_out": float(entropy) / len(targets),
            "error_held_out": float(squares.mean().sqrt()) * 255,
            "player_error_held_out": around,
            "player_blank_held_out": blank,
            "expert_action_held_out": float(expert_action),
            "kl_held_out": float(kl.sum()),
            "active_dimensions": int((mu.var(0) > ACTIVE_VARIANCE).sum()),
            "kl_by_dimension": [round(value, 4) for value in kl.tolist()],
        }

    def _player_errors(self, decoded: Tensor, targets: Tensor) -> tuple[float | None, float | None]:
        """Root mean square errors, of 255, in the boxes around the player: V's, a flat patch's."""
        errors, blanks = [], []
        for player, seen, frame in zip(self._held_out.player, decoded, targets, strict=True):
            if player[0] < 0:
                continue
            rows, columns = player_box(player, self.vae.spec.frame_size)
            patch = frame[rows, columns]
            errors.append(float((seen[rows, columns] - patch).square().mean()))
            blanks.append(float((patch.mean((0, 1)) - patch).square().mean()))
        if not errors:
            return None, None
        return float(np.mean(errors)) ** 0.5 * 255, float(np.mean(blanks)) ** 0.5 * 255

    @torch.no_grad()
    def draw(self, path: Path) -> None:
        """Write a picture: held-out frames, and below each its reconstruction."""
        places = np.linspace(0, len(self._held_out.pixels) - 1, PICTURED_FRAMES).astype(int)
        frames = torch.from_numpy(self._held_out.pixels[places])
        decoded = self.vae.decode(self.vae.encode(self.place.move(frames))[0])
        rows = [frames.numpy(), to_pixels(decoded.cpu().numpy())]
        write_rows(path, rows, labels=["frame", "reconstruction"])


@torch.no_grad()
def encode(vae: VAE, frames: Tensor, batch: int = 256) -> tuple[Tensor, Tensor]:
    """Encode frames, uint8 (N, S, S, 3), in batches: (mu, log variance), (N, Z) each."""
    parts = [vae.encode(part) for part in torch.split(frames, batch)]
    return torch.cat([mu for mu, _ in parts]), torch.cat([variance for _, variance in parts])


def _check(options: Options) -> None:
    numbers = (
        options.steps,
        options.batch,
        options.log_steps,
        options.eval_steps,
        options.checkpoint_steps,
    )
    if min(numbers) < 1 or not options.learning_rate > 0:
        raise TrainingError("steps, batch, the intervals and the learning rate must be positive")
    if min(options.beta, options.free_nats, options.expert_action_weight, options.decay_steps) < 0:
        raise TrainingError("beta, free nats, weight of expert_action and decay must be 0 or more")
    if options.painted is not None and not 1 <= options.painted <= options.batch:
        raise TrainingError(f"--painted is {options.painted}: give 1 to {options.batch}")
    size = PRESETS[options.model].frame_size
    if not 0 <= options.shift < size:
        raise TrainingError(f"--shift is {options.shift}: give 0 to {size - 1} pixels")
    if options.buffer_frames is not None and options.buffer_frames < 1:
        raise TrainingError(f"a buffer of {options.buffer_frames} frames: give 1 or more")
    if not (options.refresh_epochs > 0 and 0 < options.refresh_share <= 1):
        raise TrainingError("give more than 0 epochs, and a share above 0 and up to 1")
    if not options.player_weight > 0:
        raise TrainingError(f"--player-weight is {options.player_weight}: give more than 0")
    choose_place(options.device, options.precision)  # said before any frame is read


def _summary(measured: Mapping[str, Any]) -> str:
    player = ""
    if measured["player_error_held_out"] is not None:
        player = (
            f", around the player {measured['player_error_held_out']:.1f} (a flat patch "
            f"{measured['player_blank_held_out']:.1f})"
        )
    return (
        f"held-out reconstruction {measured['reconstruction_held_out']:.1f} nats (a perfect copy "
        f"{measured['floor_held_out']:.1f}), error {measured['error_held_out']:.1f} of 255{player}"
        f", KL {measured['kl_held_out']:.1f}, {measured['active_dimensions']} active dimensions"
    )


if __name__ == "__main__":
    command_line.run(main)
