"""A joint world model that learns and plays within a second."""

from __future__ import annotations

from pathlib import Path

from stable_baselines3.common.vec_env import DummyVecEnv

from baselines.learning.weights import save_weights
from baselines.learning.world_model.latent_env import LatentVecEnv
from baselines.learning.world_model.options import JointWorldModelOptions
from baselines.learning.world_model.ppo import (
    make_latent_learner,
    make_world_model,
    networks,
    wrap_frames,
)
from tests.baselines.learning.test_contest_wrappers import Scripted

SIZES = {
    **{"frame_size": 16, "latent": 3, "filters": 2, "hidden": 4, "mixtures": 2},
    **{"inverse_units": 5},
}
UPDATES = {
    **{"sequence_steps": 8, "sequences": 2},
    **{"rollout_steps": 32, "minibatches": 2, "epochs": 1},
}
SMALL = JointWorldModelOptions(**SIZES, **UPDATES)


def arguments(options: dict[str, int]) -> list[str]:
    """Return options as arguments of the command line."""
    return [part for name, n in options.items() for part in (f"--{name.replace('_', '-')}", str(n))]


def save_small_weights(path: Path) -> Path:
    """Write random weights of `SMALL`, and return their path."""
    model = make_world_model(SMALL, 1)
    env = DummyVecEnv([lambda: wrap_frames(Scripted([0.0]), SMALL.frame_size)])
    learner = make_latent_learner(SMALL, LatentVecEnv(env, model, None), 1)
    save_weights(networks(model, learner), path)
    return path


def small_model(folder: Path) -> list[str]:
    """Write weights to a folder; return the arguments with which the agent plays with them."""
    weights = save_small_weights(folder / "small.safetensors")
    return [*arguments(SIZES), "--weights", str(weights)]
