"""Who runs a stage's tasks: processes of this machine, or a Ray cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Protocol, TypeVar

from arena.workers.pool import Pool
from arena.workers.ray_cluster import Cluster, check_address

FREE = ("executor", "ray_address", "workers")  # options that change no result

Task = TypeVar("Task")
Result = TypeVar("Result")
Given = TypeVar("Given", covariant=True)


class Executor(Protocol[Task, Given]):
    """Something that runs tasks, each once, whatever happens to its workers."""

    def run(self, tasks: Iterable[Task]) -> Iterator[tuple[Task, Given]]:
        """Yield (task, result) as they finish, in any order; see `workers.Pool.run`."""


@contextmanager
def open_executor(
    name: str,
    make: Callable[[], Callable[[Task], Result]],
    workers: int,
    ray_address: str | None = None,
    task_seconds: float = 600.0,
) -> Iterator[Executor[Task, Result]]:
    """Start workers; they end with the block.

    Args:
        name: "local" or "ray".
        make: called once in each worker; what it returns is called with each task there.
        workers: how many, 1 or more.
        ray_address: of a running cluster; None starts one on this machine.
        task_seconds: a worker that takes longer over a task is replaced.

    Raises:
        UserError: an address without Ray, no worker asked for, no cluster.
    """
    check_address(name, ray_address)
    pool: Pool[Task, Result] | Cluster[Task, Result]
    if name == "ray":
        pool = Cluster(make, workers, ray_address, task_seconds)
    else:
        pool = Pool(make, workers, task_seconds)
    with pool:
        yield pool
