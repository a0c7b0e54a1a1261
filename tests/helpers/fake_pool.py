"""A fake worker pool, which starts no processes and computes each result with a function."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any


class FakePool:
    """Replaces the class `Pool` in a test. Calling or entering an instance returns the instance.

    Attributes:
        played: the tasks, in order.
        stop_after: number of played tasks after which KeyboardInterrupt is raised, as by Ctrl-C.
    """

    def __init__(self, result: Callable[[Any], Any]) -> None:
        """Create a pool; the function `result` returns the result of a task."""
        self.played: list[Any] = []
        self.stop_after = 10**9
        self._result = result

    def __call__(
        self, make: Callable[[], Any], workers: int, *more: Any, **options: Any
    ) -> FakePool:
        return self

    def __enter__(self) -> FakePool:
        return self

    def __exit__(self, *error: object) -> None: ...

    def run(self, tasks: Iterable[Any]) -> Iterator[tuple[Any, Any]]:
        for task in tasks:
            if len(self.played) == self.stop_after:
                raise KeyboardInterrupt
            self.played.append(task)
            yield task, self._result(task)
