"""Joint training: PPO on many levels at once, with checkpoints, on several emulators."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import gymnasium as gym
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.vec_env import SubprocVecEnv, VecMonitor

from arena.environment.gymnasium_env import LevelsEnv
from arena.environment.levels import Level
from arena.progress_bar import ProgressBar
from baselines.learning.contest_wrappers import wrap
from baselines.learning.ppo.learner import learn, make_learner
from baselines.learning.ppo.options import PpoOptions
from baselines.learning.pretraining import (
    CHECKPOINT,
    TENSORBOARD,
    Clock,
    Trained,
    diverged,
    weights_path,
)
from baselines.learning.weights import (
    DivergedError,
    all_finite,
    load_training,
    save_training,
    save_weights,
)


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
        UserError: the training diverged, a level can't be played, or the checkpoint belongs to
            another network.
    """
    torch.set_num_threads(1)
    with emulators(partial(_make, tuple(levels), agent), envs) as vector:
        learner = make_learner(agent, vector, seed, tensorboard_log=str(folder / TENSORBOARD))
        checkpoint = folder / CHECKPOINT
        done, seconds = 0, 0.0
        if checkpoint.exists():
            done, seconds = load_training(learner.policy, learner.policy.optimizer, checkpoint)
        clock = Clock(seconds)
        vector.seed(seed + done)
        learner.num_timesteps = done
        if done < steps:
            learn_with_checkpoints(learner, steps, folder, clock)
    weights = weights_path(folder, agent)
    save_weights(learner.policy, weights)
    return Trained(weights, learner.num_timesteps, clock.seconds)


class Checkpoints(BaseCallback):
    """Writes a checkpoint after each update, and stops if the weights are no longer finite."""

    def __init__(self, folder: Path, clock: Clock, bar: ProgressBar) -> None:
        super().__init__()
        self._folder, self._clock, self._bar = folder, clock, bar

    def _on_step(self) -> bool:
        self._bar.update(self.num_timesteps)
        return True

    def _on_rollout_start(self) -> None:
        self.store()

    def store(self) -> None:
        """Write the checkpoint.

        Raises:
            UserError: a weight is not finite.
        """
        policy = self.model.policy
        assert isinstance(policy, ActorCriticPolicy)
        if not all_finite(policy):
            raise diverged(self.model.num_timesteps, self._folder)
        path = self._folder / CHECKPOINT
        done, seconds = self.model.num_timesteps, self._clock.seconds
        save_training(policy, policy.optimizer, done, seconds, path)


def learn_with_checkpoints(
    learner: PPO, steps: int, folder: Path, clock: Clock, *callbacks: BaseCallback
) -> None:
    """Train a learner, with a progress bar and a checkpoint after each update.

    Args:
        learner: the learner; its `num_timesteps` are those so far.
        steps: total timesteps.
        folder: folder of the run.
        clock: time of the training.
        callbacks: further callbacks, which come before the checkpoint.

    Raises:
        UserError: the training diverged.
    """
    with ProgressBar("timesteps", steps, learner.num_timesteps) as bar:
        checkpoints = Checkpoints(folder, clock, bar)
        try:
            learn(
                learner,
                steps - learner.num_timesteps,
                *callbacks,
                checkpoints,
                reset_num_timesteps=False,
                tb_log_name="training",
            )
        except DivergedError:
            raise diverged(learner.num_timesteps, folder) from None
        checkpoints.store()


@contextmanager
def emulators(make: Callable[[], gym.Env[Any, Any]], count: int) -> Iterator[VecMonitor]:
    """Run environments in processes of their own, until the block ends.

    Args:
        make: makes an environment; it can be pickled.
        count: number of processes.

    Raises:
        UserError: the first level can't be played, or its game has other buttons.
    """
    make().close()  # an error in it is one line here, and a traceback in a worker
    workers = SubprocVecEnv([_Worker(make)] * count)
    try:
        yield VecMonitor(workers)
    finally:
        for process in workers.processes:
            process.terminate()  # after an interruption, `close` would wait for an answer forever


@dataclass(frozen=True)
class _Worker:
    """Makes the environment of a process."""

    make: Callable[[], gym.Env[Any, Any]]

    def __call__(self) -> gym.Env[Any, Any]:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that trains
        return self.make()


def _make(levels: tuple[Level, ...], agent: PpoOptions) -> gym.Env[Any, Any]:
    return wrap(
        LevelsEnv(levels),
        frame_size=agent.frame_size,
        allow_backtracking=agent.allow_backtracking,
    )
