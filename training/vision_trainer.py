"""V in training: its optimizer, losses, evaluation and a picture, for `training.train_vision`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from agent.world_model.packed_model import ModelSpec
from training.data.frame_buffer import FrameBuffer
from training.data.frames import Frames
from training.data.shifts import draw_shifts, shifted
from training.models.error_weights import error_weights
from training.models.evaluation import evaluate_vision
from training.models.networks import VAE, expert_action_loss
from training.pictures.rows import to_pixels, write_rows
from training.runs.devices import choose_device
from training.runs.loop import TrainingState

if TYPE_CHECKING:
    from training.train_vision import Options

PICTURED_FRAMES = 10


class VisionTrainer:
    """V with its optimizer, frames, loss and evaluation."""

    def __init__(
        self,
        options: Options,
        spec: ModelSpec,
        training: Frames | FrameBuffer,
        held_out: Frames,
    ) -> None:
        """Initialise the weights and the optimizer.

        Args:
            options: options of the command.
            spec: sizes of the networks.
            training: frames to train on.
            held_out: frames to evaluate on.
        """
        self.device = choose_device(options.device, options.precision)
        torch.manual_seed(options.seed)
        self.vae = VAE(spec).to(self.device.torch_device)
        self.beta = options.beta * (spec.frame_size / 128) ** 2
        self._options = options
        self._training, self._held_out = training, held_out
        self.state = TrainingState(
            self.vae,
            torch.optim.Adam(self.vae.parameters(), options.learning_rate),
            np.random.default_rng((options.seed, 1)),
            torch.Generator().manual_seed(options.seed),
            max_norm=float("inf"),  # the loss sums over pixels: its gradients are not clipped
            source=training if isinstance(training, FrameBuffer) else None,
        )

    def losses(self, state: TrainingState) -> Mapping[str, Tensor]:
        """Compute the losses of a random batch of frames; `loss` is the one to minimise."""
        options, move = self._options, self.device.move
        batch = self._training.draw(state.random, options.batch)
        pixels = move(torch.from_numpy(batch.pixels))
        expert_action = torch.from_numpy(batch.expert_action)
        weights = error_weights(batch.player, self.vae.spec.frame_size, options.player_weight)
        if options.shift:
            shifts = draw_shifts(state.random, options.batch, options.shift)
            pixels = shifted(pixels, shifts)
            weights = None if weights is None else shifted(weights, shifts)
        with self.device.autocast():
            loss = self.vae.loss(
                pixels,
                beta=self.beta,
                weights=None if weights is None else move(weights),
                decoded_frames=options.decoded_frames,
                generator=state.generator,
            )
            action_loss = expert_action_loss(
                self.vae.expert_action_logits(loss.mu), move(expert_action)
            )
        return {
            "loss": loss.total + options.expert_action_weight * action_loss,
            "reconstruction_loss": loss.reconstruction,
            "kl": loss.kl,
            "expert_action_loss": action_loss,
        }

    def evaluate(self) -> Mapping[str, Any]:
        """Measure on the held-out frames: see `evaluate_vision`."""
        return evaluate_vision(self.vae, self._held_out, self.device)

    @torch.no_grad()
    def draw(self, path: Path) -> None:
        """Write a PNG of held-out frames and, in a second row, their reconstructions."""
        chosen = np.linspace(0, len(self._held_out.pixels) - 1, PICTURED_FRAMES).astype(int)
        frames = torch.from_numpy(self._held_out.pixels[chosen])
        decoded = self.vae.decode(self.vae.encode(self.device.move(frames))[0])
        rows = [frames.numpy(), to_pixels(decoded.cpu().numpy())]
        write_rows(path, rows, labels=["frame", "reconstruction"])
