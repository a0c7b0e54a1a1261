"""Evolution of the controller: CMA-ES with a diagonal covariance, saved without pickle.

pycma does the search. A full covariance of the seed's 8,996 parameters takes 650 MB and minutes
a generation; the diagonal one (sep-CMA, Ros and Hansen 2008) is linear in both. The state that
goes on from generation to generation is few arrays, kept in evolution.npz beside a JSON file.
"""

from __future__ import annotations

import io
import json
import warnings
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agent.errors import UserError
from agent.files import write_atomically
from agent.world_model.packed_model import EVOLUTION, EVOLUTION_ARRAYS

FORMAT_VERSION = 1
SIGMA_RANGE = (0.01, 10.0)  # times sigma0: noisy returns must neither end nor blow up the search
MAX_PARAMETERS = 1 << 20
_CONSTANTS = {"format_version": int, "n_parameters": int, "population": int, "sigma0": float}

Arrays = dict[str, NDArray[Any]]


class EvolutionError(UserError):
    """An evolution state that can't be used, or a use that it can't take."""


def centred_ranks(returns: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ranks of returns (n,), the best 0.5 and the worst -0.5; equal returns share their mean rank.

    Ranks make the search indifferent to the size of a game's score and to outliers.
    """
    values, member, counts = np.unique(returns, return_inverse=True, return_counts=True)
    if len(values) == 1:
        return np.zeros(len(returns))
    last = np.cumsum(counts) - 1
    ranks: NDArray[np.float64] = (last - (counts - 1) / 2)[member]
    return ranks / (len(returns) - 1) - 0.5


class Evolution:
    """Ask for a population, play it, tell its returns; higher is better.

    Saving is possible at any time. A population that was asked for and not told yet is not
    stored: it is drawn again, the same, by the first `ask` after loading.
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
            population: candidates a generation, 4 or more.
            sigma0: standard deviation of the parameters at the start.
            seed: of the candidates drawn, 1 or more.
            mean: where the search starts, (n_parameters,); zeros if left out.
            scale: what each parameter's deviation is multiplied with, (n_parameters,), positive;
                ones if left out.

        Raises:
            EvolutionError: one of these is out of its range.
        """
        if not 2 <= n_parameters <= MAX_PARAMETERS:
            raise EvolutionError(f"n_parameters is {n_parameters}: not in 2 .. {MAX_PARAMETERS}")
        if not 4 <= population <= 1 << 16:
            raise EvolutionError(f"the population is {population}: give 4 or more")
        if not 0 < sigma0 < float("inf"):
            raise EvolutionError(f"sigma0 is {sigma0}: give a positive number")
        self.n_parameters = n_parameters
        self.population = population
        self.sigma0 = float(sigma0)
        self._random = np.random.RandomState()
        self.reseed(seed)
        start = np.zeros(n_parameters) if mean is None else np.asarray(mean, np.float64)
        if start.shape != (n_parameters,) or not np.isfinite(start).all():
            raise EvolutionError(
                f"a mean of shape {start.shape} for {n_parameters} parameters, or not finite"
            )
        stds = np.ones(n_parameters) if scale is None else np.asarray(scale, np.float64)
        if stds.shape != (n_parameters,) or not (np.isfinite(stds).all() and (stds > 0).all()):
            raise EvolutionError(
                f"a scale of shape {stds.shape} for {n_parameters} parameters, or not positive"
            )
        self._strategy = _strategy(start, self.sigma0, stds, population, self._random)
        self._asked: Arrays | None = None  # the state before the ask that is not told yet

    def reseed(self, seed: int) -> None:
        """Draw other candidates from here on, from the same distribution.

        Raises:
            EvolutionError: a seed below 1: pycma would take 0 for the clock.
        """
        if not 1 <= seed < 1 << 32:
            raise EvolutionError(f"the seed is {seed}: give 1 .. {(1 << 32) - 1}")
        self._random.seed(seed)

    @property
    def mean(self) -> NDArray[np.float64]:
        """The centre of the search, float64 (n_parameters,), a copy."""
        mean: NDArray[np.float64] = np.array(self._strategy.mean, np.float64)
        return mean

    @property
    def sigma(self) -> float:
        """The overall step size."""
        return float(self._strategy.sigma)

    @property
    def generation(self) -> int:
        """How many populations have been told."""
        return int(self._strategy.countiter)

    def ask(self) -> NDArray[np.float64]:
        """Draw a population, float64 (population, n_parameters)."""
        self._asked = self._arrays()
        population = np.array(self._strategy.ask(), np.float64)
        self._strategy.sent_solutions.clear()  # else it grows with each population not told
        return population

    def tell(self, candidates: NDArray[np.float64], returns: NDArray[np.float64]) -> None:
        """Move towards the better half of a population that `ask` drew.

        Where all returns are equal there is nothing to learn, and the search stays put.

        Args:
            candidates: float64 (population, n_parameters), as asked.
            returns: (population,), finite, higher is better.

        Raises:
            EvolutionError: a return that is not finite.
        """
        returns = np.asarray(returns, np.float64)
        assert self._asked is not None, "tell without ask"
        assert candidates.shape == (self.population, self.n_parameters), candidates.shape
        assert returns.shape == (self.population,), returns.shape
        if not np.isfinite(returns).all():
            worst = int(np.flatnonzero(~np.isfinite(returns))[0])
            raise EvolutionError(
                f"candidate {worst} has a return of {returns[worst]}: evaluate it again"
            )
        self._asked = None
        ranks = centred_ranks(returns)
        if not ranks.any():
            self._strategy.countiter += 1
            return
        # pycma minimises; no check, for it would shorten long steps that it drew itself
        self._strategy.tell(list(candidates), (-ranks).tolist(), check_points=False)
        low, high = (factor * self.sigma0 for factor in SIGMA_RANGE)
        self._strategy.sigma = float(np.clip(self._strategy.sigma, low, high))

    def save(self, folder: Path) -> None:
        """Write evolution.npz and evolution.json; the arrays alone carry what changes.

        Raises:
            OSError: the folder can't be written; what was there before is untouched.
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
        """Go on, bit for bit, from where `save` was called.

        Raises:
            EvolutionError: a file is missing, cut, or does not fit the other.
        """
        path = folder / EVOLUTION
        constants = _read_constants(path)
        evolution = cls(
            constants["n_parameters"], constants["population"], constants["sigma0"], seed=1
        )
        evolution._restore(_read_arrays(folder / EVOLUTION_ARRAYS, evolution._arrays()))
        return evolution

    def _arrays(self) -> Arrays:
        """All that makes the next generations what they will be, copied."""
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


def _strategy(
    mean: NDArray[np.float64],
    sigma0: float,
    stds: NDArray[np.float64],
    population: int,
    random: np.random.RandomState,
) -> Any:
    """Build pycma's strategy: quiet, writing no files, drawing from our own random state only."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pycma warns where matplotlib is not installed
        import cma
        from cma.sigma_adaptation import CMAAdaptSigmaCSA
        from cma.utilities.utils import ElapsedWCTime
    options = {
        "popsize": population,
        # At 8,996 parameters and 32 candidates: 8 ms to ask, 7 ms to tell, 60 MB. VD and VkD
        # cost the same and learn correlations, but where only the sign of a sum counts, as in
        # our controller, 80 generations left 3 % of the signs wrong here, 5 % with VD and 33 %
        # with VkD, which adapts its step size in its own way.
        "CMA_diagonal": True,
        "CMA_stds": stds,
        "CMA_mirrors": 0,
        "conditioncov_alleviate": False,
        # From 300 parameters on pycma would turn to TPA, which gives two of the population's
        # places to a line search and trusts their two noisy returns.
        "AdaptSigma": CMAAdaptSigmaCSA,
        "randn": random.randn,
        "seed": np.nan,  # leave numpy's global state alone
        "verbose": -10,
        "verb_log": 0,
        "verb_disp": 0,
    }
    strategy = cma.CMAEvolutionStrategy(mean, sigma0, options)
    # Its first `ask` and `tell` would make these, and a loaded state has no first.
    strategy.timer = ElapsedWCTime()
    strategy.mean_old = strategy.mean
    return strategy


def _read_constants(path: Path) -> dict[str, Any]:
    try:
        constants = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())[:120]
        raise EvolutionError(f"{path} can't be read ({reason}): restore it, or evolve") from None
    if not isinstance(constants, dict) or set(constants) != set(_CONSTANTS):
        raise EvolutionError(f"{path} does not hold exactly {', '.join(_CONSTANTS)}: restore it")
    for name, kind in _CONSTANTS.items():
        if type(constants[name]) is not kind:
            raise EvolutionError(f"{path}: {name} is {constants[name]!r:.80}: not {kind.__name__}")
    if constants["format_version"] != FORMAT_VERSION:
        raise EvolutionError(
            f"{path}: format_version is {constants['format_version']}, this program reads "
            f"{FORMAT_VERSION}: use the release that wrote it, or evolve again"
        )
    return constants


def _read_arrays(path: Path, like: Arrays) -> Arrays:
    """Read evolution.npz, whose arrays must have the names, shapes and types of `like`."""
    arrays: Arrays = {}
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            names = set(stored.files)
            for name in names & set(like):
                arrays[name] = stored[name]
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        reason = " ".join(str(error).split())[:120]
        raise EvolutionError(
            f"{path} is missing, cut or altered ({reason}): restore it, or evolve again"
        ) from None
    if names != set(like):
        raise EvolutionError(f"{path} does not hold exactly {', '.join(like)}: restore it")
    for name, array in arrays.items():
        expected = like[name]
        if array.shape != expected.shape or array.dtype != expected.dtype:
            raise EvolutionError(
                f"{path}: {name} is {array.dtype} {array.shape} instead of {expected.dtype} "
                f"{expected.shape}: it belongs to another {EVOLUTION}"
            )
        if not np.isfinite(array).all():
            raise EvolutionError(f"{path}: {name} is not finite: restore it, or evolve again")
    return _checked_ranges(path, arrays)


def _checked_ranges(path: Path, arrays: Arrays) -> Arrays:
    position, has_gauss = arrays["random_position"].tolist()
    if not (
        arrays["sigma"] > 0
        and (arrays["scaling"] > 0).all()
        and arrays["generation"] >= 0
        and 0 <= position <= 624
        and has_gauss in (0, 1)
    ):
        raise EvolutionError(f"{path} holds values out of range: restore it, or evolve again")
    return arrays
