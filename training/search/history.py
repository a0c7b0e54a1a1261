"""What an evolution has seen so far: records by level, the hall of fame, the mean's measures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load as load_arrays
from safetensors.numpy import save as save_arrays

from agent.files import write_atomically
from training.runs.resume import TrainingError
from training.runs.run_folder import read_result

CHAMPION = "champion.safetensors"  # the candidate that scored highest when played again
HALL_OF_FAME_FILE = "hall_of_fame.safetensors"  # the hall of fame, the best when played again first
HALL_OF_FAME = 5  # candidates in the hall of fame


class Records:
    """What the search has seen so far, beside the distribution itself."""

    def __init__(self) -> None:
        """Start with nothing seen."""
        self.seconds = 0.0
        self.steps = 0  # of the environment
        self.episodes = 0
        self.levels: dict[str, float] = {}  # highest return of an episode, by level
        self.mean_return: float | None = None  # newest measure of the distribution's mean
        self.validation_return: float | None = None  # the same on levels that decide nothing
        self.levels_opened = 1  # of a curriculum
        self.best_mean: dict[str, float] | None = None  # generation and return of the highest
        self.hall_of_fame: list[
            dict[str, float]
        ] = []  # generation, candidate, mean return; best first
        self.hall_of_fame_parameters: list[NDArray[np.float32]] = []

    def admit(self, generation: int, returns: NDArray[np.float64], drawn: NDArray[Any]) -> None:
        """Let the best candidate of a generation into the hall of fame, if it is good enough."""
        best = int(returns.argmax())
        entry = {
            "generation": generation,
            "candidate": best,
            "mean_return": float(returns[best]),
        }
        both = [*zip(self.hall_of_fame, self.hall_of_fame_parameters, strict=True)]
        both.append((entry, drawn[best].astype(np.float32)))
        both.sort(key=lambda pair: -pair[0]["mean_return"])
        self.hall_of_fame = [entry for entry, _ in both[:HALL_OF_FAME]]
        self.hall_of_fame_parameters = [parameters for _, parameters in both[:HALL_OF_FAME]]

    def measured(self, returns: NDArray[np.float64]) -> None:
        """Put the hall of fame in the order of what its candidates scored when played again."""
        order = np.argsort(-returns, kind="stable")
        self.hall_of_fame = [
            {**self.hall_of_fame[i], "measured_return": float(returns[i])} for i in order
        ]
        self.hall_of_fame_parameters = [self.hall_of_fame_parameters[i] for i in order]

    def values(self) -> dict[str, Any]:
        """All but the parameters, as JSON values."""
        return {
            name: value for name, value in vars(self).items() if name != "hall_of_fame_parameters"
        }

    @classmethod
    def restore(cls, values: Any, parameters: NDArray[np.float32]) -> Records:
        """Read what `values` gave, with the hall of fame's parameters, (n_hall_of_fame, n)."""
        records = cls()
        vars(records).update(values)
        records.hall_of_fame_parameters = list(parameters)
        return records


def save_champion(folder: Path, parameters: NDArray[np.float32]) -> None:
    """Write the parameters of the best candidate, float32 (n,)."""
    write_atomically(folder / CHAMPION, save_arrays({"parameters": parameters}))


def save_hall_of_fame(folder: Path, parameters: list[NDArray[np.float32]]) -> None:
    """Write the parameters of the hall of fame, the best first, each float32 (n,)."""
    write_atomically(folder / HALL_OF_FAME_FILE, save_arrays({"parameters": np.array(parameters)}))


def read_hall_of_fame(run: Path, n_parameters: int) -> NDArray[np.float32]:
    """The hall of fame of a finished run, float32 (n_hall_of_fame, n_parameters), the best first.

    A run of before there was such a file has its champion.

    Raises:
        TrainingError: the run is not finished or was altered, or is of another model.
    """
    result = read_result(run, "evolve")
    if HALL_OF_FAME_FILE not in result["files"]:
        return read_champion(run, n_parameters).astype(np.float32)[None]
    hall_of_fame = load_arrays((run / HALL_OF_FAME_FILE).read_bytes())["parameters"]
    if hall_of_fame.shape[1:] != (n_parameters,):
        raise TrainingError(
            f"the hall of fame of {run} is {hall_of_fame.shape}, this model's controllers have"
            f" {n_parameters} parameters: evolve for this model"
        )
    return hall_of_fame


def read_champion(run: Path, n_parameters: int) -> NDArray[np.float64]:
    """The champion of a finished run, float64 (n_parameters,).

    Raises:
        TrainingError: the run is not finished or was altered, or is of another model.
    """
    read_result(run, "evolve")
    parameters = load_arrays((run / CHAMPION).read_bytes())["parameters"]
    if parameters.shape != (n_parameters,):
        raise TrainingError(
            f"the champion of {run} has {parameters.size} parameters, this model's controller "
            f"{n_parameters}: start from a run of the same model"
        )
    return parameters.astype(np.float64)
