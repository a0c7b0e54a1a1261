"""What a task gave, as a message between processes: its result, or what to raise on the other side.

Exceptions themselves don't travel: their classes may be unknown there, or refuse to be rebuilt.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from agent.errors import UserError

# One thread a worker: numpy and OpenCV read these in a process when they are first imported there.
THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENCV_FOR_THREADS_NUM",
)

Task = TypeVar("Task")
Result = TypeVar("Result")
Answer = tuple[str, Any]


class Answering(Generic[Task, Result]):
    """A worker's work, made with the first task and kept for the next ones."""

    def __init__(self, make: Callable[[], Callable[[Task], Result]]) -> None:
        """Take what makes the work."""
        self._make = make
        self._work: Callable[[Task], Result] | None = None

    def __call__(self, task: Task) -> Answer:
        """Do a task; whatever it raises is in the answer too."""
        try:
            if self._work is None:
                self._work = self._make()
            return "result", self._work(task)
        except UserError as error:
            return "mistake", str(error)
        except OSError as error:
            return "fault", (error.errno, error.strerror or str(error), error.filename)
        except Exception:  # raised again over there: what failed must not look like a dead worker
            return "failure", traceback.format_exc()


def opened(answer: Answer) -> Any:
    """The result of an answer.

    Raises:
        UserError, OSError: what the task raised.
        RuntimeError: any other exception of the task, with its traceback.
    """
    kind, content = answer
    if kind == "mistake":
        raise UserError(content)
    if kind == "fault":
        raise OSError(*content)
    if kind == "failure":
        raise RuntimeError(f"a worker failed:\n{content}")
    return content
