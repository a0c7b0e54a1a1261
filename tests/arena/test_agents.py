"""Starting and ending agents: processes, their environment, and container command lines."""

from __future__ import annotations

import json
import os
import signal
import stat
import sys
import time
from pathlib import Path

import pytest

from agent.errors import UserError
from arena.evaluation import agents, containers
from arena.evaluation.agents import AgentError, CommandAgent, LocalAgent, Run, Workplace, tail
from arena.evaluation.containers import ImageAgent, collect, find_engines

RUN = Run(budget_steps=1000, seed=3, lock_in=150.0)
# Writes down what it was given: arguments, working directory and environment.
WITNESS = """
import json, os, sys
told = {"argv": sys.argv, "cwd": os.getcwd(), "environment": dict(os.environ)}
told["socket_folder"] = os.path.isdir("tmp/sock")
open(os.path.join(os.environ["OUTPUT_DIR"], "told.json"), "w").write(json.dumps(told))
open("out/by-the-contests-path", "w").close()
"""


@pytest.fixture
def level_dir(tmp_path: Path) -> Path:
    folder = tmp_path / "level"
    folder.mkdir()
    return folder


def script(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text)
    path.chmod(0o755)
    return path


def play(agent: agents.Agent, level_dir: Path) -> int | None:
    with Workplace(level_dir) as workplace:
        process = agent.start(workplace)
        code = process.wait(30)
        process.stop()
    return code


def test_a_command_finds_the_contests_working_directory(
    level_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    script(tmp_path, "witness.py", WITNESS)
    agent = CommandAgent.parse(f"{sys.executable} witness.py 'two words' --flag", RUN)
    agent.check()
    assert play(agent, level_dir) == 0
    told = json.loads((level_dir / "out" / "told.json").read_text())
    assert told["argv"] == [str(tmp_path / "witness.py"), "two words", "--flag"]
    assert told["socket_folder"]
    assert (level_dir / "out" / "by-the-contests-path").exists()
    environment = told["environment"]
    assert environment["SOCKET_DIR"] == f"{told['cwd']}/tmp/sock"
    assert environment["SEED"] == "3"
    assert environment["LOCK_IN_SCORE"] == "150.0"
    assert environment["BUDGET_STEPS"] == "1000"
    assert environment["PYTHONPATH"].split(os.pathsep)[0] == str(tmp_path)
    assert not Path(told["cwd"]).exists()


def test_the_workplace_has_a_path_that_a_socket_fits(
    level_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = tmp_path / ("x" * 90)
    deep.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(deep))
    with Workplace(level_dir) as workplace:
        assert len(str(workplace.socket_dir / "sock")) <= 107
        assert stat.S_IMODE(workplace.folder.stat().st_mode) == 0o700
    assert list(deep.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "is empty"),
        ("python 'agent.py", "can't be split"),
        ("no-such-program-here x", "was not found"),
        ("./not-executable", "is not executable"),
    ],
)
def test_a_command_that_cannot_start_is_one_clear_error(
    text: str, problem: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "not-executable").write_text("x")
    with pytest.raises(AgentError, match=problem):
        CommandAgent.parse(text, RUN).check()


def test_a_program_of_no_known_format_is_one_clear_error(level_dir: Path, tmp_path: Path) -> None:
    agent = CommandAgent.parse(str(script(tmp_path, "program", "\0not a program")), RUN)
    agent.check()
    with Workplace(level_dir) as workplace, pytest.raises(AgentError, match="can't be started"):
        agent.start(workplace)


def test_stopping_ends_what_the_agent_started(level_dir: Path, tmp_path: Path) -> None:
    stubborn = script(
        tmp_path,
        "stubborn.sh",
        "#!/bin/sh\ntrap '' TERM\nsleep 600 &\necho $! >out/child\necho ready >out/ready\nwait\n",
    )
    with Workplace(level_dir) as workplace:
        process = CommandAgent.parse(str(stubborn), RUN).start(workplace)
        wait_for(level_dir / "out" / "ready")
        agents.SECONDS_TO_TERMINATE, before = 0.2, agents.SECONDS_TO_TERMINATE
        try:
            process.stop()
        finally:
            agents.SECONDS_TO_TERMINATE = before
    assert process.exit_code() == -signal.SIGKILL
    child = int((level_dir / "out" / "child").read_text())
    assert not is_alive(child)


def test_a_talkative_agent_does_not_fill_the_disk(
    level_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agents, "MAX_LOG_BYTES", 1000)
    monkeypatch.setattr(agents, "KEPT_LOG_BYTES", 100)
    with Workplace(level_dir) as workplace:
        process = CommandAgent.parse("seq 1 1000", RUN).start(workplace)
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


