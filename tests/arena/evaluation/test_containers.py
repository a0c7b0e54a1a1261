"""Container images as agents: the engine's command lines, the container's user and output."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from arena.evaluation.agent_process import AgentError
from arena.evaluation.containers import ImageAgent, collect, find_engines
from tests.helpers.agent_programs import RUN, play, script

# A fake container engine that records its command lines and answers as docker does.
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
        "--security-opt=label=disable",
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


def test_an_images_own_user_is_kept(tmp_path: Path) -> None:
    agent = find(tmp_path, user="player:games")
    assert (agent.user_flags, agent.user) == ((), "player:games (the image's own)")
    assert find(tmp_path, user="root").user_flags != ()


def test_rootless_podman_is_unprivileged_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert find(tmp_path, version="Podman Engine").user_flags == ()


def test_an_unknown_image_gives_one_clear_error(tmp_path: Path) -> None:
    environment = {"CONTAINER_ENGINE": engine(tmp_path)}
    with pytest.raises(AgentError, match=r"has no image 'other'.*build\.sh"):
        ImageAgent.find("other", RUN, 2.0, environment)
    environment["CONTAINER_RUN_FLAGS"] = "'"
    with pytest.raises(AgentError, match="CONTAINER_RUN_FLAGS can't be split"):
        ImageAgent.find("an/image:1", RUN, 2.0, environment)


def test_a_missing_or_silent_engine_gives_one_clear_error(
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


def test_output_is_copied_except_links_and_files_over_the_limit(tmp_path: Path) -> None:
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


def test_an_image_with_unknown_folder_modes_counts_as_closed(tmp_path: Path) -> None:
    program = Path(engine(tmp_path))
    archive = "sys.stdout.buffer.write(header.tobuf() + bytes(1024))"
    program.write_text(program.read_text().replace(archive, 'print("no such container")'))
    agent = ImageAgent.find("an/image:1", RUN, 2.0, {"CONTAINER_ENGINE": str(program)})
    assert agent.user_flags == ()
