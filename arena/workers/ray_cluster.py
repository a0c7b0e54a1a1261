"""Workers on a Ray cluster: the same tasks as local processes take, on any number of machines.

A worker is an actor with one CPU and a process of its own, so it has room for one emulator. What a
dead worker, or a whole dead node, had in hand is given to another. Every node needs the project
at the same path, and the folders that a task names: a shared file system.

Ray sends Python objects by pickle: a cluster is trusted, as its machines are.
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
from arena.workers.remote_errors import THREAD_VARIABLES, Answer, Answering, opened

EXECUTORS = ("local", "ray")
EXECUTOR_HELP = "where the workers run: processes of this machine, or a Ray cluster"
ADDRESS_HELP = "HOST:PORT of the cluster's head node, or `auto` [a new one on this machine]"

ATTEMPTS = 3  # of one task, before the run gives up
PROBE_SECONDS = 10.0
WORKER_SECONDS = 600.0  # without a single worker, before the run gives up
OBJECT_STORE_BYTES = 100 * 2**20  # of a cluster that is started here: tasks are small

Task = TypeVar("Task")
Result = TypeVar("Result")


class ClusterError(UserError):
    """No cluster, no worker on it, or workers that die on one task again and again."""


def check_address(executor: str, address: str | None) -> None:
    """Refuse an address that nobody would use."""
    if executor != "ray" and address is not None:
        raise UserError("--ray-address is for --executor ray: leave it out, or give both")


def connect(address: str | None, cpus: int) -> Any:
    """Connect to a cluster, or start one of `cpus` workers here; returns the module `ray`.

    No dashboard, and nothing is reported to Ray's makers.

    Raises:
        ClusterError: the package is missing, or no cluster answers.
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
            " one, and says its HOST:PORT"
        ) from None
    return ray


def _probe(address: str) -> None:
    """Find out whether anybody listens.

    Raises:
        OSError, ValueError: nobody, or it is no address.
    """
    host, _, port = address.rpartition(":")
    socket.create_connection((host, int(port)), PROBE_SECONDS).close()


def disconnect() -> None:
    """Leave the cluster; one that `connect` started ends."""
    import ray

    ray.shutdown()


@dataclass
class _Job(Generic[Task]):
    task: Task
    attempts: int = 0
    deadline: float = 0.0


@dataclass
class _Worker:
    """An actor; before `ready` it waits for a node with a free CPU."""

    actor: Any
    answer: Any  # the reference of what it will say next
    ready: bool = False
    job: Any = None
    created: float = field(default_factory=time.monotonic)


