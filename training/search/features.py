"""How large the controller's features are in play, and what noise its weights can take for that.

Of `compact` the root of the summed squares of z is 5, of h 7 and of c 130: noise of one size on all
weights is c's noise, and little else. A candidate drawn so forgets what its distribution knows.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from agent.buttons import ACTION_BUTTONS, to_genesis
from arena.environment.contest_env import ContestEnv
from arena.environment.levels import Level
from training.experts.policies import Runner
from training.search.rollouts import EpisodeModel

MEASURED_LEVELS, MEASURED_STEPS = 8, 250
SMALLEST_SHARE = 0.01  # of the largest feature's size: a feature that hardly moves bounds nothing


def feature_sizes(
    world_model: EpisodeModel, levels: Sequence[Level], seed: int
) -> NDArray[np.float64]:
    """Root mean square of each feature, (Z + 2H,), over steps of running right with jumps.

    Args:
        world_model: what sees and remembers; its state is lost.
        levels: up to eight of them are played, a quarter of a minute each.
        seed: of the levels' choice, their stickiness and the jumps.
    """
    random = np.random.default_rng((seed, 4))
    total, steps = np.zeros(0), 0
    for place in random.permutation(len(levels))[:MEASURED_LEVELS]:
        env, runner = ContestEnv(levels[place], seed=seed), Runner(random)
        try:
            frame, reward, done = env.reset(), 0.0, False
            world_model.reset()
            for _ in range(MEASURED_STEPS):
                squares = world_model.observe(frame).astype(np.float64) ** 2
                total, steps = (total + squares if steps else squares), steps + 1
                action = runner(frame, reward, None)
                world_model.remember(action)
                frame, reward, done, _ = env.step(to_genesis(action))
                if done:
                    break
        finally:
            env.close()
    return np.sqrt(total / steps)


def logit_scale(sizes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Deviations of the parameters at which a button's logit deviates by 1, (n_parameters,).

    Each weight adds as much to it as any other, and as the bias.

    Args:
        sizes: of the features, as `feature_sizes` gives them, (Z + 2H,).
    """
    floored = np.append(np.maximum(sizes, SMALLEST_SHARE * sizes.max()), 1.0)
    weights = 1 / (floored * np.sqrt(len(floored)))
    rows = np.tile(weights[:-1], len(ACTION_BUTTONS))
    return np.append(rows, np.repeat(weights[-1], len(ACTION_BUTTONS)))
