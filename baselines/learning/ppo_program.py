"""The program of the agents that play with PPO: options, the environment, pretrained weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from agent import command_line
from agent.command_line import option
from agent.compatibility.gym_remote.client import RemoteEnv
from baselines.learning import ppo
from baselines.learning.contest_wrappers import wrap
from baselines.learning.ppo import PpoSettings
from baselines.learning.socket_env import SocketEnv
from baselines.learning.weights import load_weights
from baselines.playing import PlayOptions, play_level


@dataclass(frozen=True)
class PpoOptions(PlayOptions, PpoSettings):
    """Play an agent that learns with PPO, until the server ends the run."""

    weights: Path | None = option("weights to begin with (.safetensors) [random weights]", None)


def program(name: str, description: str, settings: PpoSettings) -> Callable[[], None]:
    """Return the main function of an agent that plays with PPO.

    Args:
        name: name of its module in `baselines`.
        description: first line of --help.
        settings: default hyperparameters; a command line can change each of them.
    """

    class Options(PpoOptions):
        __doc__ = description

    def main() -> None:
        options = command_line.parse(
            Options, prog=f"python -m baselines.{name}", defaults=asdict(settings)
        )
        play_level(options, lambda env: play(options, env))

    return main


def play(options: PpoOptions, env: RemoteEnv) -> None:
    """Learn and play on a connected level until it raises an exception."""
    level = SocketEnv(env, env.observation_space.shape, env.action_space.n)
    wrapped = wrap(
        level, frame_size=options.frame_size, allow_backtracking=options.allow_backtracking
    )
    learner = ppo.make_learner(options, wrapped, options.seed)
    if options.weights is not None:
        load_weights(learner.policy, options.weights)
    ppo.play(learner, options.budget_steps)
