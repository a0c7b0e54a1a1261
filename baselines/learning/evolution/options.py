"""Hyperparameters of the evolution strategies, and their command line. Nothing here needs torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from agent.command_line import option
from agent.command_line.ranges import COUNT, PROCESSES, SEED
from arena.environment.level_names import LEVELS_HELP
from arena.workers.ray_cluster import ADDRESS_HELP, EXECUTOR_HELP, EXECUTORS
from baselines.learning.pretrained_options import pretrained_weights
from baselines.playing import PlayOptions

PAIRS_HELP = "pairs of candidates in a generation"
PAIRS = (1, 10_000)


@dataclass(frozen=True, kw_only=True)
class EsSettings:
    """What the agent and its training have in common; the defaults are gardenermike's."""

    extra: ClassVar[str] = "baselines"

    weights: Path = pretrained_weights()
    sigma: float = option(
        "standard deviation of the candidates' weights around their mean", 0.02, within=(1e-6, 1e3)
    )
    learning_rate: float = option("learning rate of Adam", 0.01, within=(0.0, 1.0))
    l2: float = option("factor of the L2 penalty of the weights", 0.005, within=(0.0, 10.0))
    action_noise: float = option(
        "standard deviation of the noise that is added to the logits of the actions",
        0.01,
        within=(0.0, 1e3),
    )


@dataclass(frozen=True, kw_only=True)
class EsOptions(EsSettings, PlayOptions):
    """Play evolution strategies on the last layer of PPO2, with one candidate per episode."""

    pairs: int = option(PAIRS_HELP, 4, within=PAIRS)


@dataclass(frozen=True, kw_only=True)
class EvolveOptions(EsSettings):
    """Evolve the last layer of PPO2 on many levels; the same command resumes.

    The candidates of a generation play the same levels with the same random seeds. gardenermike's
    candidates played all 47 training levels, with about 100,000 timesteps per generation.
    """

    out: Path = option("folder of the run; an interrupted run in it is resumed")
    levels: str = option(LEVELS_HELP, "pangolin-train")
    generations: int = option("total number of generations", 100, within=COUNT)
    pairs: int = option(PAIRS_HELP, 8, within=PAIRS)
    levels_per_generation: int = option(
        "levels that each candidate of a generation plays, drawn at random", 4, within=COUNT
    )
    workers: int = option(
        "number of processes, each with one emulator and one thread", 2, within=PROCESSES
    )
    executor: str = option(EXECUTOR_HELP, "local", choices=EXECUTORS)
    ray_address: str | None = option(ADDRESS_HELP, None)
    seed: int = option("random seed, 1 or more", 1, env="SEED", within=SEED)
