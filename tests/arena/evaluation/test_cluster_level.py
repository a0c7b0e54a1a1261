"""Levels of an evaluation on a cluster's nodes: the run folder equals that of a local run."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import stable_retro.data

from arena.evaluation.score import read_monitor
from tests.helpers.cluster import two_nodes
from tests.system.test_local_eval import AGENT, PROGRAM, SHORT_BUDGET_STEPS, read_json

GAMES = ("One", "Two", "Three")
# If the agent gets the name of a file, it waits for that file before its first action. A test that
# needs unfinished levels creates the file when they may continue.
WAITING_AGENT = """
import os, sys, time
while not all(os.path.exists(path) for path in sys.argv[1:]):
    time.sleep(0.02)
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with a scripted agent, and three custom games."""
    bundled = stable_retro.data.get_file_path("Airstriker-Genesis-v0", "rom.md")
    for game in GAMES:
        shutil.copytree(Path(bundled).parent, tmp_path / "games" / game)
    levels = ", ".join(f'"{game}": ["Level1"]' for game in GAMES)
    text = f'{{"format_version": 1, "sets": {{"all": {{"about": "", "levels": {{{levels}}}}}}}}}'
    (tmp_path / "games" / "levels.json").write_text(text)
    (tmp_path / "scripted.py").write_text(WAITING_AGENT + AGENT)
    return tmp_path


def start(place: Path, out: str, *arguments: str, wait_for: str = "") -> subprocess.Popen[str]:
    command = [sys.executable, str(PROGRAM), "run", "--levels", "games", "--out", out]
    agent = f"{sys.executable} scripted.py" + (f" {place / wait_for}" if wait_for else "")
    command += ["--agent-command", agent]
    command += ["--budget-steps", str(SHORT_BUDGET_STEPS), *arguments]
    return subprocess.Popen(
        command,
        cwd=place,
        env={**os.environ, "PYTHONPATH": str(PROGRAM.parent)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def wait_until(condition: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 150
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.1)


def scores(place: Path, out: str) -> list[dict[str, Any]]:
    names = ("level", "status", "ended_by", "score", "best_return", "episodes", "timesteps")
    return [
        {**{name: level[name] for name in names}, "movies": sorted(level["movies"])}
        for level in read_json(place / out / "results.json")["levels"]
    ]


@pytest.mark.slow
def test_no_level_is_lost_if_a_node_dies(place: Path) -> None:
    local = start(place, "here", "--workers", "1")
    assert local.communicate(timeout=280)[1] is not None and local.returncode == 0
    with tempfile.TemporaryDirectory(prefix="t-") as text, two_nodes(Path(text)) as (cluster, node):
        address = ["--executor", "ray", "--ray-address", cluster.address, "--workers", "3"]
        remote = start(place, "there", *address, wait_for="go")
        wait_until(lambda: len(list(Path(text).glob("level-*"))) == len(GAMES), remote)
        cluster.remove_node(node, allow_graceful=False)
        (place / "go").touch()
        _, stderr = remote.communicate(timeout=280)
        assert remote.returncode == 0, stderr
    assert scores(place, "there") == scores(place, "here")
    for game in GAMES:
        ours, theirs = (place / out / f"levels/{game}.Level1" for out in ("here", "there"))
        assert {path.name for path in ours.iterdir()} == {path.name for path in theirs.iterdir()}
        rows = [
            [
                (episode.episode_return, episode.length)
                for episode in read_monitor(f / "monitor.csv")
            ]
            for f in (ours, theirs)
        ]
        assert rows[0] == rows[1]


@pytest.mark.slow
def test_ctrl_c_ends_the_levels_on_the_nodes_too(place: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="t-") as text, two_nodes(Path(text)) as (cluster, _):
        address = ["--executor", "ray", "--ray-address", cluster.address, "--workers", "3"]
        remote = start(place, "run", *address, wait_for="never")
        wait_until(lambda: len(list(Path(text).glob("world-models-contest-*"))) >= 1, remote)
        remote.send_signal(signal.SIGINT)
        _, stderr = remote.communicate(timeout=120)
        assert remote.returncode == 130, stderr
        assert "run the same command to resume" in stderr and "Traceback" not in stderr
        deadline = time.monotonic() + 60
        while list(Path(text).glob("world-models-contest-*")) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert not list(Path(text).glob("world-models-contest-*"))
    assert {level["status"] for level in scores(place, "run")} <= {"pending", "finished"}
