"""An evaluation of agents that replace the files of their level with pipes, links, devices, folders
and huge files. Nothing hangs, nothing outside is read, and a finished level keeps its score.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from arena.evaluation.agent_process import FOLDER_PREFIX, WorkingDirectory, remove_tree
from arena.evaluation.agents import AgentOptions, CommandAgent
from arena.evaluation.level_run import PROJECT_DIR
from arena.evaluation.results import LevelResult, read_results
from tests.arena.evaluation.test_agents import is_alive, wait_for
from tests.arena.evaluation.test_evaluate import (
    AGENT,
    LEVELS,
    LIMITS,
    made_up_game,  # noqa: F401
    plan,
    play,
)

TRICKS = {
    "pipes": """
for name in ("journal.jsonl", "../agent-stderr.txt", "../log.csv", "../server.json"):
    put(name, os.mkfifo)
""",
    "links": """
for name in ("journal.jsonl", "../agent-stderr.txt", "../agent-stdout.txt"):
    put(name, lambda path: os.symlink("/dev/zero", path))
put("../movies", lambda path: os.symlink(SECRET, path))
""",
    "a linked folder": 'os.rmdir(OUT); os.symlink("/dev", OUT)',
    "huge files": """
for name in ("journal.jsonl", "../agent-stdout.txt"):
    put(name, lambda path: open(path, "wb").truncate(1 << 40))
os.write(2, b"x" * (40 << 20))
""",
    "removed files": """
for name in ("../agent-stderr.txt", "../agent-stdout.txt", "../log.csv", "../movies"):
    put(name, lambda path: None)
""",
    "folders": """
for name in ("ob", "sock"):
    os.remove("tmp/sock/" + name)
    os.mkdir("tmp/sock/" + name)
put("../movies/Made-Up-000002.bk2", os.mkdir)
put("../movies/Made-Up-000003.bk2", os.mkfifo)
""",
    "numbers": """
line = {"episode": 0, "candidate": 0, "length": 5, "timesteps": 10**400, "locked": True,
        "episode_return": 1e308, "steps_per_second": 1.0}
open(OUT + "/journal.jsonl", "w").write(json.dumps(line) + "\\n" + "[" * 100_000)
""",
}
ALTERED = {
    "a bad row": 'put("../monitor.csv", lambda path: open(path, "w").write("r,l,t\\nx,y,z\\n"))',
    "NaN": 'put("../monitor.csv", lambda path: open(path, "w").write("r,l,t\\nnan,20,1\\n"))',
    "a pipe": 'put("../monitor.csv", os.mkfifo)',
}
PUT = """
import shutil
OUT = os.environ["OUTPUT_DIR"]
SECRET = os.environ["SECRET"]
def put(name, make):
    path = os.path.normpath(os.path.join(OUT, name))
    if os.path.isdir(path):
        shutil.rmtree(path)
    elif os.path.lexists(path):
        os.remove(path)
    make(path)
"""


def played(tmp_path: Path, trick: str, monkeypatch: pytest.MonkeyPatch) -> LevelResult:
    """The result of an agent that plays its budget, and plays a trick in the second episode."""
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "mine-000001.bk2").write_text("mine")
    monkeypatch.setenv("SECRET", str(secret))
    player, _, _ = AGENT.partition("    with open(")  # without the journal
    tricky = f"    if episode == 1:\n        exec({trick!r})\n    done = False\n"
    player = player.replace("    done = False\n", tricky)
    (tmp_path / "player.py").write_text(player.replace("what = ", PUT + "what = "))
    (level,) = play(plan(tmp_path, levels=LEVELS[:1]), tmp_path / "run").levels
    assert level == read_results(tmp_path / "run").levels[0]
    assert (secret / "mine-000001.bk2").read_text() == "mine"
    return level


@pytest.mark.parametrize("trick", TRICKS)
def test_a_finished_level_keeps_its_score(
    tmp_path: Path, trick: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    level = played(tmp_path, TRICKS[trick], monkeypatch)
    assert (level.status, level.score, level.timesteps) == ("finished", 1.5, 100), level.error
    assert level.locked_in_at is None
    if trick == "huge files":
        log = tmp_path / "run" / level.folder / "agent-stderr.txt"
        # What the agent writes while its log is cut may stand before this line.
        assert b"[earlier output was dropped]\nxxx" in log.read_bytes()
        assert log.stat().st_size < 2 << 20


@pytest.mark.parametrize("trick", ALTERED)
def test_a_level_with_an_altered_monitor_file_fails_in_one_line(
    tmp_path: Path, trick: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    level = played(tmp_path, ALTERED[trick], monkeypatch)
    assert (level.status, level.score) == ("failed", None)
    assert level.error is not None
    assert "monitor.csv" in level.error.reason and "\n" not in level.error.reason


# A slow agent: fewer steps than a row of log.csv needs, over a longer time than the limit.
def test_an_agent_that_plays_slowly_is_seen_step_by_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "player.py").write_text(AGENT.replace("done = ask", "time.sleep(0.3); done = ask"))
    limits = replace(LIMITS, budget_steps=8, hang_seconds=1.5)
    a_plan = replace(plan(tmp_path, levels=LEVELS[:1]), limits=limits)
    (level,) = play(a_plan, tmp_path / "run").levels
    assert (level.status, level.timesteps) == ("finished", 8), level.error


def test_an_agent_that_resets_in_mid_episode_is_told_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    early = AGENT.replace("range(20)", "range(5)").replace('["done"]', '.get("done")')
    (tmp_path / "player.py").write_text(early)
    a_plan = replace(plan(tmp_path, levels=LEVELS[:1]), limits=replace(LIMITS, hang_seconds=1.0))
    (level,) = play(a_plan, tmp_path / "run").levels
    assert level.error is not None
    assert level.error.reason.startswith(
        "the agent took no step for 1 s (its requests were refused"
    )


CHILDREN = """#!/bin/sh
setsid sleep 600 &
echo $! >{folder}/detached
sh -c 'setsid sleep 600 & echo $! >{folder}/orphan'
echo $$ >{folder}/agent
touch {folder}/ready
sleep 600
"""
DRIVER = """
import sys, time
from pathlib import Path
from arena.evaluation.agent_process import WorkingDirectory
from arena.evaluation.agents import AgentOptions, CommandAgent
agent = CommandAgent.parse(sys.argv[1], AgentOptions(1000, None, None))
with WorkingDirectory(Path(sys.argv[2])) as directory:
    process = agent.start(directory)
    print(directory.folder, process._process.pid, flush=True)
    time.sleep(600)
