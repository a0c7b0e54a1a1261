"""Stages on a Ray cluster whose second node is killed: the same results as with local workers."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agent.errors import UserError
from agent.world_model.packed_model import EVOLUTION_ARRAYS
from arena.workers.ray_cluster import Cluster
from tests.helpers.cluster import ROOT, two_nodes
from tests.helpers.datasets import write_trained
from training import collect, evolve
from training.data.dataset import list_episodes
from training.search.history import CHAMPION


def evolved(trained: Path, out: Path, *arguments: str) -> Path:
    places = ["--vision", str(trained / "vision"), "--memory", str(trained / "memory")]
    size = ["--population", "6", "--episodes", "2", "--max-steps", "150", "--generations", "2"]
    assert evolve.main(["--preset", "debug", *places, *size, "--out", str(out), *arguments]) == 0
    return out


def collected(out: Path, *arguments: str) -> Path:
    size = ["--frames", "300", "--max-steps", "60", "--policies", "held,random"]
    assert collect.main(["--out", str(out), *size, *arguments]) == 0
    return out


@pytest.mark.slow
def test_evolution_gives_the_same_results_when_a_node_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_trained(tmp_path)
    here = evolved(tmp_path, tmp_path / "here")
    run, killed = Cluster.run, []
    with two_nodes() as (cluster, second):

        def killing(pool: Any, tasks: Iterable[Any]) -> Iterator[Any]:
            for number, pair in enumerate(run(pool, tasks)):
                if number == 3 and not killed:  # the first generation has 12 episodes
                    cluster.remove_node(second, allow_graceful=False)
                    killed.append(number)
                yield pair

        monkeypatch.setattr(Cluster, "run", killing)
        ray = ["--executor", "ray", "--ray-address", cluster.address, "--workers", "4"]
        there = evolved(tmp_path, tmp_path / "there", *ray)
    assert killed
    for name in (EVOLUTION_ARRAYS, CHAMPION):
        assert (here / name).read_bytes() == (there / name).read_bytes()
    ours, theirs = (json.loads((path / "result.json").read_text()) for path in (here, there))
    for name in ("generations", "episodes", "steps", "hall_of_fame", "levels", "best_mean"):
        assert ours[name] == theirs[name], name


@pytest.mark.slow
def test_collecting_on_a_cluster_of_its_own_stores_the_same_episodes(tmp_path: Path) -> None:
    here, there = collected(tmp_path / "here"), tmp_path / "there"
    # in another process, because it starts and stops a cluster on this machine
    command = [sys.executable, "-m", "training.collect", "--out", str(there), "--frames", "300"]
    command += ["--max-steps", "60", "--policies", "held,random", "--executor", "ray"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr
    ours = {episode.index: episode for episode in list_episodes(here)}
    theirs = {episode.index: episode for episode in list_episodes(there)}
    both = ours.keys() & theirs.keys()
    assert len(both) >= 5
    for index in both:
        np.testing.assert_array_equal(ours[index].rewards(), theirs[index].rewards())
        np.testing.assert_array_equal(ours[index].frames(), theirs[index].frames())


def test_an_address_without_the_ray_executor_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="--ray-address needs --executor ray"):
        collected(tmp_path, "--ray-address", "auto")
