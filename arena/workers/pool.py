"""A pool of worker processes for episodes; each process has one emulator and one thread.

A worker that dies is replaced. multiprocessing.Pool hangs when a worker is killed, and the pool of
concurrent.futures loses all other tasks with it.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from multiprocessing.connection import Connection, wait
from types import TracebackType
from typing import Any, Generic, TypeVar

from agent.errors import UserError
from arena.workers.remote_errors import (
    THREAD_VARIABLES,
    Outcome,
    OutcomeWorker,
    PendingTask,
    unwrap,
)

TaskT = TypeVar("TaskT")
ResultT = TypeVar("ResultT")


class WorkerError(UserError):
    """Several workers died or hung on one task."""


class Pool(Generic[TaskT, ResultT]):
    """Runs tasks on worker processes. Close it, or use it as a context manager."""

    def __init__(
        self,
        make: Callable[[], Callable[[TaskT], ResultT]],
        workers: int,
        task_seconds: float = 600.0,
    ) -> None:
        """Start the processes.

        Args:
            make: called once in each process; returns the function that does a task there.
            workers: number of processes, 1 or more.
            task_seconds: a worker that takes longer for a task is replaced.

        Raises:
            UserError: `workers` is below 1.
        """
        if workers < 1:
            raise UserError(f"{workers} workers: give 1 or more")
        for variable in THREAD_VARIABLES:  # for the children
            os.environ.setdefault(variable, "1")
        self._make = make
        self._task_seconds = task_seconds
        self._workers = [_WorkerProcess(make) for _ in range(workers)]

    def run(self, tasks: Iterable[TaskT]) -> Iterator[tuple[TaskT, ResultT]]:
        """Yield (task, result) as they finish, in any order.

        A task whose worker died is given to another worker. `tasks` is read one at a time, when
        a worker is idle.

        Raises:
            UserError, OSError: a task raised it.
            WorkerError: several workers died or hung on one task.
            RuntimeError: a task raised any other exception; the message has its traceback.
        """
        source = iter(tasks)
        again: list[PendingTask[TaskT]] = []
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
                    job.count_attempt(WorkerError)
                    again.append(job)
                else:
                    yield job.task, unwrap(message)

    def close(self) -> None:
        """End the processes."""
        for worker in self._workers:
            worker.stop()

    def __enter__(self) -> Pool[TaskT, ResultT]:
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
        """Process ids of the current workers."""
        return [worker.process.pid for worker in self._workers if worker.process.pid is not None]

    def _start(self, worker: _WorkerProcess, job: PendingTask[TaskT]) -> None:
        job.deadline = time.monotonic() + self._task_seconds
        worker.job = job
        try:
            worker.connection.send(job.task)
        except OSError:  # it died while it was idle
            self._replace(worker)
            worker.connection.send(job.task)

    def _replace(self, worker: _WorkerProcess) -> None:
        worker.stop()
        worker.start(self._make)


class _WorkerProcess:
    """A process and its current task."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self.job: Any = None
        self.start(make)

    def start(self, make: Callable[[], Any]) -> None:
        context = multiprocessing.get_context("spawn")  # an emulator must not be forked
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(make, theirs), daemon=True)
        self.process.start()
        theirs.close()  # so that the pipe ends when the process dies

    def receive(self) -> Outcome | None:
        """Return the outcome of the task; None if the worker died or hung."""
        if not self.connection.poll():
            return None  # past its deadline
        try:
            message: Outcome = self.connection.recv()
        except (EOFError, OSError):
            return None
        return message

    def stop(self) -> None:
        self.connection.close()
        self.process.kill()
        self.process.join()


def _serve(make: Callable[[], Callable[[Any], Any]], connection: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent handles Ctrl-C and ends its workers
    worker = OutcomeWorker(make)
    try:
        while True:
            connection.send(worker(connection.recv()))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return  # the parent has ended


def _next_job(source: Iterator[TaskT]) -> PendingTask[TaskT] | None:
    for task in source:
        return PendingTask(task)
    return None


def _ready(busy: list[_WorkerProcess]) -> list[_WorkerProcess]:
    """Wait until workers have sent an outcome, died, or passed their deadline; return them."""
    while True:
        now = time.monotonic()
        soonest = min(worker.job.deadline for worker in busy)
        ready = wait([worker.connection for worker in busy], max(0.0, soonest - now))
        late = [worker for worker in busy if worker.job.deadline <= now]
        chosen = [worker for worker in busy if worker.connection in ready or worker in late]
        if chosen:
            return chosen
