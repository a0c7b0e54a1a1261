"""Pretrains an agent on the training levels: `python -m baselines.pretrain AGENT --out DIR`.

DIR/weights.safetensors     the weights, for the agent's `--weights`
DIR/checkpoint.safetensors  weights and optimiser; the same command resumes from them
DIR/run.json                options, command, commit, versions; DIR/tensorboard, the curves
"""

from __future__ import annotations

import sys
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import gymnasium as gym
import torch
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.vec_env import SubprocVecEnv, VecMonitor

from agent import command_line
from agent.command_line import option
from agent.command_line.ranges import COUNT, SEED
from agent.errors import UserError
from arena.environment.levels import Level, select
from arena.evaluation.run_folder import current_command, open_run
from baselines import aborghi, ppo2
from baselines.learning import ppo
from baselines.learning.contest_wrappers import wrap
from baselines.learning.ppo import PpoSettings
from baselines.learning.weights import load_training, save_training, save_weights

# Joint training's own values; the rest is as in the contest.
AGENTS = {
    "ppo2": ppo2.SETTINGS,
    "aborghi": replace(aborghi.SETTINGS, rollout_steps=8192, minibatches=16, learning_rate=2e-4),
}
WEIGHTS, CHECKPOINT, TENSORBOARD = "weights.safetensors", "checkpoint.safetensors", "tensorboard"


@dataclass(frozen=True)
class PretrainOptions:
    """Pretrain an agent on all levels of a set at once.

    Each episode draws a level at random. OpenAI trained joint PPO for 50 million timesteps and
    more; the default is what two cores can do in some hours.
    """

    agent: str = option("agent to train", positional=True, choices=tuple(AGENTS))
    out: Path = option("folder of the run; an interrupted run in it is resumed")
    levels: str = option(
        "training levels: a level set, or levels separated by commas", "pangolin-train"
    )
    steps: int = option("timesteps in all", 4_000_000, within=COUNT)
    envs: int = option("number of emulators, each in a process", 2, within=(1, 256))
    seed: int = option("random seed, 1 or more", 1, env="SEED", within=SEED)


class Checkpoints(BaseCallback):
    """Stores the training after each update, and stops if the weights are no longer finite."""

    def __init__(self, folder: Path, steps: int) -> None:
        super().__init__()
        self._folder, self._steps = folder, steps

    def _on_step(self) -> bool:
        return True

    def _on_rollout_start(self) -> None:
        policy = self.model.policy
        assert isinstance(policy, ActorCriticPolicy)
        if not all(bool(torch.isfinite(value).all()) for value in policy.parameters()):
            raise UserError(
                f"a weight is no longer finite after {self.num_timesteps:,} timesteps; the last"
                f" good checkpoint is kept in {self._folder}. Lower the learning rate"
            )
        save_training(policy, self.num_timesteps, self._folder / CHECKPOINT)
        print(f"{self.num_timesteps:,} of {self._steps:,} timesteps", file=sys.stderr)


def main() -> None:
    """Train, or resume, and write the weights.

    Raises:
        UserError: an option is wrong, the folder belongs to another run, or training diverged.
    """
    options = command_line.parse(PretrainOptions, prog="python -m baselines.pretrain")
    settings = AGENTS[options.agent]
    levels = select(options.levels)
    identity = {
        "agent": options.agent,
        "levels": [level.name for level in levels],
        "envs": options.envs,
        "settings": asdict(settings),
    }
    run = open_run(
        options.out,
        identity,
        name=f"pretrain-{options.agent}",
        seeds={"seed": options.seed},
        argv=current_command(),
    )
    try:
        train(options, settings, levels)
    except KeyboardInterrupt:
        print(f"interrupted: the same command resumes from {run.path}", file=sys.stderr)
        sys.exit(130)
    finally:
        run.close()
    print(options.out / WEIGHTS)


def train(options: PretrainOptions, settings: PpoSettings, levels: list[Level]) -> None:
    """Train until the timesteps are used, resuming from the folder's checkpoint."""
    torch.set_num_threads(1)
    processes = SubprocVecEnv([_Maker(tuple(levels), settings)] * options.envs)
    envs = VecMonitor(processes)
    try:
        learner = ppo.make_learner(
            settings, envs, options.seed, tensorboard_log=str(options.out / TENSORBOARD)
        )
        checkpoint = options.out / CHECKPOINT
        done = load_training(learner.policy, checkpoint) if checkpoint.exists() else 0
        envs.seed(options.seed + done)
        learner.num_timesteps = done
        if done < options.steps:
            learner.learn(
                options.steps - done,
                callback=Checkpoints(options.out, options.steps),
                reset_num_timesteps=False,
                tb_log_name=options.agent,
            )
            save_training(learner.policy, learner.num_timesteps, checkpoint)
    finally:
        envs.close()
    save_weights(learner.policy, options.out / WEIGHTS)


@dataclass(frozen=True)
class _Maker:
    """Makes an environment in a process of its own; a closure could not be sent there."""

    levels: tuple[Level, ...]
    settings: PpoSettings

    def __call__(self) -> gym.Env[Any, Any]:
        from arena.environment.gymnasium_env import LevelsEnv

        return wrap(
            LevelsEnv(self.levels),
            frame_size=self.settings.frame_size,
            allow_backtracking=self.settings.allow_backtracking,
        )


if __name__ == "__main__":
    command_line.run(main)
