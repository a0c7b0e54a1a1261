"""The controllers that play, by index: those given first, then draws from CMA-ES.

Which of them plays when is the lock-in rule's to say; here they are drawn, kept, and told back.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from agent.evolution import Evolution
from agent.world_model.controller import Controller

CANDIDATES_KEPT = 200  # a rule can go back to these; a budget of short episodes draws thousands
DRAWN = "drawn"

Leader = tuple[str, NDArray[np.floating]]  # origin ("mean", "hall_of_fame"), and parameters (n,)


class Candidates:
    """Controllers by index: the leaders, then draws from CMA-ES a population at a time.

    With F leaders, candidate F + i is member i % population of generation i // population. Once
    every member of a generation has a return, they are told back to CMA-ES (with learning), and
    the next generation is drawn; a member that played more than once counts with its mean.
    Leaders are no draws from the distribution, and are never told.
    """

    def __init__(
        self, evolution: Evolution, learn: bool = True, leaders: Sequence[Leader] = ()
    ) -> None:
        self._evolution = evolution
        self._learn = learn
        self._origins = [origin for origin, _ in leaders]
        self._kept = {
            index: parameters.astype(np.float32) for index, (_, parameters) in enumerate(leaders)
        }
        self._generation: NDArray[np.float64] = np.empty((0, evolution.n_parameters))
        self._first = len(leaders)  # index of the current generation's first member
        self._returns: dict[int, list[float]] = {}

    def controller(self, index: int) -> Controller:
        """The controller of candidate `index`: one seen before, or the next fresh one."""
        if index not in self._kept:
            if index == self._first + len(self._generation):
                self._next_generation(index)
            assert index >= self._first, f"candidate {index} was among the worst, and is forgotten"
            self._kept[index] = self._generation[index - self._first].astype(np.float32)
        return Controller(self._kept[index])

    def origin(self, index: int) -> str:
        """Where a candidate comes from: "mean", "hall_of_fame" or "drawn"."""
        return self._origins[index] if index < len(self._origins) else DRAWN

    def taking_turns(self, index: int) -> Iterator[tuple[int, Controller]]:
        """Candidate `index`, then the others of the moment, in turn and without an end.

        The others are the members of the current generation. To take over in mid-episode is no
        try of their own: they still play their episodes, from the start, when their turn comes.
        """
        yield index, self.controller(index)
        if not len(self._generation):  # only leaders have played yet
            self._next_generation(self._first)
        members = [self._first + member for member in range(len(self._generation))]
        later = [member for member in members if member > index]
        others = [member for member in later + members[: -len(later) or None] if member != index]
        for other in itertools.cycle(others):
            yield other, Controller(self._generation[other - self._first].astype(np.float32))

    def finished(self, index: int, episode_return: float) -> None:
        """Record an episode's return; of the past generations only the best are kept."""
        self._returns.setdefault(index, []).append(episode_return)
        past = [candidate for candidate in self._kept if candidate < self._first]
        if len(past) > CANDIDATES_KEPT:
            worst = min(past, key=lambda candidate: max(self._returns[candidate]))
            del self._kept[worst], self._returns[worst]

    def _next_generation(self, first: int) -> None:
        if self._learn and len(self._generation):
            members = range(self._first, first)
            means = np.array([np.mean(self._returns[member]) for member in members])
            self._evolution.tell(self._generation, means)
        self._generation = self._evolution.ask()
        self._first = first
