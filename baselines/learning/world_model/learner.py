"""Trains the joint world model on sequences of play."""

from __future__ import annotations

import torch

from baselines.learning.weights import DivergedError
from baselines.learning.world_model.loss import Sequences, StepLosses, joint_loss
from baselines.learning.world_model.networks import JointWorldModel


class WorldModelLearner:
    """A world model with its optimiser and the random generator of its latents."""

    def __init__(self, model: JointWorldModel, learning_rate: float, seed: int) -> None:
        """Make an optimiser.

        Args:
            model: the world model.
            learning_rate: learning rate of Adam.
            seed: random seed of the latents.
        """
        self.model = model
        self.adam = torch.optim.Adam(model.parameters(), learning_rate)
        self._generator = torch.Generator().manual_seed(seed)

    def update(self, sequences: Sequences, timesteps: int) -> StepLosses:
        """Learn from sequences once, and return the losses before that.

        Args:
            sequences: what to learn from.
            timesteps: timesteps of training so far, which the error names.

        Raises:
            DivergedError: the loss is not finite; nothing was learnt.
        """
        losses = joint_loss(self.model, sequences, self._generator)
        total = losses.total.mean()
        if not bool(torch.isfinite(total)):
            raise DivergedError(timesteps, "--world-model-rate")
        self.adam.zero_grad()
        total.backward()  # type: ignore[no-untyped-call]
        self.adam.step()
        return losses
