"""Workers on a Ray cluster: they do the same tasks as `arena.workers.pool`, on several machines.

A worker is an actor with one CPU and its own process, so it can have one emulator. If a worker or a
node dies, its task is given to another worker. Every node needs the project at the same path, and
access to the folders that a task names: use a shared file system.

Ray sends Python objects by pickle: use only machines that you trust.
"""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Generic, TypeVar

from agent.errors import UserError
from arena.workers.remote_errors import (
    ATTEMPTS,
    THREAD_VARIABLES,
    Outcome,
    OutcomeWorker,
    PendingTask,
    unwrap,
)

EXECUTORS = ("local", "ray")
EXECUTOR_HELP = "where workers run: processes on this machine, or a Ray cluster"
ADDRESS_HELP = "HOST:PORT of the cluster's head node, or `auto` [a new one on this machine]"

PROBE_SECONDS = 10.0
WORKER_SECONDS = 600.0  # a run gives up after this time without a worker
OBJECT_STORE_BYTES = 100 * 2**20  # for a cluster started on this machine: tasks are small

TaskT = TypeVar("TaskT")
ResultT = TypeVar("ResultT")


class ClusterError(UserError):
    """There is no cluster or no worker on it, or several workers died on one task."""


def check_address(executor: str, address: str | None) -> None:
    """Check that an address is given only with the executor "ray".

    Raises:
        UserError: an address is given with another executor.
    """
    if executor != "ray" and address is not None:
        raise UserError("--ray-address needs --executor ray: give both, or leave it out")


def connect(address: str | None, cpus: int) -> Any:
    """Connect to a cluster, or start one on this machine; return the module `ray`.

    Ray's dashboard and usage statistics are off.

    Args:
        address: HOST:PORT of the head node or "auto"; None starts a cluster on this machine.
        cpus: number of workers of a cluster that is started here.

    Raises:
        ClusterError: the package is missing, or no cluster can be reached.
    """
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    for variable in THREAD_VARIABLES:
        os.environ.setdefault(variable, "1")
    try:
        import ray
    except ImportError:
        raise ClusterError(
            "this Python has no package ray: .venv/bin/pip install -c constraints.txt -e"
            " '.[cluster]'"
        ) from None
    if ray.is_initialized():
        return ray
    settings: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    if address is None:
        settings |= {"num_cpus": cpus, "object_store_memory": OBJECT_STORE_BYTES}
        settings |= {"include_dashboard": False}
    try:
        if address is not None and address != "auto":
            _probe(address)  # Ray itself would try for minutes
        ray.init(address=address or "local", **settings)
    except (ConnectionError, RuntimeError, ValueError, OSError) as error:
        reason = " ".join(str(error).split())[:120]
        raise ClusterError(
            f"no Ray cluster at {address or 'this machine'} ({reason}): `ray start --head` starts"
            " one, and prints its HOST:PORT"
        ) from None
    return ray


def _probe(address: str) -> None:
    """Check that a process listens at an address.

    Raises:
        OSError: no process listens there.
        ValueError: it is not an address.
    """
    host, _, port = address.rpartition(":")
    socket.create_connection((host, int(port)), PROBE_SECONDS).close()


def disconnect() -> None:
    """Disconnect from the cluster; one that `connect` started is ended."""
    import ray

    ray.shutdown()


@dataclass
class _ClusterWorker:
    """An actor; until it is `ready`, it waits for a node with a free CPU."""

    actor: Any
    outcome: Any  # reference of its next outcome
    ready: bool = False
    job: Any = None
    created: float = field(default_factory=time.monotonic)


