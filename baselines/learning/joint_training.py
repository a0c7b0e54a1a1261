"""Joint training: PPO on many levels at once, with checkpoints, on several emulators."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gymnasium as gym
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.vec_env import SubprocVecEnv, VecMonitor

from agent.errors import UserError
from arena.environment.gymnasium_env import LevelsEnv
from arena.environment.levels import Level
from baselines.learning.contest_wrappers import wrap
from baselines.learning.ppo import make_learner
from baselines.learning.ppo_options import PpoOptions
from baselines.learning.pretraining import CHECKPOINT, TENSORBOARD, Clock, Trained, weights_path
from baselines.learning.weights import load_training, save_training, save_weights


def train(
    agent: PpoOptions, levels: Sequence[Level], folder: Path, steps: int, envs: int, seed: int
) -> Trained:
    """Train until the timesteps are used, resuming from the folder's checkpoint.

    A resumed training has the weights and the optimiser of the checkpoint, but begins new episodes.

    Args:
        agent: hyperparameters.
        levels: levels of one game; each episode draws one.
        folder: folder of the run.
        steps: total timesteps.
        envs: number of emulators.
        seed: random seed.

    Raises:
        UserError: the training diverged, or the checkpoint belongs to another network.
    """
    torch.set_num_threads(1)
    vector = VecMonitor(SubprocVecEnv([_Maker(tuple(levels), agent)] * envs))
    try:
        learner = make_learner(agent, vector, seed, tensorboard_log=str(folder / TENSORBOARD))
        checkpoint = folder / CHECKPOINT
        done, seconds = 0, 0.0
        if checkpoint.exists():
            done, seconds = load_training(learner.policy, learner.policy.optimizer, checkpoint)
        clock = Clock(seconds)
        vector.seed(seed + done)
        learner.num_timesteps = done
        if done < steps:
            learn(learner, steps, folder, clock)
    finally:
        vector.close()
    weights = weights_path(folder, agent)
    save_weights(learner.policy, weights)
    return Trained(weights, learner.num_timesteps, clock.seconds)


class Checkpoints(BaseCallback):
    """Writes a checkpoint after each update, and stops if the weights are no longer finite."""

    def __init__(self, folder: Path, steps: int, clock: Clock) -> None:
        super().__init__()
        self._folder, self._steps, self._clock = folder, steps, clock

    def _on_step(self) -> bool:
        return True

    def _on_rollout_start(self) -> None:
        self.store()
        print(f"{self.num_timesteps:,} of {self._steps:,} timesteps", file=sys.stderr)

    def store(self) -> None:
        """Write the checkpoint.

        Raises:
            UserError: a weight is not finite.
        """
        policy = self.model.policy
        assert isinstance(policy, ActorCriticPolicy)
        if not all(bool(torch.isfinite(value).all()) for value in policy.parameters()):
            raise self.diverged()
        path = self._folder / CHECKPOINT
        steps, seconds = self.model.num_timesteps, self._clock.seconds
        save_training(policy, policy.optimizer, steps, seconds, path)

    def diverged(self) -> UserError:
        """Return the error for training that diverged; it names the folder of the checkpoint."""
        return UserError(
            "training diverged: a value is no longer finite after"
            f" {self.model.num_timesteps:,} timesteps; the last good checkpoint is kept in"
            f" {self._folder}. Lower the learning rate"
        )


def learn(learner: PPO, steps: int, folder: Path, clock: Clock, *callbacks: BaseCallback) -> None:
    """Train a learner, with a checkpoint after each update.

    Args:
        learner: the learner; its `num_timesteps` are those so far.
        steps: total timesteps.
        folder: folder of the run.
        clock: time of the training.
        callbacks: further callbacks, which come before the checkpoint.

    Raises:
        UserError: the training diverged.
    """
    checkpoints = Checkpoints(folder, steps, clock)
    try:
        learner.learn(
            steps - learner.num_timesteps,
            callback=[*callbacks, checkpoints],
            reset_num_timesteps=False,
            tb_log_name="training",
        )
    except ValueError as error:
        if "invalid values" in str(error):  # torch refuses a distribution with NaN
            raise checkpoints.diverged() from None
        raise
    checkpoints.store()


@dataclass(frozen=True)
class _Maker:
    """Makes one of the environments, in the process of its emulator."""

    levels: tuple[Level, ...]
    agent: PpoOptions

    def __call__(self) -> gym.Env[Any, Any]:
        return wrap(
            LevelsEnv(self.levels),
            frame_size=self.agent.frame_size,
            allow_backtracking=self.agent.allow_backtracking,
        )
