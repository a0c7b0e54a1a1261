"""kill -9 of a training command, also while it saves: the same command resumes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from agent.world_model.packed_model import EVOLUTION_ARRAYS
from tests.helpers.datasets import same_arrays, write_dataset, write_trained
from training import collect, evolve, train_memory, train_vision
from training.data.dataset import list_episodes
from training.runs.stages import MEMORY_WEIGHTS, VISION_WEIGHTS

ROOT = Path(__file__).parents[2]
# Runs a stage, and kills the process before it renames the finished checkpoint `save`.
KILLS_ITSELF = """
import importlib, os, signal, sys
save, stage = sys.argv[1:3]
rename = os.rename
def renaming(source, target):
    if os.path.basename(target) == save:
        os.kill(os.getpid(), signal.SIGKILL)
    rename(source, target)
os.rename = renaming
importlib.import_module(stage).main(sys.argv[3:])
"""

Main = Callable[[list[str]], int]


def killed_in_its_save(save: str, stage: str, arguments: list[str]) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", KILLS_ITSELF, save, stage, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ended.returncode == -signal.SIGKILL, ended.stderr


def resumes(main: Main, stage: str, arguments: list[str], out: Path, result: str) -> None:
    """Kill a stage during two saves; its result must equal that of an uninterrupted run."""
    whole, cut = out / "whole", out / "cut"
    assert main([*arguments, "--out", str(whole)]) == 0
    for save, newest in (("00000002", None), ("00000004", "00000002")):
        killed_in_its_save(save, stage, [*arguments, "--out", str(cut)])
        checkpoints = cut / "checkpoints"
        assert sorted(path.name for path in checkpoints.glob(".*")) == [f".{save}.partial"]
        saved = [path.name for path in checkpoints.glob("[0-9]*")]
        assert (max(saved) if saved else None) == newest
        assert not (cut / "result.json").exists()
    assert main([*arguments, "--out", str(cut)]) == 0
    assert same_arrays(whole / result, cut / result)


@pytest.mark.slow
def test_v_and_m_resume_after_a_kill_while_saving(tmp_path: Path) -> None:
    data = str(write_dataset(tmp_path / "data"))
    fixed = ["--preset", "debug", "--threads", "1", "--data", data]
    resumes(train_vision.main, "training.train_vision", fixed, tmp_path / "v", VISION_WEIGHTS)
    fixed += ["--vision", str(tmp_path / "v/whole")]
    resumes(train_memory.main, "training.train_memory", fixed, tmp_path / "m", MEMORY_WEIGHTS)


@pytest.mark.slow
def test_evolution_resumes_after_a_kill_while_saving(tmp_path: Path) -> None:
    vision, memory = write_trained(tmp_path)
    fixed = ["--preset", "debug", "--generations", "4", "--workers", "1"]
    fixed += ["--vision", str(vision), "--memory", str(memory), "--mean-every", "1"]
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    assert evolve.main([*fixed, "--out", str(whole)]) == 0
    for save, newest in (("00000001", []), ("00000003", ["00000001", "00000002"])):
        killed_in_its_save(save, "training.evolve", [*fixed, "--out", str(cut)])
        saved = sorted(path.name for path in (cut / "checkpoints").glob("[0-9]*"))
        assert saved == newest  # only the running generation is lost
    assert evolve.main([*fixed, "--out", str(cut)]) == 0
    for name in (EVOLUTION_ARRAYS, f"{evolve.BEST_MEAN}/{EVOLUTION_ARRAYS}"):
        assert (whole / name).read_bytes() == (cut / name).read_bytes()


@pytest.mark.slow
def test_collecting_resumes_after_a_kill(tmp_path: Path) -> None:
    """Its workers end too; all stored episodes are complete, and no index is missing."""
    data = tmp_path / "data"
    fixed = ["--out", str(data), "--frames", "1500", "--max-steps", "100", "--workers", "2"]
    command = [sys.executable, "-m", "training.collect", *fixed]
    for enough in (2, 5):
        process = subprocess.Popen(command, cwd=ROOT, start_new_session=True)
        wait_for(holds_episodes, data, enough)
        process.kill()
        process.wait()
        wait_for(is_gone, process.pid)
    before = {path: path.stat().st_mtime_ns for path in data.glob("episode-*/episode.json")}
    assert collect.main(fixed) == 0
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert not list(data.glob(".episode-*"))
    episodes = list_episodes(data)
    assert [episode.index for episode in episodes] == list(range(len(episodes)))
    assert sum(episode.steps for episode in episodes) >= 1500
    for episode in episodes:
        assert np.isfinite(episode.rewards()).all() and len(episode.frames()) == episode.steps


def wait_for(there: Callable[..., bool], *given: object) -> None:
    deadline = time.monotonic() + 60
    while not there(*given):
        assert time.monotonic() < deadline, "timeout"
        time.sleep(0.02)


def holds_episodes(data: Path, enough: int) -> bool:
    return len(list(data.glob("episode-*"))) >= enough


def is_gone(group: int) -> bool:
    """Whether no process of the group is running."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return True
    return False
