"""Starting and ending agents: their processes, environment and log files."""

from __future__ import annotations

import errno
import json
import os
import signal
import stat
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest

from agent.errors import UserError
from arena.evaluation import agent_process
from arena.evaluation.agent_process import AgentError, WorkingDirectory, tail
from arena.evaluation.agents import COMPATIBILITY, AgentOptions, CommandAgent, LocalAgent
from tests.helpers.agent_programs import RUN, play, script

# An agent that records its arguments, working directory and environment.
WITNESS = """
import json, os, sys
given = {"argv": sys.argv, "cwd": os.getcwd(), "environment": dict(os.environ)}
given["socket_folder"] = os.path.isdir("tmp/sock")
open(os.path.join(os.environ["OUTPUT_DIR"], "given.json"), "w").write(json.dumps(given))
open("out/by-the-contests-path", "w").close()
"""


def test_a_command_finds_the_contests_working_directory(
    level_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    script(tmp_path, "witness.py", WITNESS)
    agent = CommandAgent.parse(f"{sys.executable} witness.py 'two words' --flag", RUN)
    agent.check()
    assert play(agent, level_dir) == 0
    given = json.loads((level_dir / "out" / "given.json").read_text())
    assert given["argv"] == [str(tmp_path / "witness.py"), "two words", "--flag"]
    assert given["socket_folder"]
    assert (level_dir / "out" / "by-the-contests-path").exists()
    environment = given["environment"]
    assert environment["SOCKET_DIR"] == f"{given['cwd']}/tmp/sock"
    assert environment["SEED"] == "3"
    assert environment["LOCK_IN_SCORE"] == "150.0"
    assert environment["BUDGET_STEPS"] == "1000"
    assert not Path(given["cwd"]).exists()


def test_paths_of_the_callers_directory_are_found_from_the_agents(
    level_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    script(tmp_path, "witness.py", WITNESS)
    (tmp_path / "model").mkdir()
    monkeypatch.setenv("PRETRAINED", "model")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(["source", "/elsewhere"]))
    command = f"{sys.executable} witness.py --pretrained=model --lr=0.1 -x=model/none"
    assert play(CommandAgent.parse(command, RUN), level_dir) == 0
    given = json.loads((level_dir / "out" / "given.json").read_text())
    assert given["argv"][1:] == [f"--pretrained={tmp_path / 'model'}", "--lr=0.1", "-x=model/none"]
    assert given["environment"]["PRETRAINED"] == str(tmp_path / "model")
    expected = [str(tmp_path / "source"), "/elsewhere", str(COMPATIBILITY)]
    assert given["environment"]["PYTHONPATH"].split(os.pathsep) == expected


def test_a_module_is_found_in_the_callers_directory(
    level_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A script is not affected by it: it may import OpenAI's package baselines, for example."""
    monkeypatch.chdir(tmp_path)
    script(tmp_path, "witness.py", WITNESS)
    agent = CommandAgent.parse(f"{sys.executable} -m witness", RUN)
    agent.check()
    assert play(agent, level_dir) == 0
    given = json.loads((level_dir / "out" / "given.json").read_text())
    assert given["environment"]["PYTHONPATH"].split(os.pathsep)[0] == str(tmp_path)


def test_the_run_folder_replaces_a_temporary_folder_that_is_not_writable(
    base: Path, level_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    really_make = tempfile.mkdtemp

    def refuse(prefix: str, dir: Path) -> str:
        if dir in (Path(tempfile.gettempdir()), Path("/tmp")):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        return really_make(prefix=prefix, dir=dir)

    monkeypatch.setattr(tempfile, "mkdtemp", refuse)
    base.mkdir()  # its path is short
    with WorkingDirectory(base) as directory:
        assert directory.folder.parent == base
    deep = level_dir / ("x" * 90)
    deep.mkdir()
    with pytest.raises(AgentError, match="set TMPDIR"):
        WorkingDirectory(deep)
    assert list(deep.iterdir()) == []


def test_the_working_directory_has_a_path_short_enough_for_a_socket(
    level_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = tmp_path / ("x" * 90)
    deep.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(deep))
    with WorkingDirectory(level_dir) as directory:
        assert len(str(directory.socket_dir / "sock")) <= 107
        assert stat.S_IMODE(directory.folder.stat().st_mode) == 0o700
    assert list(deep.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "is empty"),
        ("python 'agent.py", "can't be split"),
        ("no-such-program-here x", "was not found"),
        ("./not-executable", "is not executable: give a program, for example .*python"),
        ("not-executable", "is not executable"),
        (f"{sys.executable} -u misspelled.py", "'misspelled.py' was not found in /"),
    ],
)
def test_a_command_that_cannot_start_gives_one_clear_error(
    text: str, problem: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "not-executable").write_text("x")
    with pytest.raises(AgentError, match=problem):
        CommandAgent.parse(text, RUN).check()


def test_a_program_of_unknown_format_gives_one_clear_error(level_dir: Path, tmp_path: Path) -> None:
    agent = CommandAgent.parse(str(script(tmp_path, "program", "\0not a program")), RUN)
    agent.check()
    with (
        WorkingDirectory(level_dir) as directory,
        pytest.raises(AgentError, match="can't be started"),
    ):
        agent.start(directory)


def test_stopping_an_agent_ends_its_child_processes(level_dir: Path, tmp_path: Path) -> None:
    stubborn = script(
        tmp_path,
        "stubborn.sh",
        "#!/bin/sh\ntrap '' TERM\nsleep 600 &\necho $! >out/child\necho ready >out/ready\nwait\n",
    )
    with WorkingDirectory(level_dir) as directory:
        process = CommandAgent.parse(str(stubborn), RUN).start(directory)
        wait_for(level_dir / "out" / "ready")
        agent_process.SECONDS_TO_TERMINATE, before = 0.2, agent_process.SECONDS_TO_TERMINATE
        try:
            process.stop()
        finally:
            agent_process.SECONDS_TO_TERMINATE = before
    assert process.exit_code() == -signal.SIGKILL
    child = int((level_dir / "out" / "child").read_text())
    assert not is_alive(child)


def test_an_agent_that_ends_before_its_start_is_noticed(
    level_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Ended(subprocess.Popen[bytes]):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            self.wait(30)

    monkeypatch.setattr(subprocess, "Popen", Ended)
    assert play(CommandAgent.parse("true", RUN), level_dir) == 0


def test_a_talkative_agent_does_not_fill_the_disk(
    level_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agent_process, "MAX_LOG_BYTES", 1000)
    monkeypatch.setattr(agent_process, "KEPT_LOG_BYTES", 100)
    with WorkingDirectory(level_dir) as directory:
        process = CommandAgent.parse("seq 1 1000", RUN).start(directory)
        process.wait(30)
        process.trim_logs()
    text = (level_dir / "agent-stdout.txt").read_text()
    assert text.startswith("[earlier output was dropped]\n")
    assert text.endswith("\n999\n1000\n")
    assert len(text) < 200


def test_the_tail_of_an_output_is_short(tmp_path: Path) -> None:
    file = tmp_path / "stderr"
    file.write_bytes(b"\xff" * 9000 + b"\n" + b"line\n" * 50 + b"last\n\n")
    assert tail(file).splitlines() == ["line"] * 11 + ["last"]
    assert tail(tmp_path / "none") == ""


def test_the_options_of_a_run_override_the_callers_settings() -> None:
    environment = {"EXPLORE": "0", "LOCK_IN_SCORE": "7", "SOCKET_DIR": "/nowhere"}
    agent = LocalAgent.configure(environment, Path("some/model"), RUN)
    assert agent.settings.explore is False
    assert agent.settings.lock_in_score == 150.0
    assert agent.settings.seed == 3
    assert agent.settings.pretrained == Path.cwd() / "some/model"
    own = LocalAgent.configure(environment, None, AgentOptions(1000, None, None)).settings
    assert (own.lock_in_score, own.seed) == (7.0, None)
    assert (own.lock_in_rule, own.repeats) == ("first-above", 0)
    with pytest.raises(UserError, match="EXPLORE"):
        LocalAgent.configure({"EXPLORE": "perhaps"}, None, RUN)


def test_the_local_agent_reads_the_models_play_json(tmp_path: Path) -> None:
    (tmp_path / "play.json").write_text('{"lock_in_rule": "best-of", "lock_in_candidates": 9}')
    agent = LocalAgent.configure({}, tmp_path, AgentOptions(1000, None, None, repeats=3))
    settings = agent.settings
    assert (settings.lock_in_rule, settings.lock_in_candidates) == ("best-of", 9)
    assert settings.repeats == 3
    run = AgentOptions(1000, None, None, lock_in_rule="first-above")
    assert LocalAgent.configure({}, tmp_path, run).settings.lock_in_rule == "first-above"
    assert run.environment() == {"BUDGET_STEPS": "1000", "LOCK_IN_RULE": "first-above"}


def test_the_local_agent_gets_its_settings_from_the_environment(
    level_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = script(tmp_path, "python", f"#!{sys.executable}\n{WITNESS}")
    monkeypatch.setattr(sys, "executable", str(python))
    monkeypatch.setenv("SEED", "99")  # the caller's, which the resolved settings replace
    monkeypatch.chdir(tmp_path)
    agent = LocalAgent.configure({}, tmp_path, AgentOptions(1000, None, None))
    with WorkingDirectory(level_dir.relative_to(tmp_path)) as directory:
        (directory.folder / "out").mkdir()
        assert agent.start(directory).wait(30) == 0
        socket_dir = str(directory.socket_dir)
    given = json.loads((level_dir / "out" / "given.json").read_text())
    assert given["argv"][1:] == ["-m", "agent"]
    values = {name: given["environment"][name] for name in ("SOCKET_DIR", "PRETRAINED", "SEED")}
    assert values == {"SOCKET_DIR": socket_dir, "PRETRAINED": str(tmp_path), "SEED": ""}
    assert given["environment"]["EXPLORE"] == "True"
    assert given["environment"]["LOCK_IN_SCORE"] == "2000.0"


def test_a_missing_model_is_found_before_anything_starts(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nothing-here"):
        LocalAgent.configure({}, tmp_path / "nothing-here", RUN).check()


def wait_for(path: Path, seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not path.exists():
        assert time.monotonic() < deadline, f"{path} did not appear"
        time.sleep(0.02)


def is_alive(process_id: int) -> bool:
    """Whether a process runs; a zombie does not."""
    try:
        status = Path(f"/proc/{process_id}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return status.rpartition(")")[2].split()[0] != "Z"
