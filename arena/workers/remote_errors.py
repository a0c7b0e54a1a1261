"""Sends the outcome of a task between processes: its result, or the error to raise in the caller.

Exceptions are not sent themselves: the other process may not know their class, and not every
exception can be unpickled.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from agent.errors import UserError

# One thread per worker: numpy and OpenCV read these when a process imports them first.
THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENCV_FOR_THREADS_NUM",
)
ATTEMPTS = 3  # number of times that a task or level is tried before the run ends with an error

TaskT = TypeVar("TaskT")
ResultT = TypeVar("ResultT")
Outcome = tuple[str, Any]  # kind and content, see OutcomeWorker


class OutcomeWorker(Generic[TaskT, ResultT]):
    """Does tasks in a worker process and returns outcomes; it never raises."""

    def __init__(self, make: Callable[[], Callable[[TaskT], ResultT]]) -> None:
        """Store the function that makes the worker; the first task calls it.

        Args:
            make: returns a function that does one task.
        """
        self._make = make
        self._work: Callable[[TaskT], ResultT] | None = None

    def __call__(self, task: TaskT) -> Outcome:
        """Do a task and return its outcome, which contains any error; see `unwrap`."""
        try:
            if self._work is None:
                self._work = self._make()
            return "result", self._work(task)
        except UserError as error:
            return "user error", str(error)
        except OSError as error:
            return "os error", (error.errno, error.strerror or str(error), error.filename)
        except Exception:  # sent to the caller: the worker must not look as if it had died
            return "failure", traceback.format_exc()


def unwrap(outcome: Outcome) -> Any:
    """Return the result in an outcome, or raise the error in it.

    Raises:
        UserError, OSError: the task raised it.
        RuntimeError: the task raised any other exception; the message has its traceback.
    """
    kind, content = outcome
    if kind == "user error":
        raise UserError(content)
    if kind == "os error":
        raise OSError(*content)
    if kind == "failure":
        raise RuntimeError(f"a worker failed:\n{content}")
    return content


@dataclass
class PendingTask(Generic[TaskT]):
    """A task that has no result yet.

    Attributes:
        task: the task.
        attempts: number of workers that died or hung on it.
        deadline: time.monotonic() after which its worker counts as hanging.
    """

    task: TaskT
    attempts: int = 0
    deadline: float = 0.0

    def count_attempt(self, error: type[UserError]) -> None:
        """Count a worker that died or hung on the task.

        Raises:
            UserError: of the given class, after the last attempt.
        """
        self.attempts += 1
        if self.attempts == ATTEMPTS:
            raise error(
                f"{ATTEMPTS} workers died or hung on one task ({str(self.task)[:80]}): is there "
                "enough memory? The same command continues"
            )
