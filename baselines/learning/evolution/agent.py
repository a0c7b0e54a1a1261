"""Evolution strategies on the last layer of pretrained PPO2: one candidate plays an episode.

Source: gardenermike (2018). His program began with a new last layer on normalised features; here
the search begins at the last layer of PPO2.
"""

from __future__ import annotations

import sys
from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from agent.compatibility.gym_remote.client import RemoteEnv
from arena.environment.contest_rules import MAX_STEPS
from baselines.learning.contest_wrappers import REWARD_SCALE, wrap
from baselines.learning.evolution.options import EsOptions
from baselines.learning.evolution.strategies import EvolutionStrategies
from baselines.learning.ppo.frozen_ppo2 import FRAME_SIZE, FrozenPpo2, logits
from baselines.learning.socket_env import SocketEnv


def wrap_level(env: gym.Env[Any, Any]) -> gym.Env[Any, Any]:
    """Wrap an environment of the contest as PPO2 saw it."""
    return wrap(env, frame_size=FRAME_SIZE, allow_backtracking=False)


def play_episode(
    env: gym.Env[Any, Any],
    ppo2: FrozenPpo2,
    parameters: NDArray[np.float64],
    action_noise: float,
    random: np.random.Generator,
    **reset: Any,
) -> tuple[float, int]:
    """Play an episode with a candidate's last layer.

    Args:
        env: level, wrapped by `wrap_level`.
        ppo2: network before the last layer.
        parameters: last layer, (3591,).
        action_noise: standard deviation of the noise on the logits; the action of the largest is
            taken.
        random: random generator of the noise.
        reset: arguments of the environment's `reset`.

    Returns:
        The contest's return, and the number of steps.
    """
    frames, _ = env.reset(**reset)
    total, steps, over = 0.0, 0, False
    while not over:
        scores = logits(parameters, ppo2.features(frames))
        scores += action_noise * random.standard_normal(len(scores))
        frames, reward, terminated, truncated, _ = env.step(np.int64(np.argmax(scores)))
        total, steps, over = total + float(reward), steps + 1, terminated or truncated
    return total / REWARD_SCALE, steps


def play_es(options: EsOptions, env: RemoteEnv) -> None:
    """Evolve and play on a connected level until it raises an exception, for example at a limit.

    Raises:
        UserError: the weights can't be used, or the game has other buttons.
    """
    level = wrap_level(SocketEnv(env, env.observation_space.shape, env.action_space.n))
    ppo2, episodes = FrozenPpo2(options.weights), 2 * options.pairs
    longest = episodes * (MAX_STEPS + 1)  # a reset is one timestep
    if options.budget_steps < longest:
        print(
            f"note: a generation of {episodes} episodes takes up to {longest:,} timesteps: with"
            f" {options.budget_steps:,} the candidates play, but the first generation may not end",
            file=sys.stderr,
        )
    search = EvolutionStrategies(ppo2.last_layer, options, options.pairs, options.seed)
    random = np.random.default_rng(options.seed)
    while True:
        returns = np.array(
            [
                play_episode(level, ppo2, candidate, options.action_noise, random)[0]
                for candidate in search.ask()
            ]
        )
        search.tell(returns)
        print(
            f"event=generation number={search.generation} mean_return={returns.mean():.1f}"
            f" best_return={returns.max():.1f}",
            file=sys.stderr,
            flush=True,
        )
