"""Evolution of the controller: CMA-ES with a diagonal covariance, saved without pickle.

pycma does the search. A full covariance of the original 2018 agent's 8,996 parameters takes 650 MB
and minutes per generation; the memory and time of a diagonal one (sep-CMA, Ros and Hansen 2008) are
linear in the number of parameters. The state between two generations is a few arrays, stored in
evolution.npz beside a JSON file.
"""

from __future__ import annotations

import io
import json
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agent.evolution.state_files import (
    FORMAT_VERSION,
    Arrays,
    EvolutionError,
    read_arrays,
    read_constants,
)
from agent.files import write_atomically
from agent.world_model.packed_model import EVOLUTION, EVOLUTION_ARRAYS

SIGMA_RANGE = (
    0.01,
    10.0,
)  # times sigma0: noisy returns must neither stop the search nor make it diverge
MAX_PARAMETERS = 1 << 20


def centred_ranks(returns: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the ranks of returns (n,): best 0.5, worst -0.5; equal returns share their mean rank.

    Ranks make the search independent of the scale of a game's score and of outliers.
    """
    values, member, counts = np.unique(returns, return_inverse=True, return_counts=True)
    if len(values) == 1:
        return np.zeros(len(returns))
    last = np.cumsum(counts) - 1
    ranks: NDArray[np.float64] = (last - (counts - 1) / 2)[member]
    return ranks / (len(returns) - 1) - 0.5


class Evolution:
    """Call `ask` for a population, play it, and `tell` its returns; higher is better.

    Saving is possible at any time. A population that was not yet passed to `tell` is not
    stored: the first `ask` after loading draws the same population again.
    """

    def __init__(
        self,
        n_parameters: int,
        population: int,
        sigma0: float,
        seed: int,
        mean: NDArray[np.float64] | None = None,
        scale: NDArray[np.float64] | None = None,
    ) -> None:
        """Start a search.

        Args:
            n_parameters: length of a candidate.
            population: candidates per generation, 4 or more.
            sigma0: standard deviation of the parameters at the start.
            seed: random seed of the candidates, 1 or more.
            mean: start of the search, (n_parameters,); None: zeros.
            scale: factor of each parameter's standard deviation, (n_parameters,), positive; None:
                ones.

        Raises:
            EvolutionError: an argument is out of its range.
        """
        if not 2 <= n_parameters <= MAX_PARAMETERS:
            raise EvolutionError(f"n_parameters is {n_parameters}: use 2 to {MAX_PARAMETERS}")
        if not 4 <= population <= 1 << 16:
            raise EvolutionError(f"the population is {population}: use 4 to 65536")
        if not 0 < sigma0 < float("inf"):
            raise EvolutionError(f"sigma0 is {sigma0}: use a positive number")
        self.n_parameters = n_parameters
        self.population = population
        self.sigma0 = float(sigma0)
        self._random = np.random.RandomState()
        self.reseed(seed)
        start = _checked_mean(np.zeros(n_parameters) if mean is None else mean, n_parameters)
        stds = _checked_scale(np.ones(n_parameters) if scale is None else scale, n_parameters)
        self._strategy = _strategy(start, self.sigma0, stds, population, self._random)
        self._asked: Arrays | None = None  # the state before an `ask` without `tell`

    def reseed(self, seed: int) -> None:
        """Continue with another random seed: other candidates from the same distribution.

        Raises:
            EvolutionError: the seed is below 1; pycma would replace seed 0 by the clock's time.
        """
        if not 1 <= seed < 1 << 32:
            raise EvolutionError(f"the seed is {seed}: use 1 to {(1 << 32) - 1}")
        self._random.seed(seed)

    @property
    def mean(self) -> NDArray[np.float64]:
        """The centre of the search, float64 (n_parameters,); a copy."""
        mean: NDArray[np.float64] = np.array(self._strategy.mean, np.float64)
        return mean

    @property
    def sigma(self) -> float:
        """The overall step size."""
        return float(self._strategy.sigma)

    @property
    def generation(self) -> int:
        """Number of populations that were passed to `tell`."""
        return int(self._strategy.countiter)

    def ask(self) -> NDArray[np.float64]:
        """Draw a population, float64 (population, n_parameters)."""
        self._asked = self._arrays()
        population = np.array(self._strategy.ask(), np.float64)
        self._strategy.sent_solutions.clear()  # it would grow with every `ask` without `tell`
        return population

    def tell(self, candidates: NDArray[np.float64], returns: NDArray[np.float64]) -> None:
        """Move the search towards the better half of the population that `ask` drew.

        If all returns are equal, the search does not move.

        Args:
            candidates: float64 (population, n_parameters), as `ask` returned it.
            returns: (population,), finite, higher is better.

        Raises:
            EvolutionError: a return is not finite.
        """
        returns = np.asarray(returns, np.float64)
        assert self._asked is not None, "tell without ask"
        assert candidates.shape == (self.population, self.n_parameters), candidates.shape
        assert returns.shape == (self.population,), returns.shape
        if not np.isfinite(returns).all():
            worst = int(np.flatnonzero(~np.isfinite(returns))[0])
            raise EvolutionError(
                f"candidate {worst} has the return {returns[worst]}: evaluate it again"
            )
        self._asked = None
        ranks = centred_ranks(returns)
        if not ranks.any():
            self._strategy.countiter += 1
            return
        # pycma minimises. With check_points, it would shorten long steps that it drew itself.
        self._strategy.tell(list(candidates), (-ranks).tolist(), check_points=False)
        low, high = (factor * self.sigma0 for factor in SIGMA_RANGE)
        self._strategy.sigma = float(np.clip(self._strategy.sigma, low, high))

    def save(self, folder: Path) -> None:
        """Write evolution.npz, with the state that changes, and evolution.json, with the constants.

        Raises:
            OSError: the folder is not writable; the old files are unchanged.
        """
        buffer = io.BytesIO()
        arrays = self._arrays() if self._asked is None else self._asked
        np.savez(buffer, allow_pickle=False, **arrays)
        constants = {
            "format_version": FORMAT_VERSION,
            "n_parameters": self.n_parameters,
            "population": self.population,
            "sigma0": self.sigma0,
        }
        write_atomically(folder / EVOLUTION_ARRAYS, buffer.getvalue())
        write_atomically(folder / EVOLUTION, (json.dumps(constants, indent=2) + "\n").encode())

    @classmethod
    def load(cls, folder: Path) -> Evolution:
        """Load a state; the search continues bit for bit from where `save` was called.

        Raises:
            EvolutionError: a file is missing or damaged, or they belong to different states.
        """
        path = folder / EVOLUTION
        constants = read_constants(path)
        evolution = cls(
            constants["n_parameters"], constants["population"], constants["sigma0"], seed=1
        )
        evolution._restore(read_arrays(folder / EVOLUTION_ARRAYS, evolution._arrays()))
        return evolution

    def _arrays(self) -> Arrays:
        """Return copies of everything that determines the next generations."""
        strategy = self._strategy
        _, keys, position, has_gauss, gauss = self._random.get_state(legacy=True)
        return {
            "mean": np.array(strategy.mean),
            "scaling": np.array(strategy.sigma_vec.scaling),
            "covariance_path": np.array(strategy.pc),
            "sigma_path": np.array(strategy.adapt_sigma.ps),
            "sigma": np.array(strategy.sigma, np.float64),
            "generation": np.array(strategy.countiter, np.int64),
            "random_keys": np.array(keys, np.uint32),
            "random_position": np.array([position, has_gauss], np.int64),
            "random_gauss": np.array(gauss, np.float64),
        }

    def _restore(self, arrays: Arrays) -> None:
        strategy = self._strategy
        strategy.mean = arrays["mean"].copy()
        strategy.sigma_vec.scaling = arrays["scaling"].copy()
        strategy.sigma_vec.is_identity = False
        strategy.pc = arrays["covariance_path"].copy()
        strategy.adapt_sigma.ps = arrays["sigma_path"].copy()
        strategy.sigma = float(arrays["sigma"])
        strategy.countiter = int(arrays["generation"])
        position, has_gauss = arrays["random_position"].tolist()
        gauss = float(arrays["random_gauss"])
        self._random.set_state(("MT19937", arrays["random_keys"], position, has_gauss, gauss))


def _checked_mean(mean: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    mean = np.asarray(mean, np.float64)
    if mean.shape != (size,) or not np.isfinite(mean).all():
        raise EvolutionError(
            f"the mean has shape {mean.shape} or values that are not finite: use ({size},) finite"
            " values"
        )
    return mean


def _checked_scale(scale: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    scale = np.asarray(scale, np.float64)
    if scale.shape != (size,) or not (np.isfinite(scale).all() and (scale > 0).all()):
        raise EvolutionError(
            f"the scale has shape {scale.shape} or values that are not positive: use ({size},)"
            " positive values"
        )
    return scale


def _import_cma() -> Any:
    """Import pycma without matplotlib, which it would import only to plot.

    Importing matplotlib takes most of a second, and fails where no folder is writable.
    """
    without: dict[str, Any] = sys.modules
    without.setdefault("matplotlib", None)  # None: an import raises ImportError
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # pycma warns if it can't import matplotlib
            import cma
    finally:
        if without["matplotlib"] is None:
            del without["matplotlib"]
    return cma


def _strategy(
    mean: NDArray[np.float64],
    sigma0: float,
    stds: NDArray[np.float64],
    population: int,
    random: np.random.RandomState,
) -> Any:
    """Build pycma's strategy: no output, no files, and random numbers from our own state only."""
    cma = _import_cma()
    from cma.sigma_adaptation import CMAAdaptSigmaCSA
    from cma.utilities.utils import ElapsedWCTime

    options = {
        "popsize": population,
        # With 8,996 parameters and 32 candidates: 8 ms to ask, 7 ms to tell, 60 MB. The variants
        # VD and VkD cost the same and learn correlations. But our controller depends only on the
        # sign of a sum. On such a problem, 80 generations left 3% of the signs wrong with sep-CMA,
        # 5% with VD and 33% with VkD, which adapts its step size in another way.
        "CMA_diagonal": True,
        "CMA_stds": stds,
        "CMA_mirrors": 0,
        "conditioncov_alleviate": False,
        # From 300 parameters on, pycma would use TPA, which spends two members of the population
        # on a line search and trusts their two noisy returns.
        "AdaptSigma": CMAAdaptSigmaCSA,
        "randn": random.randn,
        "seed": np.nan,  # do not touch numpy's global random state
        "verbose": -10,
        "verb_log": 0,
        "verb_disp": 0,
    }
    strategy = cma.CMAEvolutionStrategy(mean, sigma0, options)
    # The first `ask` and `tell` would create these; a loaded state has no first call.
    strategy.timer = ElapsedWCTime()
    strategy.mean_old = strategy.mean
    return strategy
