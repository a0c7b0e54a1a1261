"""Evolution strategies on many levels, on worker processes or a Ray cluster, with checkpoints.

The levels, the random seeds and the noise of a generation depend only on the run's seed and the
generation's number: a resumed run equals an uninterrupted one, with any number of workers.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from stable_baselines3.common.logger import Logger, configure

from agent.errors import UserError
from agent.files import write_atomically
from arena.environment.gymnasium_env import LevelsEnv
from arena.environment.levels import Level
from arena.progress_bar import ProgressBar
from arena.workers.pool import Pool
from arena.workers.ray_cluster import Cluster
from baselines.learning.evolution.agent import play_episode, wrap_level
from baselines.learning.evolution.options import EvolveOptions
from baselines.learning.evolution.strategies import EvolutionStrategies
from baselines.learning.evolution.worker import make_player
from baselines.learning.ppo.frozen_ppo2 import FrozenPpo2
from baselines.learning.pretrained_options import ppo2_weights
from baselines.learning.pretraining import CHECKPOINT, TENSORBOARD
from baselines.learning.weights import save_weights

WEIGHTS = "es.safetensors"


@dataclass(frozen=True)
class EpisodeRequest:
    """An episode of a candidate to play.

    Attributes:
        candidate: index of the candidate in its generation.
        parameters: its last layer, (3591,).
        level: name of the level.
        seed: random seed of the sticky actions and of the action noise.
    """

    candidate: int
    parameters: NDArray[np.float64]
    level: str
    seed: int

    def __str__(self) -> str:
        """Return a description for messages, without the parameters."""
        return f"candidate {self.candidate} on {self.level}, seed {self.seed}"


class EpisodePlayer:
    """Plays episodes; each worker has one, with one emulator."""

    def __init__(
        self,
        weights: Path,
        levels: Sequence[Level],
        action_noise: float,
        max_steps: int,
    ) -> None:
        """Load the network and the first level.

        Args:
            weights: weights of PPO2.
            levels: levels of one game.
            action_noise: see `play_episode`.
            max_steps: time limit of an episode in steps.
        """
        self._ppo2 = FrozenPpo2(weights)
        self._env = wrap_level(LevelsEnv(levels, max_steps=max_steps))
        self._action_noise = action_noise

    def __call__(self, request: EpisodeRequest) -> tuple[float, int]:
        """Return the episode's return and its number of steps."""
        return play_episode(
            self._env,
            self._ppo2,
            request.parameters,
            self._action_noise,
            np.random.default_rng(request.seed),
            seed=request.seed,
            options={"level": request.level},
        )


Workers = Pool[EpisodeRequest, tuple[float, int]] | Cluster[EpisodeRequest, tuple[float, int]]


def train(options: EvolveOptions, levels: Sequence[Level]) -> Path:
    """Evolve until the last generation, resuming from the checkpoint in the folder of the run.

    Args:
        options: hyperparameters, workers, and the folder.
        levels: levels of one game.

    Returns:
        The path of the weights: PPO2 with the mean of the search as its last layer.

    Raises:
        UserError: the weights or the checkpoint can't be used, or the workers failed.
    """
    weights = ppo2_weights(options.weights).absolute()  # nodes have other working directories
    ppo2 = FrozenPpo2(weights)
    search = EvolutionStrategies(ppo2.last_layer, options, options.pairs, options.seed)
    steps = _restore(search, options.out / CHECKPOINT)
    if search.generation < options.generations:
        make = functools.partial(make_player, weights, tuple(levels), options.action_noise)
        logger = configure(str(options.out / TENSORBOARD), ["tensorboard"])
        bar = ProgressBar("generations", options.generations, search.generation)
        with bar, _open_workers(options, make) as workers:
            while search.generation < options.generations:
                returns, played = _play_generation(search, workers, options, levels)
                search.tell(returns)
                steps += played
                _store(search, steps, options.out / CHECKPOINT)
                _report(logger, bar, search.generation, returns, steps)
        logger.close()
    ppo2.last_layer = search.mean
    save_weights(ppo2.policy, options.out / WEIGHTS)
    return options.out / WEIGHTS


def _open_workers(options: EvolveOptions, make: Callable[[], EpisodePlayer]) -> Workers:
    if options.executor == "ray":
        return Cluster(make, options.workers, options.ray_address)
    return Pool(make, options.workers)


def _play_generation(
    search: EvolutionStrategies, workers: Workers, options: EvolveOptions, levels: Sequence[Level]
) -> tuple[NDArray[np.float64], int]:
    """Play all candidates; return their mean returns, (2 * pairs,), and the number of steps."""
    random = np.random.default_rng((options.seed, search.generation, 1))
    names = [level.name for level in levels]
    count = min(options.levels_per_generation, len(names))
    drawn = random.choice(names, count, replace=False).tolist()
    seeds = random.integers(1 << 32, size=count).tolist()
    requests = [
        EpisodeRequest(candidate, parameters, level, seed)
        for candidate, parameters in enumerate(search.ask())
        for level, seed in zip(drawn, seeds, strict=True)
    ]
    returns, steps = np.zeros((2 * options.pairs, count)), 0
    for request, (episode_return, played) in workers.run(requests):
        returns[request.candidate, drawn.index(request.level)] = episode_return
        steps += played
    return returns.mean(1), steps


def _report(
    logger: Logger, bar: ProgressBar, generation: int, returns: NDArray[np.float64], steps: int
) -> None:
    logger.record("return/mean", returns.mean())
    logger.record("return/best", returns.max())
    logger.record("time/timesteps", steps)
    logger.dump(generation)
    bar.update(generation, f"mean {returns.mean():.0f} best {returns.max():.0f}")


def _store(search: EvolutionStrategies, steps: int, path: Path) -> None:
    write_atomically(path, save({**search.state(), "steps": torch.tensor(steps)}))


def _restore(search: EvolutionStrategies, path: Path) -> int:
    """Continue from a checkpoint, if there is one, and return the timesteps that were played."""
    if not path.exists():
        return 0
    try:
        state = load_file(path)
        search.restore(state)
        return int(state["steps"])
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        raise UserError(
            f"the checkpoint {path} can't be used ({error}): give another --out"
        ) from None