def test_the_local_agent_takes_the_callers_settings_and_the_runs_own() -> None:
    environment = {"EXPLORE": "0", "LOCK_IN_SCORE": "7", "SOCKET_DIR": "/nowhere"}
    agent = LocalAgent.configure(environment, Path("some/model"), RUN)
    assert agent.settings.explore is False
    assert agent.settings.lock_in_score == 150.0
    assert agent.settings.seed == 3
    assert agent.settings.pretrained == Path.cwd() / "some/model"
    own = LocalAgent.configure(environment, None, Run(1000, None, None)).settings
    assert (own.lock_in_score, own.seed) == (7.0, None)
    assert (own.lock_in_rule, own.repeats) == ("first-above", 0)
    with pytest.raises(UserError, match="EXPLORE"):
        LocalAgent.configure({"EXPLORE": "perhaps"}, None, RUN)


def test_the_local_agent_reads_how_to_play_beside_the_model(tmp_path: Path) -> None:
    (tmp_path / "play.json").write_text('{"lock_in_rule": "best-of", "lock_in_candidates": 9}')
    agent = LocalAgent.configure({}, tmp_path, Run(1000, None, None, repeats=3))
    settings = agent.settings
    assert (settings.lock_in_rule, settings.lock_in_candidates) == ("best-of", 9)
    assert settings.repeats == 3
    run = Run(1000, None, None, lock_in_rule="first-above")
    assert LocalAgent.configure({}, tmp_path, run).settings.lock_in_rule == "first-above"
    assert run.environment() == {"BUDGET_STEPS": "1000", "LOCK_IN_RULE": "first-above"}


