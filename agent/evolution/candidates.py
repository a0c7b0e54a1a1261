"""The controllers that can play, by index: initial candidates first, then draws from CMA-ES.

The lock-in rule decides which of them plays an episode; this module draws them and keeps those
that a rule may return to.

CMA-ES is not updated with the returns of the contest run. With the explorer, hardly any episode is
played by the controller alone (1 of 384 candidates had such an episode), so a return says little
about its candidate. Updating CMA-ES changed the score by -16 points (95% interval -52 to +5; 12
training levels, 3 seeds, 20,000 timesteps) and by +23 (-46 to +115; the same levels, 1 seed,
100,000 timesteps): no significant change.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from agent.evolution.cma_es import Evolution
from agent.world_model.controller import Controller

CANDIDATES_KEPT = 200  # from past populations; a budget of short episodes draws thousands
DRAWN = "drawn"

# Origin ("mean" or "hall_of_fame") and parameters (n,) of a candidate that plays before any draw.
InitialCandidate = tuple[str, NDArray[np.floating]]


class Candidates:
    """Controllers by index: the initial candidates, then draws from CMA-ES, by population.

    With F initial candidates, candidate F + i is member i % population of draw i // population.
    The distribution is that of the packed evolution state and never changes.
    """

    def __init__(self, evolution: Evolution, initial: Sequence[InitialCandidate] = ()) -> None:
        self._evolution = evolution
        self._origins = [origin for origin, _ in initial]
        self._kept = {
            index: parameters.astype(np.float32) for index, (_, parameters) in enumerate(initial)
        }
        self._population: NDArray[np.float64] = np.empty((0, evolution.n_parameters))
        self._first = len(initial)  # index of the current population's first member
        self._best_returns: dict[int, float] = {}

    def controller(self, index: int) -> Controller:
        """Return the controller of candidate `index`: one that played before, or the next new one.

        A candidate of a past population must be among the `CANDIDATES_KEPT` best ones.
        """
        if index not in self._kept:
            if index == self._first + len(self._population):
                self._population = self._evolution.ask()
                self._first = index
            assert index >= self._first, f"candidate {index} had a low return and was dropped"
            self._kept[index] = self._population[index - self._first].astype(np.float32)
        return Controller(self._kept[index])

    def origin(self, index: int) -> str:
        """Return where a candidate comes from: "mean", "hall_of_fame" or "drawn"."""
        return self._origins[index] if index < len(self._origins) else DRAWN

    def finished(self, index: int, episode_return: float) -> None:
        """Record the return of an episode that candidate `index` played.

        From past populations, only the candidates with the highest returns are kept, to bound the
        memory use; a rule never returns to the others.
        """
        best = self._best_returns.get(index, episode_return)
        self._best_returns[index] = max(best, episode_return)
        past = [candidate for candidate in self._kept if candidate < self._first]
        if len(past) > CANDIDATES_KEPT:
            worst = min(past, key=lambda candidate: self._best_returns[candidate])
            del self._kept[worst], self._best_returns[worst]
