"""Evolution strategies with antithetic pairs, centred ranks and Adam.

Source: Salimans et al. 2017, "Evolution Strategies as a Scalable Alternative to Reinforcement
Learning", sections 2 and 2.1.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from agent.errors import UserError
from agent.evolution.cma_es import centred_ranks
from baselines.learning.evolution.options import EsSettings

Vectors = NDArray[np.float64]


class EvolutionStrategies:
    """Call `ask` for a generation, play it, and `tell` its returns; higher is better.

    Attributes:
        generation: number of generations that were told.
    """

    def __init__(self, start: Vectors, settings: EsSettings, pairs: int, seed: int) -> None:
        """Start a search.

        Args:
            start: first mean of the candidates, (n,).
            settings: sigma, learning rate and L2 penalty.
            pairs: pairs of candidates in a generation.
            seed: random seed; with it, a generation's number determines its noise.
        """
        self._mean = torch.nn.Parameter(torch.from_numpy(start.copy()))
        # Adam's weight decay is the gradient of the penalty l2 / 2 |mean|^2.
        self._adam = torch.optim.Adam(
            [self._mean], settings.learning_rate, weight_decay=settings.l2
        )
        self._sigma, self._pairs, self._seed = settings.sigma, pairs, seed
        self.generation = 0

    @property
    def mean(self) -> Vectors:
        """The centre of the search, (n,); a copy."""
        return np.array(self._mean.detach().numpy())

    def ask(self) -> Vectors:
        """Return the candidates, (2 * pairs, n): mean + sigma * noise, then mean - sigma * noise.

        Until `tell`, it returns the same candidates.
        """
        steps = self._sigma * self._noise()
        return np.concatenate([self.mean + steps, self.mean - steps])

    def tell(self, returns: Vectors) -> None:
        """Move the mean towards the better candidates.

        Args:
            returns: (2 * pairs,), in the order of `ask`.

        Raises:
            UserError: a return is not finite.
        """
        assert returns.shape == (2 * self._pairs,), returns.shape
        if not np.isfinite(returns).all():
            raise UserError(
                f"a return of generation {self.generation} is not finite: {returns.tolist()}. Is"
                " the level's reward finite?"
            )
        ascent = pair_gradient(self._noise(), centred_ranks(returns))
        self._mean.grad = torch.from_numpy(-ascent)  # Adam descends
        self._adam.step()
        self.generation += 1

    def state(self) -> dict[str, torch.Tensor]:
        """Return all that the next generations depend on."""
        adam = self._adam.state_dict()["state"].get(0, {})
        tensors = {f"adam.{name}": value for name, value in adam.items()}
        return {**tensors, "mean": self._mean.detach(), "generation": torch.tensor(self.generation)}

    def restore(self, state: dict[str, torch.Tensor]) -> None:
        """Continue from what `state` returned.

        Raises:
            KeyError, ValueError: the state belongs to another search.
        """
        if state["mean"].shape != self._mean.shape:
            raise ValueError(f"mean has the shape {tuple(state['mean'].shape)}")
        adam = {n.removeprefix("adam."): v for n, v in state.items() if n.startswith("adam.")}
        with torch.no_grad():
            self._mean.copy_(state["mean"])
        self.generation = int(state["generation"])
        groups = self._adam.state_dict()["param_groups"]
        self._adam.load_state_dict({"state": {0: adam} if adam else {}, "param_groups": groups})

    def _noise(self) -> Vectors:
        random = np.random.default_rng((self._seed, self.generation))
        return random.standard_normal((self._pairs, len(self._mean)))


def pair_gradient(noise: Vectors, utilities: Vectors) -> Vectors:
    """Estimate sigma times the gradient of the candidates' mean utility at the mean.

    Args:
        noise: (P, n), standard normal; the candidates are mean + sigma * noise and
            mean - sigma * noise.
        utilities: (2 P,), first those of mean + sigma * noise.

    Returns:
        (n,): the sum of (u+ - u-) * noise over the pairs, divided by 2 P.
    """
    pairs = len(noise)
    assert utilities.shape == (2 * pairs,), utilities.shape
    return np.asarray((utilities[:pairs] - utilities[pairs:]) @ noise / (2 * pairs))
