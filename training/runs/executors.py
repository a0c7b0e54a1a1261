"""Runs the tasks of a stage on local processes or on a Ray cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Protocol, TypeVar

from arena.workers.pool import Pool
from arena.workers.ray_cluster import Cluster, check_address

FREE = ("executor", "ray_address", "workers")  # options that do not change results

Task = TypeVar("Task")
Result = TypeVar("Result")
Outcome = TypeVar("Outcome", covariant=True)


class Executor(Protocol[Task, Outcome]):
    """A pool of workers that runs each task once, even if workers die."""

    def run(self, tasks: Iterable[Task]) -> Iterator[tuple[Task, Outcome]]:
        """Yield (task, result) in the order of completion; see `arena.workers.pool.Pool.run`."""


@contextmanager
def open_executor(
    name: str,
    make: Callable[[], Callable[[Task], Result]],
    workers: int,
    ray_address: str | None = None,
    task_seconds: float = 600.0,
) -> Iterator[Executor[Task, Result]]:
    """Start workers for the duration of the block.

    Args:
        name: "local" or "ray".
        make: called once in each worker; returns the function that runs a task.
        workers: number of workers, 1 or more.
        ray_address: address of a running cluster; None: start one on this machine.
        task_seconds: time limit of a task, after which its worker is replaced.

    Raises:
        UserError: an address without Ray, fewer than one worker, or no cluster at the address.
    """
    check_address(name, ray_address)
    pool: Pool[Task, Result] | Cluster[Task, Result]
    if name == "ray":
        pool = Cluster(make, workers, ray_address, task_seconds)
    else:
        pool = Pool(make, workers, task_seconds)
    with pool:
        yield pool
