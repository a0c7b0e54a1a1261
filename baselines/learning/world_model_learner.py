"""Trains the joint world model on sequences of play."""

from __future__ import annotations

import torch

from agent.errors import UserError
from baselines.learning.world_model_loss import Sequences, StepLosses, joint_loss
from baselines.learning.world_model_networks import JointWorldModel


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

    def update(self, sequences: Sequences) -> StepLosses:
        """Learn from sequences once, and return the losses before that.

        Raises:
            UserError: the loss is not finite; nothing was learnt.
        """
        losses = joint_loss(self.model, sequences, self._generator)
        total = losses.total.mean()
        if not bool(torch.isfinite(total)):
            raise UserError(
                "training diverged: the loss of the world model is not finite. Lower its learning"
                " rate (--world-model-rate)"
            )
        self.adam.zero_grad()
        total.backward()  # type: ignore[no-untyped-call]
        self.adam.step()
        return losses
