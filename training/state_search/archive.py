"""The archive of a search: one saved state per cell, and how it was reached.

Cells are chosen as in Go-Explore's first phase (Ecoffet et al. 2021): those that lead far, and that
were seldom tried.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.state_search.state_env import REPEATED

FAR_CELLS = 100.0  # number of cells over which the weight of those that lead far decays by e
FLOOR = 0.02  # weight of a cell that leads nowhere near, relative to the farthest
STEPS_SAVED = 2  # steps by which a new trajectory must be shorter to replace a cell's
NO_NODE = -1
NO_ACTION = -1


@dataclass(frozen=True)
class Cell:
    """A saved state.

    Attributes:
        key: key of the cell.
        state: what `StateEnv.save` returned.
        node: end of the trajectory from the start, in the archive's tree.
        steps: length of this trajectory.
        progress: sum of its rewards.
        position: the player's position in pixels, (0, 0) if unknown.
    """

    key: bytes
    state: bytes
    node: int
    steps: int
    progress: float
    position: tuple[int, int]


class Archive:
    """Cells, the tree of their trajectories, and how often each cell was tried."""

    def __init__(self) -> None:
        self.cells: list[Cell] = []
        self._index: dict[bytes, int] = {}
        self._tries = np.zeros(1024)
        self._progress = np.zeros(1024)
        self._parents: list[int] = []
        self._actions: list[bytes] = []  # from the parent's state to the node's

    def __len__(self) -> int:
        return len(self.cells)

    def add_node(self, parent: int, actions: bytes) -> int:
        """Add a node to the tree of trajectories; return its number.

        Args:
            parent: node at which the actions begin; NO_NODE for the start of the level.
            actions: one number for each step, see `StateEnv.step`.
        """
        self._parents.append(parent)
        self._actions.append(actions)
        return len(self._parents) - 1

    def trajectory(self, node: int) -> bytes:
        """Return the actions from the start to a node, one byte for each step."""
        parts = []
        while node != NO_NODE:
            parts.append(self._actions[node])
            node = self._parents[node]
        return b"".join(reversed(parts))

    def last_action(self, node: int) -> int:
        """Return the last action before a node, NO_ACTION at the start."""
        return NO_ACTION if node == NO_NODE else self._actions[node][-1] % REPEATED

    def is_better(self, key: bytes, steps: int) -> bool:
        """Return whether a cell is new, or a trajectory of this length is shorter than its own."""
        index = self._index.get(key)
        return index is None or steps < self.cells[index].steps - STEPS_SAVED

    def put(self, cell: Cell) -> None:
        """Add a cell, or replace the one with its key and forget how often that was tried."""
        index = self._index.setdefault(cell.key, len(self.cells))
        if index == len(self.cells):
            self.cells.append(cell)
            if index == len(self._tries):
                self._tries = np.concatenate((self._tries, np.zeros(index)))
                self._progress = np.concatenate((self._progress, np.zeros(index)))
        else:
            self.cells[index] = cell
        self._tries[index], self._progress[index] = 0.0, cell.progress

    def probabilities(self) -> NDArray[np.float64]:
        """Return the probability of each cell to be chosen, float64 (cells,).

        With r cells farther than it, and after n tries, a cell has a probability proportional to
        (exp(-r / 100) + 0.02) / (1 + n). Of equally far cells, a newer one counts as farther.
        """
        count = len(self.cells)
        farthest_first = np.argsort(self._progress[:count], kind="stable")[::-1]
        weights = np.empty(count)
        weights[farthest_first] = np.exp(-np.arange(count) / FAR_CELLS) + FLOOR
        weights /= 1 + self._tries[:count]
        chances: NDArray[np.float64] = weights / weights.sum()
        return chances

    def choose(self, random: np.random.Generator) -> Cell:
        """Draw a cell, and count the try."""
        chances = np.cumsum(self.probabilities())
        index = int(np.searchsorted(chances, random.random() * chances[-1], side="right"))
        self._tries[index] += 1
        return self.cells[index]

    def farthest(self) -> Cell:
        """Return the cell with the highest progress; of several, the one with most steps."""
        return max(self.cells, key=lambda cell: (cell.progress, cell.steps))

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Return the whole content, for a checkpoint."""
        count = len(self.cells)
        return {
            "tries": self._tries[:count],
            "progress": self._progress[:count],
            "nodes": np.array([cell.node for cell in self.cells], np.int64),
            "steps": np.array([cell.steps for cell in self.cells], np.int64),
            "positions": np.array([cell.position for cell in self.cells], np.int64),
            **_joined("keys", [cell.key for cell in self.cells]),
            **_joined("states", [cell.state for cell in self.cells]),
            "parents": np.array(self._parents, np.int64),
            **_joined("actions", self._actions),
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Archive:
        """Restore what `to_arrays` returned."""
        archive = cls()
        for key, state, node, steps, progress, position in zip(
            _split("keys", arrays),
            _split("states", arrays),
            arrays["nodes"].tolist(),
            arrays["steps"].tolist(),
            arrays["progress"].tolist(),
            arrays["positions"].tolist(),
            strict=True,
        ):
            archive.put(Cell(key, state, node, steps, progress, (position[0], position[1])))
        archive._tries[: len(archive)] = arrays["tries"]
        archive._parents = arrays["parents"].tolist()
        archive._actions = _split("actions", arrays)
        return archive


def _joined(name: str, parts: Sequence[bytes]) -> dict[str, NDArray[Any]]:
    """Return byte strings as two arrays: all bytes, and the length of each string."""
    lengths = np.array([len(part) for part in parts], np.int64)
    return {name: np.frombuffer(b"".join(parts), np.uint8), f"{name}_lengths": lengths}


def _split(name: str, arrays: Mapping[str, NDArray[Any]]) -> list[bytes]:
    data = arrays[name].tobytes()
    ends = np.cumsum(arrays[f"{name}_lengths"]).tolist()
    return [data[start:end] for start, end in zip([0, *ends[:-1]], ends, strict=True)]
