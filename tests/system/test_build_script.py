"""build.sh with a fake container engine: the commands it runs, and its error messages."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from agent.files import sha256

ROOT = Path(__file__).parents[2]
# Answers as podman does, records its commands, and has an image of 321 MB on a base of 200 MB.
ENGINE = """#!/bin/sh
echo "$@" >>"$ENGINE_LOG"
case "$*" in
  *--format*Size*python:*) echo 200000000 ;;
  *--format*Size*) echo 321500000 ;;
  *--format*Id*) echo 0123abc ;;
  "push --help") echo "  --digestfile string" ;;
  push*)
    for word; do
      [ "$last" != --digestfile ] || echo sha256:feed >"$word"
      last=$word
    done ;;
esac
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """The part of a work tree that build.sh reads, with a packed model of one file."""
    for name in ("build.sh", "Dockerfile", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    model = tmp_path / "pretrained"
    model.mkdir()
    (model / "vision.onnx").write_bytes(b"weights")
    entries = {
        "vision.onnx": {"role": "play", "bytes": 7, "sha256": sha256(model / "vision.onnx")},
        "networks.safetensors": {"role": "train", "bytes": 9, "sha256": "not needed here"},
    }
    (model / "manifest.json").write_text(json.dumps({"files": entries}))
    engine = tmp_path / "engine"
    engine.write_text(ENGINE)
    engine.chmod(0o755)
    return tmp_path


def build(tree: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    own = {"CONTAINER_ENGINE": str(tree / "engine"), "ENGINE_LOG": str(tree / "log")}
    environment = {"PATH": os.environ["PATH"]} | own | variables
    return subprocess.run(
        [tree / "build.sh", *arguments], env=environment, capture_output=True, text=True, timeout=30
    )


def test_builds_and_prints_size_and_digest(tree: Path) -> None:
    done = build(tree, "--tag", "agent:1", CONTAINER_BUILD_FLAGS="--pull-never --network host")
    assert (done.returncode, done.stderr) == (0, "")
    printed = dict(line.split(": ", 1) for line in done.stdout.splitlines())
    assert printed["image"] == "agent:1"
    assert printed["id"] == "sha256:0123abc"
    assert printed["size"] == "321.5 MB"
    assert printed["added"] == "121.5 MB on top of python:3.11-slim-bookworm"
    log = (tree / "log").read_text().splitlines()
    built = next(x for x in log if x.startswith("build ") and "--help" not in x)
    assert built.startswith("build --pull-never --network host --tag agent:1")
    assert f"MODEL={sha256(tree / 'pretrained' / 'manifest.json')}" in built
    assert not any("push" in line for line in log)


def test_pushes_and_prints_the_digest_of_the_registry(tree: Path) -> None:
    name = "registry.test:5000/team/agent:7"
    done = build(tree, "--push", name, CONTAINER_PUSH_FLAGS="--tls-verify=false")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-2:] == [f"pushed: {name}", "digest: sha256:feed"]
    log = (tree / "log").read_text().splitlines()
    assert f"tag world-models-contest:latest {name}" in log
    assert log[-1].startswith("push --tls-verify=false --digestfile ") and log[-1].endswith(name)


def refused(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1, done.stderr
    return done.stderr


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--tag"], "--tag needs a value"),
        (["--push", "agent:1"], "--push 'agent:1' names no registry"),
        (["--publish", "x"], "unknown argument '--publish'"),
    ],
)
def test_refuses_wrong_arguments(tree: Path, arguments: list[str], reason: str) -> None:
    assert reason in refused(build(tree, *arguments))


def test_refuses_without_an_engine(tree: Path) -> None:
    assert "CONTAINER_ENGINE is 'nope'" in refused(build(tree, CONTAINER_ENGINE="nope"))
    assert "neither docker nor podman" in refused(
        build(tree, CONTAINER_ENGINE="", PATH=_path_without_engines(tree))
    )


def test_refuses_an_engine_that_does_not_answer(tree: Path) -> None:
    assert "('false info' failed)" in refused(build(tree, CONTAINER_ENGINE="false"))


def test_falls_back_from_a_docker_without_a_daemon_to_podman(tree: Path) -> None:
    programs = tree / "programs"
    programs.mkdir()
    (programs / "docker").write_text("#!/bin/sh\nexit 1\n")
    (programs / "docker").chmod(0o755)
    path = f"{programs}:{os.environ['PATH']}"
    shutil.copy(programs / "docker", programs / "podman")
    reason = refused(build(tree, CONTAINER_ENGINE="", PATH=path))
    assert "'docker info' and 'podman info' failed" in reason
    shutil.copy(tree / "engine", programs / "podman")
    done = build(tree, CONTAINER_ENGINE="", PATH=path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "id: sha256:0123abc" in done.stdout


def test_a_docker_without_buildx_is_named(tree: Path) -> None:
    missing = 'case "$*" in "build --help") exit 1 ;; esac\n'
    (tree / "engine").write_text(ENGINE + missing)
    assert "without its plugin buildx: install docker-buildx" in refused(build(tree))


def test_refuses_a_model_that_was_altered(tree: Path) -> None:
    (tree / "pretrained" / "vision.onnx").write_bytes(b"wEights")
    assert "pretrained/vision.onnx was altered" in refused(build(tree))
    (tree / "pretrained" / "vision.onnx").unlink()
    assert "pretrained/vision.onnx is missing" in refused(build(tree))
    (tree / "pretrained" / "manifest.json").write_text("{")
    assert "pretrained/manifest.json can't be read" in refused(build(tree))
    (tree / "pretrained" / "manifest.json").unlink()
    assert "pretrained/manifest.json is missing" in refused(build(tree))


def test_an_error_of_the_engine_is_reported(tree: Path) -> None:
    for command in ("build", "push"):
        failing = f'case "$*" in *--help) ;; {command}*) exit 1 ;; esac\n'
        (tree / "engine").write_text(ENGINE + failing)
        done = build(tree, "--push", "registry.test/agent:1")
        assert done.returncode == 2
        assert f"{command}" in done.stderr.splitlines()[-1] and "failed" in done.stderr


def _path_without_engines(tree: Path) -> str:
    """A PATH with the programs that build.sh needs and no other."""
    folder = tree / "bin"
    folder.mkdir()
    for name in ("bash", "env", "dirname", "cat", "sed"):
        (folder / name).symlink_to(str(shutil.which(name)))
    return str(folder)
