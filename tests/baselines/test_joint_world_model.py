"""The joint world model is pretrained, resumes, stays as it is at play, and says what is wrong."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.vec_env import DummyVecEnv

from agent.errors import UserError
from arena.environment.levels import select
from baselines import joint_world_model
from baselines.learning.pretraining import CHECKPOINT
from baselines.learning.world_model import ppo as world_model_ppo
from baselines.learning.world_model.curiosity import Curiosity
from baselines.learning.world_model.frame_memory import FrameMemory
from baselines.learning.world_model.latent_env import LatentVecEnv
from baselines.learning.world_model.networks import JointWorldModel
from baselines.learning.world_model.options import JointWorldModelOptions, JointWorldModelTraining
from baselines.learning.world_model.ppo import make_latent_learner, make_world_model, wrap_frames
from baselines.learning.world_model.training import WORLD_MODEL, train
from tests.baselines.learning.test_contest_wrappers import Scripted
from tests.helpers.served_game import Running
from tests.helpers.small_joint_world_model import (
    SIZES,
    SMALL,
    UPDATES,
    arguments,
    save_small_weights,
)

TRAINING = JointWorldModelTraining(**SIZES, **UPDATES, world_model_steps=64, memory_steps=100)
LEVELS = select("pangolin-train")[:2]


def play(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *more: str) -> Running:
    served = Running(tmp_path / "sock", timesteps=120)
    common = ["--socket-dir", str(tmp_path / "sock"), "--budget-steps", "120"]
    small = arguments(SIZES | UPDATES)
    monkeypatch.setattr(sys, "argv", ["joint_world_model", *common, *small, *more])
    joint_world_model.main()
    return served


@pytest.mark.slow
def test_it_trains_then_keeps_the_world_model_and_resumes(tmp_path: Path) -> None:
    trained = train(TRAINING, LEVELS, tmp_path, 64, 2, 1)
    assert trained.weights == tmp_path / "joint_world_model.safetensors"
    learnt, policy = load_file(tmp_path / WORLD_MODEL), load_file(tmp_path / CHECKPOINT)
    assert int(learnt["steps"]) == int(policy["steps"]) == 64
    start = make_world_model(TRAINING, 1)
    for name, value in start.named_parameters():
        assert (learnt[f"network.{name}"] != value).any(), name

    resumed = train(TRAINING, LEVELS, tmp_path, 128, 2, 1)
    assert resumed.timesteps == 128 and resumed.seconds > trained.seconds > 0
    after = load_file(trained.weights)
    for name, _ in start.named_parameters():
        kept = learnt[f"network.{name}"].half()
        assert torch.equal(after[f"world_model.{name}"], kept), name
    head = "action_net.weight"
    assert not torch.equal(after[f"policy.{head}"], policy[f"network.{head}"].half())
    assert list((tmp_path / "tensorboard").rglob("events.*"))


@pytest.mark.slow
def test_it_stops_when_the_world_model_diverges_and_keeps_the_checkpoint(tmp_path: Path) -> None:
    train(TRAINING, LEVELS, tmp_path, 32, 2, 1)
    broken = replace(TRAINING, world_model_rate=1e38)
    with pytest.raises(UserError, match="training diverged.* checkpoint is kept"):
        train(broken, LEVELS, tmp_path, 64, 2, 1)
    for name in (WORLD_MODEL, CHECKPOINT):
        kept = load_file(tmp_path / name)
        assert int(kept["steps"]) == 32
        assert all(bool(value.isfinite().all()) for value in kept.values())


@pytest.mark.parametrize("curiosity", [False, True])
def test_at_play_the_policy_learns_and_the_world_model_does_not(
    curiosity: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = save_small_weights(tmp_path / "small.safetensors")
    made: list[tuple[JointWorldModel, PPO]] = []
    networks = world_model_ppo.networks

    def remember(model: JointWorldModel, learner: PPO) -> torch.nn.Module:
        made.append((model, learner))
        return networks(model, learner)

    monkeypatch.setattr(world_model_ppo, "networks", remember)
    served = play(monkeypatch, tmp_path, "--weights", str(weights), *["--curiosity"] * curiosity)
    assert served.result().timesteps == 120
    assert len({bytes(action) for action in served.env.actions}) > 2
    (model, learner), before = made[0], load_file(weights)
    for name, value in model.named_parameters():
        assert torch.equal(value, before[f"world_model.{name}"].float()), name
        assert not value.requires_grad
    head = learner.policy.action_net.weight
    assert not torch.equal(head, before["policy.action_net.weight"].float())


def test_curiosity_changes_the_rewards_that_the_policy_learns_from() -> None:
    options = replace(SMALL, curiosity_weight=0.5)
    model = make_world_model(options, 1)
    memory = FrameMemory(33, 1, options.frame_size, options.hidden)
    env = DummyVecEnv([lambda: wrap_frames(Scripted([20.0] * 100), options.frame_size)])
    learner = make_latent_learner(options, LatentVecEnv(env, model, memory), 1)
    curiosity = Curiosity(model, memory, options)
    seen: list[tuple[np.ndarray, np.ndarray]] = []

    class Look(BaseCallback):
        def _on_step(self) -> bool:
            return True

        def _on_rollout_end(self) -> None:
            buffer = learner.rollout_buffer
            seen.append((buffer.rewards.copy(), buffer.advantages.copy()))

    learner.learn(32, callback=[Look(), curiosity, Look()])
    (plain, plain_advantages), (curious, advantages) = seen
    assert plain == pytest.approx(0.1)  # 20 x 0.005
    added = curious - plain
    # Mean of (drop - mean) / deviation is 0, so the mean reward is weight x -boredom.
    assert added.mean() == pytest.approx(-0.5, abs=1e-5) and added.std() == pytest.approx(0.5, 1e-4)
    assert not np.allclose(plain_advantages, advantages)
    # The last advantage by hand: reward + discount x value after it - value.
    value = curiosity.locals["values"]
    expected = curious[-1] + 0.99 * value.numpy().flatten() - learner.rollout_buffer.values[-1]
    assert advantages[-1] == pytest.approx(expected, abs=1e-5)


def test_mistakes_give_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match=r"no weights at .*missing"):
        play(monkeypatch, tmp_path, "--weights", str(tmp_path / "missing.safetensors"))
    weights = save_small_weights(tmp_path / "small.safetensors")
    with pytest.raises(UserError, match="belong to another network: .*shape"):
        play(monkeypatch, tmp_path / "a", "--weights", str(weights), "--latent", "5")
    with pytest.raises(UserError, match="frame_size is 60: use 16, 32, 64 or 128"):
        play(monkeypatch, tmp_path / "b", "--weights", str(weights), "--frame-size", "60")


def test_the_hyperparameters_are_those_of_the_source() -> None:
    options = JointWorldModelOptions()
    assert (options.clip, options.entropy, options.discount, options.gae_lambda) == (
        *(0.1, 0.02, 0.99, 0.95),
    )
    assert (options.learning_rate, options.mixtures, options.inverse_units) == (1e-4, 5, 64)
    assert (options.boredom, options.world_model_rate) == (1.0, 4e-5)
