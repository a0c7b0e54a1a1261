"""Worker processes for episodes: one emulator and one thread each, replaced when they die.

A plain pool of its own: multiprocessing.Pool hangs when a worker is killed, and the one of
concurrent.futures loses all other tasks with it.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from types import TracebackType
from typing import Any, Generic, TypeVar

from agent.errors import UserError
from arena.workers.remote_errors import THREAD_VARIABLES, Answering, opened

ATTEMPTS = 3  # of one task, before the run gives up

Task = TypeVar("Task")
Result = TypeVar("Result")


class WorkerError(UserError):
    """Workers die or hang on one task again and again."""


@dataclass
class _Job(Generic[Task]):
    task: Task
    attempts: int = 0
    deadline: float = 0.0


class Pool(Generic[Task, Result]):
    """Runs tasks on worker processes. Close it, or use it as a context manager."""

    def __init__(
        self,
        make: Callable[[], Callable[[Task], Result]],
        workers: int,
        task_seconds: float = 600.0,
    ) -> None:
        """Start the processes.

        Args:
            make: called once in each process; what it returns is called with each task there.
            workers: processes, 1 or more.
            task_seconds: a worker that takes longer over a task is replaced.

        Raises:
            UserError: no worker at all was asked for.
        """
        if workers < 1:
            raise UserError(f"{workers} workers: give 1 or more")
        for variable in THREAD_VARIABLES:  # for the children
            os.environ.setdefault(variable, "1")
        self._make = make
        self._task_seconds = task_seconds
        self._workers = [_Worker(make) for _ in range(workers)]

    def run(self, tasks: Iterable[Task]) -> Iterator[tuple[Task, Result]]:
        """Yield (task, result) as they finish, in any order.

        A task whose worker died is given to another. `tasks` is read one at a time, when a
        worker has nothing to do.

        Raises:
            UserError, OSError: what a task raised.
            WorkerError: a task that killed several workers, or that never ends.
            RuntimeError: any other exception of a task, with its traceback.
        """
        source = iter(tasks)
        again: list[_Job[Task]] = []
        while True:
            for worker in self._workers:
                if worker.job is None:
                    job = again.pop() if again else _next_job(source)
                    if job is None:
                        break
                    self._start(worker, job)
            busy = [worker for worker in self._workers if worker.job is not None]
            if not busy:
                return
            for worker in _ready(busy):
                job, message = worker.job, worker.receive()
                worker.job = None
                if message is None:
                    self._replace(worker)
                    again.append(_once_more(job))
                else:
                    yield job.task, opened(message)

    def close(self) -> None:
        """End the processes."""
        for worker in self._workers:
            worker.stop()

    def __enter__(self) -> Pool[Task, Result]:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def process_ids(self) -> list[int]:
        """Of the workers alive now."""
        return [worker.process.pid for worker in self._workers if worker.process.pid is not None]

    def _start(self, worker: _Worker, job: _Job[Task]) -> None:
        job.deadline = time.monotonic() + self._task_seconds
        worker.job = job
        try:
            worker.connection.send(job.task)
        except OSError:  # it died while it had nothing to do
            self._replace(worker)
            worker.connection.send(job.task)

    def _replace(self, worker: _Worker) -> None:
        worker.stop()
        worker.start(self._make)


class _Worker:
    """A process and the job it has."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self.job: Any = None
        self.start(make)

    def start(self, make: Callable[[], Any]) -> None:
        context = multiprocessing.get_context("spawn")  # an emulator must not be forked
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(make, theirs), daemon=True)
        self.process.start()
        theirs.close()  # so that its death is seen as the end of the pipe

    def receive(self) -> tuple[str, Any] | None:
        """The worker's message; None when it died or hung."""
        if not self.connection.poll():
            return None  # past its deadline
        try:
            message: tuple[str, Any] = self.connection.recv()
        except (EOFError, OSError):
            return None
        return message

    def stop(self) -> None:
        self.connection.close()
        self.process.kill()
        self.process.join()


def _serve(make: Callable[[], Callable[[Any], Any]], connection: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the parent, which ends us
    answering = Answering(make)
    try:
        while True:
            connection.send(answering(connection.recv()))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return  # the parent is gone


def _next_job(source: Iterator[Task]) -> _Job[Task] | None:
    for task in source:
        return _Job(task)
    return None


def _ready(busy: list[_Worker]) -> list[_Worker]:
    """Those with a message or a closed pipe, or past their deadline."""
    while True:
        now = time.monotonic()
        soonest = min(worker.job.deadline for worker in busy)
        ready = wait([worker.connection for worker in busy], max(0.0, soonest - now))
        late = [worker for worker in busy if worker.job.deadline <= now]
        chosen = [worker for worker in busy if worker.connection in ready or worker in late]
        if chosen:
            return chosen


def _once_more(job: _Job[Task]) -> _Job[Task]:
    job.attempts += 1
    if job.attempts == ATTEMPTS:
        raise WorkerError(
            f"{ATTEMPTS} workers died or hung on one episode ({str(job.task)[:80]}): is there "
            "enough memory? The same command goes on"
        )
    return job