class Cluster(Generic[Task, Result]):
    """Runs tasks on actors of a Ray cluster. Close it, or use it as a context manager."""

    def __init__(
        self,
        make: Callable[[], Callable[[Task], Result]],
        workers: int,
        address: str | None = None,
        task_seconds: float = 600.0,
    ) -> None:
        """Connect, and ask for the actors.

        Args:
            make: called once in each actor; what it returns is called with each task there. It
                travels by name: nodes import it.
            workers: actors, 1 or more; those that no node has a CPU for wait for one.
            address: see `connect`.
            task_seconds: a worker that takes longer over a task is replaced.

        Raises:
            UserError: no worker at all was asked for.
            ClusterError: no cluster.
        """
        if workers < 1:
            raise UserError(f"{workers} workers: give 1 or more")
        self._ray = connect(address, workers)
        self._make = make
        self._task_seconds = task_seconds
        self._deaths = 0  # of workers that never were ready, since one was
        actor = self._ray.remote(num_cpus=1, max_restarts=0, max_task_retries=0)(_Actor)
        self._new_actor = actor.remote
        self._workers = [self._hire() for _ in range(workers)]

    def run(self, tasks: Iterable[Task]) -> Iterator[tuple[Task, Result]]:
        """Yield (task, result) as they finish, in any order.

        A task whose worker died is given to another. `tasks` is read one at a time, when a
        worker has nothing to do.

        Raises:
            UserError, OSError: what a task raised.
            ClusterError: a task that killed several workers, or never ends; no worker for long.
            RuntimeError: any other exception of a task, with its traceback.
        """
        source = iter(tasks)
        again: list[_Job[Task]] = []
        while True:
            for worker in self._workers:
                if worker.ready and worker.job is None:
                    job = again.pop() if again else next((_Job(task) for task in source), None)
                    if job is None:
                        break
                    self._start(worker, job)
            ready = [worker for worker in self._workers if worker.ready]
            if ready and not any(worker.job for worker in ready):
                return
            for worker in self._heard():
                job, answer = worker.job, self._receive(worker)
                if answer is None:
                    self._replace(worker)
                    if job is not None:
                        again.append(_once_more(job))
                elif job is not None:
                    worker.job = None
                    yield job.task, opened(answer)
                else:
                    worker.ready, self._deaths = True, 0

    def close(self) -> None:
        """End the actors, and the cluster if it was started here."""
        for worker in self._workers:
            self._ray.kill(worker.actor)
        disconnect()

    def __enter__(self) -> Cluster[Task, Result]:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _hire(self) -> _Worker:
        actor = self._new_actor(self._make)
        return _Worker(actor, actor.start.remote())

    def _start(self, worker: _Worker, job: _Job[Task]) -> None:
        job.deadline = time.monotonic() + self._task_seconds
        worker.job, worker.answer = job, worker.actor.do.remote(job.task)

    def _replace(self, worker: _Worker) -> None:
        self._ray.kill(worker.actor)
        self._workers[self._workers.index(worker)] = self._hire()

    def _heard(self) -> list[_Worker]:
        """Those that said something or died, or are past their deadline."""
        expected = [worker for worker in self._workers if worker.job or not worker.ready]
        soonest = min(self._deadline(worker) for worker in expected)
        answers = {worker.answer: worker for worker in expected}
        timeout = max(0.0, soonest - time.monotonic())
        said, _ = self._ray.wait(list(answers), timeout=timeout)
        now = time.monotonic()
        late = [worker for worker in expected if worker.job and self._deadline(worker) <= now]
        heard = [answers[answer] for answer in said]
        if not heard and not any(worker.ready for worker in self._workers):
            raise ClusterError(
                f"no node of the cluster had a free CPU for {WORKER_SECONDS:.0f} s: `ray status`"
                " shows what is there; the same command goes on"
            )
        return heard + [worker for worker in late if worker not in heard]

    def _deadline(self, worker: _Worker) -> float:
        if worker.job:
            return float(worker.job.deadline)
        if any(other.ready for other in self._workers):
            return float("inf")  # those that wait for a node keep nobody waiting
        return worker.created + WORKER_SECONDS

    def _receive(self, worker: _Worker) -> Answer | None:
        """The worker's answer; None when it died or is late."""
        if not self._ray.wait([worker.answer], timeout=0)[0]:
            return None
        try:
            answer: Answer = self._ray.get(worker.answer)
            return answer
        except self._ray.exceptions.RayError as error:
            if not worker.ready:
                self._stillborn(error)
            return None

    def _stillborn(self, error: Exception) -> None:
        self._deaths += 1
        if self._deaths >= ATTEMPTS * len(self._workers):
            reason = str(error).strip().splitlines()[-1][:120]
            raise ClusterError(
                f"workers on the cluster die as they start ({reason}): has every node this project"
                " and its packages, at the same path?"
            ) from None


class _Actor:
    """A worker's process on a node."""

    def __init__(self, make: Callable[[], Callable[[Any], Any]]) -> None:
        self._answering = Answering(make)

    def start(self) -> Answer:
        return "result", None

    def do(self, task: Any) -> Answer:
        return self._answering(task)


def _once_more(job: _Job[Task]) -> _Job[Task]:
    job.attempts += 1
    if job.attempts == ATTEMPTS:
        raise ClusterError(
            f"{ATTEMPTS} workers died or hung on one episode ({str(job.task)[:80]}): is there "
            "enough memory? The same command goes on"
        )
    return job