def test_the_local_agent_gets_its_settings_by_environment(
    level_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = script(tmp_path, "python", f"#!{sys.executable}\n{WITNESS}")
    monkeypatch.setattr(sys, "executable", str(python))
    monkeypatch.setenv("SEED", "99")  # the caller's, which the settings have resolved
    monkeypatch.chdir(tmp_path)
    agent = LocalAgent.configure({}, tmp_path, Run(1000, None, None))
    with Workplace(level_dir.relative_to(tmp_path)) as workplace:
        (workplace.folder / "out").mkdir()
        assert agent.start(workplace).wait(30) == 0
        socket_dir = str(workplace.socket_dir)
    told = json.loads((level_dir / "out" / "told.json").read_text())
    assert told["argv"][1:] == ["-m", "agent"]
    values = {name: told["environment"][name] for name in ("SOCKET_DIR", "PRETRAINED", "SEED")}
    assert values == {"SOCKET_DIR": socket_dir, "PRETRAINED": str(tmp_path), "SEED": ""}
    assert told["environment"]["EXPLORE"] == "True"
    assert told["environment"]["LOCK_IN_SCORE"] == "2000.0"


def test_a_missing_model_is_found_before_anything_starts(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nothing-here"):
        LocalAgent.configure({}, tmp_path / "nothing-here", RUN).check()


# A container engine that writes its command lines down and answers as docker does.
ENGINE = """#!{python}
import io, json, os, sys, tarfile
home = os.path.dirname(os.path.abspath(__file__))
words = sys.argv[1:]
with open(home + "/calls.jsonl", "a") as calls:
    calls.write(json.dumps(words) + "\\n")
if words[0] == "version":
    print("{version}")
elif words[:2] == ["image", "inspect"]:
    if words[-1] != "an/image:1":
        sys.exit("Error: no such image")
    print("sha256:abc {user}")
elif words[0] == "create":
    print("created-id")
elif words[0] == "cp":
    header = tarfile.TarInfo(words[1].rpartition("/")[2])
    header.type, header.mode = tarfile.DIRTYPE, {mode}
    sys.stdout.buffer.write(header.tobuf() + bytes(1024))
elif words[0] == "run":
    print("hello from the container")
    sys.exit(5)
"""


def engine(folder: Path, *, user: str = "", mode: int = 0o755, version: str = "Docker") -> str:
    text = ENGINE.format(python=sys.executable, user=user, mode=mode, version=version)
    return str(script(folder, "engine", text))


def find(tmp_path: Path, **settings: object) -> ImageAgent:
    environment = {"CONTAINER_ENGINE": engine(tmp_path, **settings)}  # type: ignore[arg-type]
    return ImageAgent.find("an/image:1", RUN, 2.0, environment)


def calls(tmp_path: Path) -> list[list[str]]:
    return [json.loads(line) for line in (tmp_path / "calls.jsonl").read_text().splitlines()]


def test_a_container_is_isolated(tmp_path: Path, level_dir: Path) -> None:
    environment = {
        "CONTAINER_ENGINE": engine(tmp_path),
        "CONTAINER_RUN_FLAGS": "--gpus all --label 'a b'",
    }
    agent = ImageAgent.find("an/image:1", RUN, 2.0, environment)
    assert play(agent, level_dir) == 5
    run, remove = calls(tmp_path)[-2:]
    for flag in (
        "--rm",
        "--network=none",
        "--read-only",
        "--cap-drop=ALL",
        "--security-opt=no-new-privileges",
        "--memory=2048m",
        "--memory-swap=2048m",
        "--pids-limit=512",
        "--env=SEED=3",
        "--env=LOCK_IN_SCORE=150.0",
    ):
        assert flag in run
    assert any(word.startswith("--tmpfs=/tmp:") for word in run)
    targets = [word.rpartition("target=")[2] for word in run if word.startswith("--mount")]
    assert targets == ["/root/compo/tmp", "/root/compo/out"]
    assert run[-5:] == ["--gpus", "all", "--label", "a b", "an/image:1"]
    name = next(word.removeprefix("--name=") for word in run if word.startswith("--name="))
    assert remove == ["rm", "--force", name]
    assert (level_dir / "agent-stdout.txt").read_text() == "hello from the container\n"
    assert "CONTAINER_RUN_FLAGS" not in json.dumps(agent.describe())


def test_an_image_that_others_may_enter_runs_unprivileged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert find(tmp_path).user_flags[0] == "--user=65534:65534"
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(os, "getegid", lambda: 1001)
    assert find(tmp_path).user_flags[0] == "--user=1000:1001"


def test_an_image_closed_to_others_runs_as_root_without_capabilities(tmp_path: Path) -> None:
    agent = find(tmp_path, mode=0o700)
    assert agent.user_flags == ()
    assert "without capabilities" in agent.user
    assert calls(tmp_path)[-1] == ["rm", "--force", "created-id"]


def test_an_images_own_user_stays(tmp_path: Path) -> None:
    agent = find(tmp_path, user="player:games")
    assert (agent.user_flags, agent.user) == ((), "player:games (the image's own)")
    assert find(tmp_path, user="root").user_flags != ()


def test_rootless_podman_is_unprivileged_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert find(tmp_path, version="Podman Engine").user_flags == ()


def test_an_unknown_image_is_one_clear_error(tmp_path: Path) -> None:
    environment = {"CONTAINER_ENGINE": engine(tmp_path)}
    with pytest.raises(AgentError, match=r"has no image 'other'.*build\.sh"):
        ImageAgent.find("other", RUN, 2.0, environment)
    environment["CONTAINER_RUN_FLAGS"] = "'"
    with pytest.raises(AgentError, match="CONTAINER_RUN_FLAGS can't be split"):
        ImageAgent.find("an/image:1", RUN, 2.0, environment)


def test_no_engine_or_a_silent_one_is_one_clear_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(AgentError, match="'no-engine' was not found"):
        find_engines({"CONTAINER_ENGINE": "no-engine"})
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(AgentError, match="install docker or podman"):
        find_engines({})
    script(tmp_path, "docker", "#!/bin/sh\necho Cannot connect to the daemon >&2\nexit 1\n")
    with pytest.raises(AgentError, match="docker: Cannot connect to the daemon"):
        find_engines({})
    script(tmp_path, "podman", "#!/bin/sh\necho Podman Engine\n")
    assert [(found.program, found.is_podman) for found in find_engines({})] == [("podman", True)]


def test_what_an_image_leaves_is_copied_but_for_links_and_too_much(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    (source / "deep").mkdir(parents=True)
    target.mkdir()
    (tmp_path / "secret").write_text("secret")
    (source / "link").symlink_to(tmp_path / "secret")
    (source / "folder-link").symlink_to(tmp_path)
    os.mkfifo(source / "pipe")
    (source / "big").write_bytes(bytes(500))
    (source / "deep" / "small").write_text("small")
    collect(source, target, limit=100)
    copied = [path.relative_to(target) for path in target.rglob("*") if path.is_file()]
    assert copied == [Path("deep/small")]


def test_a_stream_that_is_no_archive_says_nothing_of_a_folder(tmp_path: Path) -> None:
    program = str(script(tmp_path, "engine", "#!/bin/sh\necho no such container\nexit 1\n"))
    found = containers.Engine(program, is_podman=False)
    assert containers._mode(found, "id", "/root") is None


def wait_for(path: Path, seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not path.exists():
        assert time.monotonic() < deadline, f"{path} did not appear"
        time.sleep(0.02)


def is_alive(process_id: int) -> bool:
    """Whether a process runs; one that waits for its parent to look is dead."""
    try:
        status = Path(f"/proc/{process_id}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return status.rpartition(")")[2].split()[0] != "Z"
