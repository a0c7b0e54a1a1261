"""Pretraining of the joint world model and its policy, with checkpoints, on several emulators.

While the world model learns, it learns from the frames of PPO's own play. Then only PPO learns.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from stable_baselines3.common.callbacks import BaseCallback

from arena.environment.gymnasium_env import LevelsEnv
from arena.environment.levels import Level
from baselines.learning.ppo.joint_training import emulators, learn_with_checkpoints
from baselines.learning.pretraining import CHECKPOINT, TENSORBOARD, Clock, Trained, weights_path
from baselines.learning.weights import (
    DivergedError,
    all_finite,
    load_training,
    save_training,
    save_weights,
)
from baselines.learning.world_model.frame_memory import FrameMemory
from baselines.learning.world_model.latent_env import LatentVecEnv
from baselines.learning.world_model.learner import WorldModelLearner
from baselines.learning.world_model.options import JointWorldModelTraining
from baselines.learning.world_model.ppo import (
    make_latent_learner,
    make_world_model,
    networks,
    wrap_frames,
)

WORLD_MODEL = "world_model.safetensors"  # its checkpoint, which no longer changes later
EPISODE_STEPS = 1000  # as in the source; shorter episodes show more levels


def train(
    agent: JointWorldModelTraining,
    levels: Sequence[Level],
    folder: Path,
    steps: int,
    envs: int,
    seed: int,
) -> Trained:
    """Train until the timesteps are used, resuming from the folder's checkpoints.

    A resumed training has the weights and the optimisers of the checkpoints, but begins new
    episodes and an empty memory of frames.

    Args:
        agent: hyperparameters.
        levels: levels of one game; each episode draws one.
        folder: folder of the run.
        steps: total timesteps.
        envs: number of emulators.
        seed: random seed.

    Raises:
        UserError: the training diverged, a level can't be played, or a checkpoint belongs to
            another network.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with emulators(partial(_make, tuple(levels), agent.frame_size), envs) as vector:
        model = make_world_model(agent, seed)
        memory = FrameMemory(agent.memory_steps // envs, envs, agent.frame_size, agent.hidden)
        env = LatentVecEnv(vector, model, memory)
        learner = make_latent_learner(agent, env, seed, tensorboard_log=str(folder / TENSORBOARD))
        world_model = WorldModelLearner(model, agent.world_model_rate, seed)
        done, seconds = 0, 0.0
        if (folder / WORLD_MODEL).exists():
            load_training(model, world_model.adam, folder / WORLD_MODEL)
        if (folder / CHECKPOINT).exists():
            policy = learner.policy
            done, seconds = load_training(policy, policy.optimizer, folder / CHECKPOINT)
        clock = Clock(seconds)
        vector.seed(seed + done)
        learner.num_timesteps = done
        if done < steps:
            training = WorldModelTraining(world_model, memory, agent, folder, threads, seed + done)
            learn_with_checkpoints(learner, steps, folder, clock, training)
    weights = weights_path(folder, agent)
    save_weights(networks(model, learner), weights)
    return Trained(weights, learner.num_timesteps, clock.seconds)


class WorldModelTraining(BaseCallback):
    """Trains the world model after each rollout, until it has learnt for its timesteps."""

    def __init__(
        self,
        learner: WorldModelLearner,
        memory: FrameMemory,
        agent: JointWorldModelTraining,
        folder: Path,
        threads: int,
        seed: int,
    ) -> None:
        """Take what the training needs.

        Args:
            learner: the world model and its optimiser.
            memory: the latest frames.
            agent: hyperparameters.
            folder: folder of the run.
            threads: number of threads; the emulators wait meanwhile.
            seed: random seed of the sequences.
        """
        super().__init__()
        self._learner, self._memory, self._agent = learner, memory, agent
        self._folder, self._threads = folder, threads
        self._random = np.random.default_rng(seed)

    def _on_step(self) -> bool:
        return True

    def _on_rollout_end(self) -> None:
        agent = self._agent
        if self.num_timesteps > agent.world_model_steps:
            return
        torch.set_num_threads(self._threads)
        frames = agent.rollout_steps * agent.passes
        means: dict[str, list[float]] = {}
        for _ in range(max(1, frames // (agent.sequences * agent.sequence_steps))):
            sequences = self._memory.sample(agent.sequences, agent.sequence_steps, self._random)
            for name, value in self._learner.update(sequences, self.num_timesteps).means().items():
                means.setdefault(name, []).append(value)
        torch.set_num_threads(1)
        for name, values in means.items():
            self.logger.record(f"world_model/{name}", float(np.mean(values)))
        if not all_finite(self._learner.model):
            raise DivergedError(self.num_timesteps, "--world-model-rate")
        path = self._folder / WORLD_MODEL
        save_training(self._learner.model, self._learner.adam, self.num_timesteps, 0.0, path)


def _make(levels: tuple[Level, ...], frame_size: int) -> gym.Env[Any, Any]:
    return wrap_frames(LevelsEnv(levels, max_steps=EPISODE_STEPS), frame_size)
