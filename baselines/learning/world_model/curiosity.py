"""Curiosity: a reward for steps from which a world model learns.

Source: wassname's world-models-sonic-pytorch, 2018, after Schmidhuber's theory of curiosity. The
reward of a step is the drop of the world model's loss there through one update on the steps around
it, as a number of standard deviations above the mean, less the boredom. Without the boredom, the
source's agent stood still until it had learnt all of one picture.
"""

from __future__ import annotations

import copy

import numpy as np
import torch
from numpy.typing import NDArray
from stable_baselines3 import PPO
from stable_baselines3.common.buffers import RolloutBuffer
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.running_mean_std import RunningMeanStd

from baselines.learning.world_model.frame_memory import FrameMemory
from baselines.learning.world_model.learner import WorldModelLearner
from baselines.learning.world_model.loss import Sequences, joint_loss
from baselines.learning.world_model.networks import JointWorldModel
from baselines.learning.world_model.options import JointWorldModelOptions

TINY = 1e-12  # against a division by 0


class Curiosity(BaseCallback):
    """Adds the reward to each rollout, before PPO learns from it.

    A copy of the world model learns, so that the policy's inputs keep their meaning.
    """

    def __init__(
        self, model: JointWorldModel, memory: FrameMemory, options: JointWorldModelOptions
    ) -> None:
        """Copy the world model.

        Args:
            model: the world model.
            memory: memory of the only environment, with the last rollout at least.
            options: hyperparameters and random seed.
        """
        super().__init__()
        self._learner = WorldModelLearner(
            copy.deepcopy(model).requires_grad_(True), options.world_model_rate, options.seed
        )
        self._memory, self._options = memory, options
        self._drops = RunningMeanStd(epsilon=1e-20)  # begins with no drop, not with its guess

    def _on_step(self) -> bool:
        return True

    def _on_rollout_end(self) -> None:
        learner = self.model
        assert isinstance(learner, PPO) and isinstance(learner.rollout_buffer, RolloutBuffer)
        buffer = learner.rollout_buffer
        rewards = self.rewards(len(buffer.rewards))
        self.logger.record("curiosity/reward", float(rewards.mean()))
        buffer.rewards += rewards[:, None]
        buffer.compute_returns_and_advantage(self.locals["values"], self.locals["dones"])

    def rewards(self, steps: int) -> NDArray[np.float32]:
        """Learn from the last steps, and return the reward of each, (steps,)."""
        options = self._options
        length = np.gcd(options.sequence_steps, steps)
        sequences = self._memory.last(steps, int(length))
        drops = self._learn(sequences).T.reshape(-1)  # in the order of play
        self._drops.update(drops)
        return curiosity_reward(
            drops,
            float(self._drops.mean),
            float(np.sqrt(self._drops.var)),
            options.boredom,
            options.curiosity_weight,
        )

    def _learn(self, sequences: Sequences) -> NDArray[np.float32]:
        """Update with each part of the sequences; return the drops of the loss, (T, B)."""
        drops = []
        for part in sequences.split(self._options.sequences):
            before = self._loss(part)
            self._learner.update(part, self.num_timesteps)
            drops.append(before - self._loss(part))
        return np.concatenate(drops, 1)

    @torch.no_grad()
    def _loss(self, sequences: Sequences) -> NDArray[np.float32]:
        # Means instead of random latents, so that only the update changes the loss.
        return joint_loss(self._learner.model, sequences).total.numpy()


def curiosity_reward(
    drops: NDArray[np.float32], mean: float, deviation: float, boredom: float, weight: float
) -> NDArray[np.float32]:
    """Return the reward for drops of the loss.

    Args:
        drops: loss before an update minus the loss after it, of each step.
        mean: mean of all drops so far.
        deviation: their standard deviation.
        boredom: standard deviations above the mean at which the reward is 0.
        weight: weight of the reward.

    Returns:
        Rewards, of the shape of `drops`.
    """
    return np.asarray(weight * ((drops - mean) / (deviation + TINY) - boredom), np.float32)
