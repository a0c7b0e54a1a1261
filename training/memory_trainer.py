"""M in training: its optimizer, losses and evaluation, for `training.train_memory`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from training.data.latents import Sequences
from training.models.evaluation import evaluate_memory
from training.models.networks import MDNLSTM, expert_action_loss, mdn_loss
from training.runs.devices import choose_device
from training.runs.loop import TrainingState

if TYPE_CHECKING:
    from training.train_memory import Options

MAX_GRADIENT_NORM = 10.0  # gradients of the LSTM are clipped to this norm


class MemoryTrainer:
    """M with its optimizer, sequences, loss and evaluation."""

    def __init__(
        self, options: Options, memory: MDNLSTM, training: Sequences, held_out: Sequences
    ) -> None:
        """Reinitialise the weights, and create the optimizer.

        Args:
            options: options of the command.
            memory: network; its weights are overwritten.
            training: sequences to train on.
            held_out: sequences to evaluate on.
        """
        self.device = choose_device(options.device, options.precision)
        self.memory = memory.to(self.device.torch_device)
        self._options = options
        self._training, self._held_out = training, held_out
        self._usual_change = self.device.move(training.usual_change())
        torch.manual_seed(options.seed)
        for module in memory.children():
            module.reset_parameters()  # type: ignore[operator]
        self.state = TrainingState(
            memory,
            torch.optim.AdamW(
                memory.parameters(), options.learning_rate, weight_decay=options.weight_decay
            ),
            np.random.default_rng((options.seed, 1)),
            torch.Generator().manual_seed(options.seed),
            max_norm=MAX_GRADIENT_NORM,
        )

    def losses(self, state: TrainingState) -> Mapping[str, Tensor]:
        """Compute the losses of a random batch of sequences; `loss` is the one to minimise."""
        chosen = state.random.integers(len(self._training), size=self._options.batch)
        batch = self._training.batch(chosen, state.generator).apply(self.device.move)
        with self.device.autocast():
            hidden, _ = self.memory.unroll(batch.latents, batch.actions)
            nll = mdn_loss(self.memory.mixture(hidden), batch.targets, batch.mask)
            action_loss = expert_action_loss(
                self.memory.expert_action_logits(batch.latents, hidden), batch.expert_action
            )
        return {
            "loss": nll + self._options.expert_action_weight * action_loss,
            "nll": nll,
            "expert_action_loss": action_loss,
        }

    def evaluate(self) -> Mapping[str, Any]:
        """Measure on the held-out sequences: see `evaluate_memory`."""
        return evaluate_memory(self.memory, self._held_out, self._usual_change, self.device)
