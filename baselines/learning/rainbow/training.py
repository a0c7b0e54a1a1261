"""Pretraining of Rainbow: it plays the levels of a set in one emulator, with checkpoints.

Source: gardenermike 2018, who trained for 5 million timesteps with a new level every 5,000, and
shipped the weights with 100,000 frames of the replay.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from torch import nn
from torch.utils.tensorboard import SummaryWriter

from agent.errors import UserError
from arena.environment.gymnasium_env import LevelsEnv
from arena.environment.levels import Level
from arena.progress_bar import ProgressBar
from baselines.learning.pretraining import (
    CHECKPOINT,
    TENSORBOARD,
    Clock,
    Trained,
    diverged,
    weights_path,
)
from baselines.learning.rainbow.learner import Rainbow, play_episodes, wrap_for_rainbow
from baselines.learning.rainbow.options import RainbowOptions
from baselines.learning.rainbow.replay_file import recording_path, save_recording
from baselines.learning.weights import (
    DivergedError,
    all_finite,
    load_training,
    save_training,
    save_weights,
)

SHIPPED_ENTRIES = 10_000  # newest entries of the replay that are written beside the weights
CHECKPOINT_STEPS = 10_000
CURVE_STEPS, CURVE_EPISODES = 1000, 100


def train(
    agent: RainbowOptions, levels: Sequence[Level], folder: Path, steps: int, envs: int, seed: int
) -> Trained:
    """Train until the timesteps are used, resuming from the folder's checkpoint.

    Each episode draws a level. A resumed training has the networks and the optimizer of the
    checkpoint. Its replay begins empty: as at the start, the first `learning_starts` timesteps
    fill it before the next update.

    Args:
        agent: hyperparameters.
        levels: levels of one game.
        folder: folder of the run.
        steps: total timesteps.
        envs: number of emulators, 1.
        seed: random seed.

    Raises:
        UserError: training diverged, the checkpoint belongs to another network, or `envs` is not 1.
    """
    if envs != 1:
        raise UserError(f"--envs is {envs}: Rainbow is trained with one emulator, use 1")
    torch.set_num_threads(1)
    weights, checkpoint = weights_path(folder, agent), folder / CHECKPOINT
    learner = Rainbow(replace(agent, seed=seed, budget_steps=steps))
    networks = nn.ModuleDict({"online": learner.network, "target": learner.target})
    done, seconds = 0, 0.0
    if checkpoint.exists():
        done, seconds = load_training(networks, learner.optimizer, checkpoint)
        learner.reseed(seed + done)
    clock = Clock(seconds)
    if done < steps:
        env = wrap_for_rainbow(LevelsEnv(levels), agent)
        env.reset(seed=seed + done)
        try:
            for now in _play(learner, env, folder, done, steps):
                if not all_finite(networks):
                    raise diverged(now, folder)
                if now == steps:  # first, so that a checkpoint of all timesteps has its weights
                    save_recording(learner.replay.recent(SHIPPED_ENTRIES), recording_path(weights))
                    save_weights(learner.network, weights)
                save_training(networks, learner.optimizer, now, clock.seconds, checkpoint)
        finally:
            env.close()
    return Trained(weights, max(done, steps), clock.seconds)


def _play(
    learner: Rainbow, env: gym.Env[Any, Any], folder: Path, done: int, steps: int
) -> Iterator[int]:
    """Learn and play; yield the timesteps so far when a checkpoint is due."""
    episodes: deque[tuple[float, int]] = deque(maxlen=CURVE_EPISODES)
    curves = SummaryWriter(folder / TENSORBOARD, purge_step=done)
    with curves, ProgressBar("timesteps", steps, done) as bar:
        now = done
        try:
            for now, ended in enumerate(play_episodes(learner, env), done + 1):
                if ended is not None:
                    episodes.append(ended)
                if now % CURVE_STEPS == 0 and episodes:
                    mean_return, mean_steps = np.mean(episodes, axis=0)
                    curves.add_scalar("rollout/ep_rew_mean", mean_return, now)
                    curves.add_scalar("rollout/ep_len_mean", mean_steps, now)
                    curves.add_scalar("train/loss", learner.loss, now)
                    bar.update(now, f"mean return {mean_return:,.0f}")
                if now % CHECKPOINT_STEPS == 0 or now == steps:
                    yield now
                if now == steps:
                    return
        except DivergedError:
            raise diverged(now, folder) from None
