"""The Ray cluster: every task is done once, whatever happens to workers and nodes."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agent.errors import UserError
from arena.workers.pool import Pool
from arena.workers.ray_cluster import Cluster, ClusterError
from tests.helpers.cluster import two_nodes
from training.runs.executors import open_executor

TASKS = list(range(40))


class Slow:
    """Slowly computes numbers that depend only on the task; also returns the process id."""

    def __init__(self, folder: str) -> None:
        self.folder = Path(folder)

    def __call__(self, task: int) -> Any:
        import ray

        with (self.folder / str(task)).open("a") as file:
            file.write(f"{ray.get_runtime_context().get_node_id()} {os.getpid()}\n")
        time.sleep(0.2)
        return numbers(task)


def numbers(task: int) -> list[float]:
    return np.random.default_rng(task).standard_normal(5).tolist()


class MakeSlow:
    def __init__(self, folder: Path) -> None:
        self.folder = str(folder)

    def __call__(self) -> Slow:
        return Slow(self.folder)


class Harm:
    """Certain tasks kill, hang or raise."""

    def __call__(self, task: tuple[int, str]) -> int:
        number, marker = task
        if number == 3 and not os.path.exists(marker):  # the first time only
            Path(marker).write_text("died here")
            os.kill(os.getpid(), signal.SIGKILL)
        if number == 5 and not os.path.exists(marker):
            Path(marker).write_text("hung here")
            time.sleep(600)
        if number == -1:
            raise UserError("no such level")
        if number == -2:
            raise ZeroDivisionError("a mistake of ours")
        if number == -3:
            os.kill(os.getpid(), signal.SIGKILL)
        if number == -4:
            raise OSError(28, "No space left on device", "data/episode")
        return number**2


def plain() -> Any:
    return numbers


@pytest.fixture
def nodes() -> Iterator[tuple[Any, Any]]:
    with two_nodes() as both:
        yield both


@pytest.mark.slow
def test_no_result_is_lost_if_a_node_is_killed(nodes: Any, tmp_path: Path) -> None:
    cluster, second = nodes
    with Cluster(MakeSlow(tmp_path), 4, cluster.address) as pool:
        found, killed = {}, False
        for task, result in pool.run(TASKS):
            found[task] = result
            # when the node has finished a task and works on another
            ran_there = sum(second.node_id in path.read_text() for path in tmp_path.iterdir())
            if not killed and ran_there >= 3:
                cluster.remove_node(second, allow_graceful=False)
                killed = True
        assert killed
        again = dict(pool.run(TASKS[:4]))  # the next generation, on the remaining node
    with Pool(plain, 1) as local:
        expected = dict(local.run(TASKS))
    assert found == expected  # bit for bit
    assert again == {task: expected[task] for task in TASKS[:4]}
    twice = [path for path in tmp_path.iterdir() if len(path.read_text().splitlines()) > 1]
    assert twice, "no task was running on the killed node"


@pytest.mark.slow
def test_workers_that_die_or_hang_are_replaced_and_errors_come_through(
    nodes: Any, tmp_path: Path
) -> None:
    cluster, _ = nodes
    address = cluster.address
    tasks = [(number, str(tmp_path / "died")) for number in range(5)]
    with Cluster(Harm, 2, address) as pool:
        assert dict(pool.run(tasks)) == {task: task[0] ** 2 for task in tasks}
        with pytest.raises(UserError, match="^no such level$"):
            list(pool.run([(-1, "")]))
        with pytest.raises(RuntimeError, match="a mistake of ours"):
            list(pool.run([(-2, "")]))
        with pytest.raises(OSError, match="No space left") as error:
            list(pool.run([(-4, "")]))
        assert (error.value.errno, error.value.filename) == (28, "data/episode")
        with pytest.raises(ClusterError, match="3 workers died or hung"):
            list(pool.run([(-3, "")]))
    with Cluster(Harm, 1, address, task_seconds=10) as pool:
        task = (5, str(tmp_path / "hung"))
        assert dict(pool.run([task])) == {task: 25}


def test_mistakes_are_named() -> None:
    with pytest.raises(UserError, match="0 workers: give 1 or more"):
        Cluster(Harm, 0)
    with (
        pytest.raises(UserError, match="--ray-address needs --executor ray"),
        open_executor("local", Harm, 1, "auto"),
    ):
        pass


@pytest.mark.parametrize("address", ["127.0.0.1:1", "nonsense"])
def test_an_address_without_a_cluster_is_reported_at_once(address: str) -> None:
    with pytest.raises(ClusterError, match=f"no Ray cluster at {address}"):
        Cluster(Harm, 1, address)


def test_a_missing_package_is_reported_with_the_next_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ClusterError, match=r"no package ray.*\[cluster\]"):
        Cluster(Harm, 1)