class Cluster(Generic[TaskT, ResultT]):
    """Runs tasks on actors of a Ray cluster. Close it, or use it as a context manager."""

    def __init__(
        self,
        make: Callable[[], Callable[[TaskT], ResultT]],
        workers: int,
        address: str | None = None,
        task_seconds: float = 600.0,
    ) -> None:
        """Connect to the cluster and request the actors.

        Args:
            make: called once in each actor; returns the function that does a task there. It is
                sent by name: nodes import it.
            workers: number of actors, 1 or more; some may wait for a node with a free CPU.
            address: see `connect`.
            task_seconds: a worker that takes longer for a task is replaced.

        Raises:
            UserError: `workers` is below 1.
            ClusterError: no cluster can be reached.
        """
        if workers < 1:
            raise UserError(f"{workers} workers: give 1 or more")
        self._ray = connect(address, workers)
        self._make = make
        self._task_seconds = task_seconds
        self._failed_starts = 0  # since the last worker became ready
        actor = self._ray.remote(num_cpus=1, max_restarts=0, max_task_retries=0)(_Actor)
        self._new_actor = actor.remote
        self._workers = [self._new_worker() for _ in range(workers)]

    def run(self, tasks: Iterable[TaskT]) -> Iterator[tuple[TaskT, ResultT]]:
        """Yield (task, result) as they finish, in any order.

        A task whose worker died is given to another worker. `tasks` is read one at a time, when
        a worker is idle.

        Raises:
            UserError, OSError: a task raised it.
            ClusterError: several workers died or hung on one task, or none started in time.
            RuntimeError: a task raised any other exception; the message has its traceback.
        """
        source = iter(tasks)
        again: list[PendingTask[TaskT]] = []
        while True:
            for worker in self._workers:
                if worker.ready and worker.job is None:
                    job = (
                        again.pop() if again else next((PendingTask(task) for task in source), None)
                    )
                    if job is None:
                        break
                    self._start(worker, job)
            ready = [worker for worker in self._workers if worker.ready]
            if ready and not any(worker.job for worker in ready):
                return
            for worker in self._wait():
                job, outcome = worker.job, self._receive(worker)
                if outcome is None:
                    self._replace(worker)
                    if job is not None:
                        job.count_attempt(ClusterError)
                        again.append(job)
                elif job is not None:
                    worker.job = None
                    yield job.task, unwrap(outcome)
                else:
                    worker.ready, self._failed_starts = True, 0

    def close(self) -> None:
        """End the actors, and the cluster if it was started here."""
        for worker in self._workers:
            self._ray.kill(worker.actor)
        disconnect()

    def __enter__(self) -> Cluster[TaskT, ResultT]:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _new_worker(self) -> _ClusterWorker:
        actor = self._new_actor(self._make)
        return _ClusterWorker(actor, actor.start.remote())

    def _start(self, worker: _ClusterWorker, job: PendingTask[TaskT]) -> None:
        job.deadline = time.monotonic() + self._task_seconds
        worker.job, worker.outcome = job, worker.actor.do.remote(job.task)

    def _replace(self, worker: _ClusterWorker) -> None:
        self._ray.kill(worker.actor)
        self._workers[self._workers.index(worker)] = self._new_worker()

    def _wait(self) -> list[_ClusterWorker]:
        """Wait until workers have an outcome, died, or passed their deadline; return them."""
        expected = [worker for worker in self._workers if worker.job or not worker.ready]
        soonest = min(self._deadline(worker) for worker in expected)
        outcomes = {worker.outcome: worker for worker in expected}
        timeout = max(0.0, soonest - time.monotonic())
        ready, _ = self._ray.wait(list(outcomes), timeout=timeout)
        now = time.monotonic()
        late = [worker for worker in expected if worker.job and self._deadline(worker) <= now]
        chosen = [outcomes[outcome] for outcome in ready]
        if not chosen and not any(worker.ready for worker in self._workers):
            raise ClusterError(
                f"no node of the cluster had a free CPU for {WORKER_SECONDS:.0f} s: `ray status`"
                " shows its nodes; the same command continues"
            )
        return chosen + [worker for worker in late if worker not in chosen]

    def _deadline(self, worker: _ClusterWorker) -> float:
        if worker.job:
            return float(worker.job.deadline)
        if any(other.ready for other in self._workers):
            return float("inf")  # workers that wait for a node do not delay the others
        return worker.created + WORKER_SECONDS

    def _receive(self, worker: _ClusterWorker) -> Outcome | None:
        """Return the outcome of a worker's task; None if the worker died or is late."""
        if not self._ray.wait([worker.outcome], timeout=0)[0]:
            return None
        try:
            outcome: Outcome = self._ray.get(worker.outcome)
            return outcome
        except self._ray.exceptions.RayError as error:
            if not worker.ready:
                self._count_failed_start(error)
            return None

    def _count_failed_start(self, error: Exception) -> None:
        self._failed_starts += 1
        if self._failed_starts >= ATTEMPTS * len(self._workers):
            reason = str(error).strip().splitlines()[-1][:120]
            raise ClusterError(
                f"workers on the cluster die at their start ({reason}): install this project and"
                " its packages on every node, at the same path"
            ) from None


class _Actor:
    """A worker's process on a node."""

    def __init__(self, make: Callable[[], Callable[[Any], Any]]) -> None:
        self._worker = OutcomeWorker(make)

    def start(self) -> Outcome:
        return "result", None

    def do(self, task: Any) -> Outcome:
        return self._worker(task)
