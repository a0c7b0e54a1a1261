"""Measures the size of each controller feature in play, to scale CMA-ES' initial deviations.

In the model `compact`, the norm of z is 5, that of h is 7 and that of c is 130. If all weights had
the same standard deviation, the noise in a candidate's logits would come almost entirely from c and
hide what the mean has learned.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from agent.buttons import ACTION_BUTTONS, to_genesis
from arena.environment.contest_env import ContestEnv
from arena.environment.levels import Level
from training.experts.policies import RunnerPolicy, no_expert
from training.search.rollouts import EpisodeModel

MEASURED_LEVELS, MEASURED_STEPS = 8, 250
SMALLEST_SHARE = 0.01  # lower limit of a size, relative to the largest: keeps all deviations finite


def feature_sizes(
    world_model: EpisodeModel, levels: Sequence[Level], seed: int
) -> NDArray[np.float64]:
    """Measure the root mean square of each feature while running right with jumps.

    Args:
        world_model: encodes the frames; its hidden state is overwritten.
        levels: levels to choose from; at most eight are played, for 250 steps each.
        seed: random seed of the choice of levels, the sticky actions and the jumps.

    Returns:
        Sizes of z, h and c, float64 (Z + 2H,).
    """
    random = np.random.default_rng((seed, 4))
    total, steps = np.zeros(0), 0
    for index in random.permutation(len(levels))[:MEASURED_LEVELS]:
        env, runner = ContestEnv(levels[index], seed=seed), RunnerPolicy(random)
        try:
            frame, reward, done = env.reset(), 0.0, False
            world_model.reset()
            for _ in range(MEASURED_STEPS):
                squares = world_model.observe(frame).astype(np.float64) ** 2
                total, steps = (total + squares if steps else squares), steps + 1
                action = runner(frame, reward, no_expert)
                world_model.remember(action)
                frame, reward, done, _ = env.step(to_genesis(action))
                if done:
                    break
        finally:
            env.close()
    return np.sqrt(total / steps)


def logit_scale(sizes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return standard deviations of the parameters that give each logit a deviation of 1.

    Every weight, and the bias, contributes the same share of the logit's variance.

    Args:
        sizes: sizes of the features from `feature_sizes`, (Z + 2H,).

    Returns:
        float64 (n_parameters,).
    """
    floored = np.append(np.maximum(sizes, SMALLEST_SHARE * sizes.max()), 1.0)
    weights = 1 / (floored * np.sqrt(len(floored)))
    rows = np.tile(weights[:-1], len(ACTION_BUTTONS))
    return np.append(rows, np.repeat(weights[-1], len(ACTION_BUTTONS)))
