"""Hyperparameters of PPO, and the command line of the agents that play with it.

Each agent is a dataclass with its own defaults. Nothing here needs torch, so that --help works
without it.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from agent import command_line
from agent.command_line import option
from baselines.learning.options import LearningOptions
from baselines.playing import play_level


@dataclass(frozen=True)
class PpoUpdateOptions(LearningOptions):
    """Play an agent that learns with PPO; the defaults are those of OpenAI's PPO2."""

    rollout_steps: int = option("timesteps between two updates", 4096, within=(8, 10**6))
    minibatches: int = option("minibatches of an update", 8, within=(1, 10**4))
    epochs: int = option("passes over the timesteps of an update", 3, within=(1, 1000))
    learning_rate: float = option("learning rate of the optimizer", 2e-4, within=(0.0, 1.0))
    discount: float = option("discount factor of rewards", 0.99, within=(0.0, 1.0))
    gae_lambda: float = option("lambda of the advantage estimates", 0.95, within=(0.0, 1.0))
    clip: float = option("clip range of the policy and of the value", 0.1, within=(1e-6, 1e6))
    entropy: float = option("weight of the entropy in the loss", 0.01, within=(0.0, 10.0))
    value: float = option("weight of the value in the loss", 0.5, within=(0.0, 10.0))
    max_gradient: float = option("largest norm of the gradient", 0.5, within=(1e-6, 1e6))


@dataclass(frozen=True)
class PpoOptions(PpoUpdateOptions):
    """Play an agent that learns from frames with PPO; the defaults are those of OpenAI's PPO2."""

    frame_size: int = option("width and height of a frame in pixels", 84, within=(36, 224))
    optimizer: str = option("optimizer", "adam", choices=("adam", "rmsprop"))
    normalise_advantages: bool = option("normalise the advantages in each minibatch", True)
    allow_backtracking: bool = option("reward only progress beyond the farthest point", False)
    separable: bool = option("use aborghi's separable convolutions", False)


def default(name: str, value: Any) -> Any:
    """Declare a field of `PpoOptions` again with another default.

    Args:
        name: name of the field.
        value: the default.
    """
    field = PpoOptions.__dataclass_fields__[name]
    return dataclasses.field(default=value, metadata=field.metadata)


def play(options_class: type[PpoOptions]) -> None:
    """Play an agent until the server ends the run.

    Args:
        options_class: options of the agent.

    Raises:
        UserError: an option is wrong, the weights can't be used, or there is no server.
    """
    options = command_line.parse(options_class, prog=f"python -m baselines.{options_class.agent}")
    from baselines.learning.ppo.learner import play_ppo  # loads torch, which --help does not need

    play_level(options, lambda env: play_ppo(options, env))
