"""Starts what the container tests need: the engine, containers and contest servers."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BASE = "python:3.11-slim-bookworm"
LIMIT_MEGABYTES = 400  # memory limit, which the engine enforces while the agent plays
ISOLATED = (
    "--network=none",
    "--read-only",
    "--cap-drop=ALL",
    "--security-opt=no-new-privileges",
    "--security-opt=label=disable",  # with SELinux a container can't use a socket of the host
    f"--memory={LIMIT_MEGABYTES}m",
    f"--memory-swap={LIMIT_MEGABYTES}m",
    "--pids-limit=64",
)


def flags(kind: str) -> list[str]:
    """Return the user's additional flags for `build`, `run` or `push`."""
    return os.environ.get(f"CONTAINER_{kind}_FLAGS", "").split()


@dataclass(frozen=True)
class Engine:
    """docker or podman."""

    program: str

    @classmethod
    def find(cls) -> Engine:
        program = os.environ.get("CONTAINER_ENGINE") or next(
            filter(shutil.which, ("docker", "podman")), ""
        )
        if not shutil.which(program):
            pytest.fail("no container engine: install docker or podman, or set CONTAINER_ENGINE")
        return cls(program)

    def call(self, *arguments: str, seconds: float = 120) -> str:
        """Run a command of the engine to its end; return its standard output, stripped."""
        done = subprocess.run(
            [self.program, *arguments], capture_output=True, text=True, timeout=seconds
        )
        assert done.returncode == 0, f"{arguments} failed:\n{done.stdout}{done.stderr}"
        return done.stdout.strip()

    def python(self, image: str, code: str) -> str:
        """Run a Python program in a container of the image; return its output."""
        return self.call("run", "--rm", *flags("RUN"), *ISOLATED, image, "python", "-c", code)

    @contextlib.contextmanager
    def container(self, image: str, *options: str) -> Iterator[Container]:
        """Run a container for the duration of the block; remove it at the end in any case."""
        name = f"contest-test-{secrets.token_hex(6)}"
        command = [self.program, "run", f"--name={name}", *flags("RUN"), *options, image]
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        try:
            yield Container(self, name, process)
        finally:
            subprocess.run([self.program, "rm", "-f", name], capture_output=True, timeout=60)
            process.kill()
            process.communicate()


@dataclass
class Container:
    """A container and the process of the engine's client, which receives its output."""

    engine: Engine
    name: str
    process: subprocess.Popen[str]
    output: str = ""

    def wait(self, seconds: float = 120) -> int:
        """Wait for the end; return the exit code. After that, `output` is the whole output."""
        self.output, _ = self.process.communicate(timeout=seconds)
        return self.process.returncode

    def wait_for(self, text: str) -> None:
        """Wait until the container has printed a text."""
        for _ in range(200):
            logs = subprocess.run(
                [self.engine.program, "logs", self.name], capture_output=True, text=True
            )
            if text in logs.stdout + logs.stderr:
                return
            time.sleep(0.1)
        raise AssertionError(f"{self.name} did not print {text!r}")

    def pid(self) -> int:
        """Wait for the container's first process; return its process ID on the host."""
        for _ in range(100):
            done = subprocess.run(
                [self.engine.program, "inspect", "--format={{.State.Pid}}", self.name],
                capture_output=True,
                text=True,
            )
            if done.returncode == 0 and int(done.stdout) > 0:
                return int(done.stdout)
            time.sleep(0.05)
        raise AssertionError(f"{self.name} did not start")


@dataclass
class MemoryWatch:
    """Samples the resident memory of a process until it ends."""

    pid: int
    megabytes: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        status = Path(f"/proc/{self.pid}/status")
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            while "VmRSS:" in (text := status.read_text()):  # a zombie has no VmRSS
                kilobytes = int(text.partition("VmRSS:")[2].split()[0])
                self.megabytes.append(kilobytes / 1000)
                time.sleep(0.1)


@dataclass(frozen=True)
class Compo:
    """The folders that a contest mounts, under a path short enough for a socket."""

    tmp: Path
    out: Path
    results: Path

    @classmethod
    @contextlib.contextmanager
    def make(cls) -> Iterator[Compo]:
        with tempfile.TemporaryDirectory(prefix="compo-", dir="/tmp") as folder:
            compo = cls(*(Path(folder, name) for name in ("tmp", "out", "results")))
            for path in (compo.tmp, compo.out, compo.results):
                path.mkdir()
            compo.out.chmod(0o777)
            yield compo

    def mounts(self, out: bool = True) -> list[str]:
        """Return the engine's flags for the socket folder and, if `out`, the output folder."""
        mounts = [f"--volume={self.tmp}:/root/compo/tmp"]
        return mounts + ([f"--volume={self.out}:/root/compo/out"] if out else [])

    @contextlib.contextmanager
    def server(self, timesteps: int) -> Iterator[None]:
        """Run the arena's contest server on the real emulator; it must exit with code 0."""
        command = [sys.executable, "-m", "arena", "serve", "airstriker"]
        command += [f"--socket-dir={self.tmp / 'sock'}", f"--monitor-dir={self.results}"]
        command += ["--seed=1", f"--timestep-limit={timesteps}"]
        process = subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        try:
            while process.poll() is None and not (self.tmp / "sock/sock").exists():
                time.sleep(0.05)
            yield
            output, _ = process.communicate(timeout=30)
            assert process.returncode == 0, output
        finally:
            process.kill()
            process.communicate()