"""


def agent_with_children(folder: Path) -> Path:
    path = folder / "agent.sh"
    path.write_text(CHILDREN.format(folder=folder))
    path.chmod(0o755)
    return path


def children(folder: Path) -> list[int]:
    wait_for(folder / "ready")
    return [int((folder / name).read_text()) for name in ("agent", "detached", "orphan")]


def driver(tmp_path: Path, level_dir: Path) -> tuple[subprocess.Popen[str], Path, int]:
    """An evaluation in a process of its own, its agent's working directory and supervisor."""
    command = [sys.executable, "-c", DRIVER, str(agent_with_children(tmp_path)), str(level_dir)]
    process = subprocess.Popen(command, cwd=PROJECT_DIR, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    folder, supervisor = process.stdout.readline().split()
    return process, Path(folder), int(supervisor)


def wait_until_ended(process_ids: list[int]) -> None:
    give_up = time.monotonic() + 20
    while any(map(is_alive, process_ids)):
        assert time.monotonic() < give_up, "a process outlives its run"
        time.sleep(0.02)


def test_stopping_an_agent_ends_children_in_sessions_of_their_own(
    tmp_path: Path, level_dir: Path
) -> None:
    with WorkingDirectory(level_dir) as directory:
        options = AgentOptions(1000, None, None)
        process = CommandAgent.parse(str(agent_with_children(tmp_path)), options).start(directory)
        started = children(tmp_path)
        process.stop()
        assert not any(map(is_alive, started))
    assert not directory.folder.exists()


def test_a_killed_evaluation_leaves_nothing_behind(tmp_path: Path, level_dir: Path) -> None:
    process, folder, supervisor = driver(tmp_path, level_dir)
    started = children(tmp_path)
    process.kill()
    process.communicate()
    wait_until_ended([*started, supervisor])
    assert not folder.exists()


def test_a_later_run_clears_what_a_killed_one_left(tmp_path: Path, level_dir: Path) -> None:
    process, folder, supervisor = driver(tmp_path, level_dir)
    agent, *others = children(tmp_path)
    in_use = WorkingDirectory(tmp_path / "other")
    assert folder.exists(), "a folder in use was cleared"
    os.kill(process.pid, signal.SIGKILL)
    os.kill(supervisor, signal.SIGKILL)
    process.communicate()
    wait_until_ended([agent])  # the kernel ends it with its supervisor
    for other in others:
        os.kill(other, signal.SIGKILL)
    assert folder.exists()
    with in_use, WorkingDirectory(tmp_path / "third"):
        assert not folder.exists()
        assert in_use.folder.exists()


def test_folders_of_others_with_a_similar_name_are_kept(
    tmp_path: Path, level_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    (tmp_path / f"{FOLDER_PREFIX}pictures").mkdir()
    with WorkingDirectory(level_dir):
        pass
    assert (tmp_path / f"{FOLDER_PREFIX}pictures").exists()


def test_a_tree_with_a_closed_folder_is_removed(tmp_path: Path) -> None:
    closed = tmp_path / "tree" / "closed" / "inner"
    closed.mkdir(parents=True)
    (tmp_path / "tree" / "link").symlink_to(tmp_path)
    closed.parent.chmod(0)
    remove_tree(tmp_path / "tree")
    assert not (tmp_path / "tree").exists() and tmp_path.exists()
