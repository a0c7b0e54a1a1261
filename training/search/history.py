"""The history of a search: best returns by level, hall of fame, measured returns of the mean."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agent.files import write_atomically
from training.runs.resume import TrainingError
from training.runs.run_folder import read_result
from training.runs.stages import EVOLVE

CHAMPION = "champion.safetensors"  # the best candidate of the hall of fame
HALL_OF_FAME_FILE = "hall_of_fame.safetensors"
HALL_OF_FAME = 5  # candidates in the hall of fame


class SearchHistory:
    """What a search has measured so far, besides the state of CMA-ES itself.

    Attributes:
        seconds: duration of all generations so far.
        steps: environment steps so far.
        episodes: episodes so far.
        levels: highest return of a single episode, by level name.
        mean_return: latest return of the distribution's mean on the training levels.
        validation_return: the same on the validation levels.
        levels_opened: number of levels that the curriculum has reached.
        best_mean: `generation` and `mean_return` of the mean that scored highest.
        hall_of_fame: `generation`, `candidate` and `mean_return` of the best candidates, the best
            first; also `measured_return` once they have been measured again.
        hall_of_fame_parameters: parameters of these candidates, float32 (n,) each.
    """

    def __init__(self) -> None:
        """Start an empty history."""
        self.seconds = 0.0
        self.steps = 0
        self.episodes = 0
        self.levels: dict[str, float] = {}
        self.mean_return: float | None = None
        self.validation_return: float | None = None
        self.levels_opened = 1
        self.best_mean: dict[str, float] | None = None
        self.hall_of_fame: list[dict[str, float]] = []
        self.hall_of_fame_parameters: list[NDArray[np.float32]] = []

    def admit(self, generation: int, returns: NDArray[np.float64], drawn: NDArray[Any]) -> None:
        """Add the best candidate of a generation to the hall of fame, if it is good enough.

        Args:
            generation: number of the generation.
            returns: mean return of each candidate, (population,).
            drawn: parameters of the candidates, (population, n).
        """
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

    def sort_hall_of_fame(self, returns: NDArray[np.float64]) -> None:
        """Sort the hall of fame by the returns of a new measurement, (n_hall_of_fame,)."""
        order = np.argsort(-returns, kind="stable")
        self.hall_of_fame = [
            {**self.hall_of_fame[i], "measured_return": float(returns[i])} for i in order
        ]
        self.hall_of_fame_parameters = [self.hall_of_fame_parameters[i] for i in order]

    def values(self) -> dict[str, Any]:
        """Return everything except the parameters, as JSON values."""
        return {
            name: value for name, value in vars(self).items() if name != "hall_of_fame_parameters"
        }

    @classmethod
    def restore(cls, values: Any, parameters: NDArray[np.float32]) -> SearchHistory:
        """Create a history from the result of `values` and the hall of fame's parameters.

        Args:
            values: result of `values`.
            parameters: float32 (n_hall_of_fame, n).
        """
        history = cls()
        vars(history).update(values)
        history.hall_of_fame_parameters = list(parameters)
        return history


def save_champion(folder: Path, parameters: NDArray[np.float32]) -> None:
    """Write the parameters of the best candidate, float32 (n,), to the run folder."""
    _write(folder / CHAMPION, parameters)


def save_hall_of_fame(folder: Path, parameters: list[NDArray[np.float32]]) -> None:
    """Write the parameters of the hall of fame, float32 (n,) each, the best first."""
    _write(folder / HALL_OF_FAME_FILE, np.array(parameters))


def read_hall_of_fame(run: Path, n_parameters: int) -> NDArray[np.float32]:
    """Read the hall of fame of a finished run.

    Args:
        run: run folder of training.evolve.
        n_parameters: number of parameters of the model's controller.

    Returns:
        The parameters, float32 (n_hall_of_fame, n_parameters), the best first.

    Raises:
        TrainingError: the run is not finished, was altered, or is of another model.
    """
    from safetensors.numpy import load as load_arrays  # --help does not need it

    read_result(run, EVOLVE)
    hall_of_fame = load_arrays((run / HALL_OF_FAME_FILE).read_bytes())["parameters"]
    if hall_of_fame.shape[1:] != (n_parameters,):
        raise TrainingError(
            f"{run / HALL_OF_FAME_FILE} has candidates of {hall_of_fame.shape[1:]} parameters, but "
            f"this model's controller has {n_parameters}: run training.evolve for this model"
        )
    return hall_of_fame


def _write(path: Path, parameters: NDArray[np.float32]) -> None:
    from safetensors.numpy import save as save_arrays

    write_atomically(path, save_arrays({"parameters": parameters}))
