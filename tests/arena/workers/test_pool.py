"""The pool: every task is done once, whatever happens to the processes."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from agent.errors import UserError
from arena.workers.pool import Pool, WorkerError


class Square:
    """Squares a number; certain numbers kill, hang or raise."""

    def __call__(self, task: tuple[int, str]) -> int:
        number, marker = task
        if number == 3 and not os.path.exists(marker):  # the first time only
            Path(marker).write_text("died here")
            os.kill(os.getpid(), signal.SIGKILL)
        if number == 5 and not os.path.exists(marker):
            Path(marker).write_text("hung here")
            time.sleep(60)
        if number == -1:
            raise UserError("no such level")
        if number == -2:
            raise ZeroDivisionError("a mistake of ours")
        if number == -3:
            os.kill(os.getpid(), signal.SIGKILL)
        return number**2


def test_all_tasks_have_results_although_a_worker_dies(tmp_path: Path) -> None:
    tasks = [(number, str(tmp_path / "died")) for number in range(5)]
    with Pool(Square, 2, task_seconds=30) as pool:
        before = pool.process_ids
        results = dict(pool.run(tasks))
        assert results == {task: task[0] ** 2 for task in tasks}
        assert len(pool.process_ids) == 2 and pool.process_ids != before
        assert dict(pool.run(tasks)) == results  # the pool can be used again
    for process_id in before:
        with pytest.raises(ProcessLookupError):
            os.kill(process_id, 0)


def test_a_worker_that_hangs_is_replaced(tmp_path: Path) -> None:
    with Pool(Square, 1, task_seconds=3) as pool:
        task = (5, str(tmp_path / "hung"))
        assert dict(pool.run([task])) == {task: 25}


def test_a_tasks_error_is_raised_in_the_caller() -> None:
    with Pool(Square, 1) as pool, pytest.raises(UserError, match="^no such level$"):
        list(pool.run([(-1, "")]))
    with Pool(Square, 1) as pool, pytest.raises(RuntimeError, match="a mistake of ours"):
        list(pool.run([(-2, "")]))


def test_a_task_that_always_kills_its_worker_ends_the_run() -> None:
    with Pool(Square, 1) as pool, pytest.raises(WorkerError, match="3 workers died or hung"):
        list(pool.run([(-3, "")]))


def test_zero_workers_are_refused() -> None:
    with pytest.raises(UserError, match="0 workers: give 1 or more"):
        Pool(Square, 0)


class FullDisk:
    """Fails as writing to a full disk does."""

    def __call__(self, task: int) -> int:
        raise OSError(28, "No space left on device", "data/episode")


def test_a_full_disk_is_an_os_error_in_the_caller() -> None:
    with Pool(FullDisk, 1) as pool, pytest.raises(OSError, match="No space left") as error:
        list(pool.run([1]))
    assert (error.value.errno, error.value.filename) == (28, "data/episode")
